"""How requests are treated beside their deadlines: read, and changed from what a JSON body says."""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import model_to_dict

from settings_app import changes
from settings_app.changes import Author
from settings_app.forms.serving import ServingForm
from settings_app.json_values import typed
from settings_app.models import Serving


def current() -> Serving:
    """The one row, or the defaults where it is missing."""
    return Serving.objects.filter(pk=1).first() or Serving(pk=1)


def save(values: Mapping[str, object], author: Author) -> Serving:
    """Stores `values` (JSON's, by field name): all of them, or none. Raises ValidationError with messages per field."""
    with transaction.atomic():
        row = current()
        form = ServingForm({**model_to_dict(row), **typed(ServingForm, values)}, instance=row)
        if not form.is_valid():
            raise ValidationError(form.errors.as_data())
        changes.save(form.instance, author)
        return form.instance
