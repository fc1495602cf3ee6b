"""What a JSON body says, as a form takes it: the form's own checks and words are those of every door."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

NOT_A_SWITCH = "Say true or false."


def typed(form: type[forms.ModelForm[Any]], values: Mapping[str, object]) -> dict[str, Any]:
    """`values` by field name as a person would have typed them. Raises ValidationError for a switch that is no boolean.

    Text for a number keeps its quotes, and so is no number to the form.
    """
    return {name: _typed(form, name, value) for name, value in values.items()}


def _typed(form: type[forms.ModelForm[Any]], name: str, value: object) -> object:
    field = form.base_fields[name]
    if isinstance(field, forms.BooleanField):
        if not isinstance(value, bool):
            raise ValidationError({name: NOT_A_SWITCH})
        return value
    if isinstance(value, str) and isinstance(field, forms.ChoiceField):
        return value
    return json.dumps(value)
