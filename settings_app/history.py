"""The record of every change of a setting: read in pages, and put back."""

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.http import Http404

from settings_app import changes
from settings_app.changes import Author
from settings_app.durations import seconds_text
from settings_app.models import Access, Change, Serving, Timeout

NOTHING = "\N{EN DASH}"
REVERTABLE = {model._meta.model_name: model for model in (Timeout, Access, Serving)}


def page(*, before: int | None, limit: int) -> tuple[list[Change], int | None]:
    """Up to `limit` changes older than `before`, newest first, and where the next page begins (None: no more)."""
    rows = Change.objects.all() if before is None else Change.objects.filter(id__lt=before)
    found = list(rows[: limit + 1])
    return found[:limit], (found[limit - 1].id if len(found) > limit else None)


def field_label(change: Change) -> str:
    """What was changed, in the words of the forms: the field, or for a whole row the kind of row."""
    try:
        options = apps.get_model("settings_app", change.table)._meta
        named = options.get_field(change.field) if change.field else options
    except (LookupError, FieldDoesNotExist):  # of another version of this product
        return (change.field or change.table).replace("_", " ")
    return str(getattr(named, "verbose_name", change.field))


def value_text(value: object, field: str) -> str:
    """A value in the words of the page it was changed on."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float) and field == "seconds":
        return seconds_text(value)
    return str(value)


def can_revert(change: Change) -> bool:
    """Whether the old value can be put back: a setting that has one, of a table whose rows stay."""
    return change.table in REVERTABLE and change.old is not None


def revert(change_id: int, author: Author) -> Change:
    """Puts the old value back, as a change of its own, which is returned.

    Raises Http404 for an unknown id, ValidationError if there is nothing to put back or it is refused today.
    """
    change = Change.objects.filter(id=change_id).first()
    if change is None:
        raise Http404(f"There is no change {change_id}.")
    if not can_revert(change):
        raise ValidationError("This change cannot be put back.")
    row: models.Model | None = (
        apps.get_model("settings_app", change.table).objects.filter(pk=change.row).first()
    )
    if row is None:
        raise ValidationError(f"{change.label} is no longer there.")
    if getattr(row, change.field) == change.old:
        raise ValidationError(f"{change.label} is {value_text(change.old, change.field)} already.")
    setattr(row, change.field, change.old)
    changes.save(row, author)
    return Change.objects.filter(table=change.table, row=change.row).latest("id")
