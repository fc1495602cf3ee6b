"""Settings that are one row: read, and changed from what a JSON body says."""

from collections.abc import Mapping
from typing import TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.forms import model_to_dict

from settings_app import changes
from settings_app.changes import Author
from settings_app.json_values import typed

T = TypeVar("T", bound=models.Model)


def current(table: type[T]) -> T:
    """The one row, or the defaults where it is missing."""
    return table._default_manager.filter(pk=1).first() or table(pk=1)


def save(form: type[forms.ModelForm[T]], values: Mapping[str, object], author: Author) -> T:
    """Stores `values` (JSON's, by field name): all of them, or none. Raises ValidationError with messages per field."""
    with transaction.atomic():
        row = current(form._meta.model)
        filled = form({**model_to_dict(row), **typed(form, values)}, instance=row)
        if not filled.is_valid():
            raise ValidationError(filled.errors.as_data())
        changes.save(filled.instance, author)
        return filled.instance
