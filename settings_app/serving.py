"""How requests are treated beside their deadlines: read, and changed from what a JSON body says."""

import json
from collections.abc import Mapping

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import model_to_dict

from settings_app import changes
from settings_app.changes import Author
from settings_app.forms.serving import ServingForm
from settings_app.models import Serving

NOT_A_SWITCH = "Say true or false."


def current() -> Serving:
    """The one row, or the defaults where it is missing."""
    return Serving.objects.filter(pk=1).first() or Serving(pk=1)


def save(values: Mapping[str, object], author: Author) -> Serving:
    """Stores `values` (JSON's, by field name): all of them, or none. Raises ValidationError with messages per field."""
    with transaction.atomic():
        row = current()
        typed = {name: _typed(name, value) for name, value in values.items()}
        form = ServingForm({**model_to_dict(row), **typed}, instance=row)
        if not form.is_valid():
            raise ValidationError(form.errors.as_data())
        changes.save(form.instance, author)
        return form.instance


def _typed(name: str, value: object) -> object:
    """`value` as a person would have typed it. Text for a number keeps its quotes, and so is no number to the form."""
    field = ServingForm.base_fields[name]
    if isinstance(field, forms.BooleanField):
        if not isinstance(value, bool):
            raise ValidationError({name: NOT_A_SWITCH})
        return value
    if isinstance(value, str) and isinstance(field, forms.ChoiceField):
        return value
    return json.dumps(value)
