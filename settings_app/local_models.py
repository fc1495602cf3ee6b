"""The models on this machine that clients can ask for by name."""

from pathlib import Path

from django.core.exceptions import ValidationError
from django.db import transaction

from settings_app import changes
from settings_app.changes import Author
from settings_app.models import LocalModel


def add(*, name: str, path: Path, author: Author) -> LocalModel:
    """Gives the folder at `path` the name `name`; the same name again points it to the new folder.

    Raises ValidationError if the name cannot be used or the folder is no model in mlx format.
    """
    folder = path.expanduser().resolve()
    _check_folder(folder)
    with transaction.atomic():
        model = LocalModel.objects.filter(name=name).first() or LocalModel(name=name)
        model.path = str(folder)
        changes.save(model, author)
    return model


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ValidationError({"path": f"{folder} is no folder."})
    if not (folder / "config.json").is_file():
        raise ValidationError({"path": f"{folder} has no config.json: it is no model in mlx format."})
    if not any(folder.glob("model*.safetensors")):
        raise ValidationError({"path": f"{folder} has no model*.safetensors: it is no model in mlx format."})
