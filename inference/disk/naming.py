"""Gives a model on the disk a name for clients."""

from django.core.exceptions import ValidationError

from inference.disk.scan import OnDisk
from settings_app import local_models
from settings_app.changes import Author
from settings_app.models import LocalModel


def serve(model: OnDisk, name: str, author: Author) -> LocalModel:
    """Clients can ask for it as `name` from now on. Raises ValidationError at `name`."""
    local_models.check_free(name)
    if model.facts.fault:
        raise ValidationError({"name": f"{model.title} cannot be served: {model.facts.fault}."})
    return local_models.add(name=name, path=model.folder, author=author)
