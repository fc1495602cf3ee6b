"""The record of every change of a setting: read in pages, and put back."""

from datetime import datetime

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models, transaction
from django.http import Http404

from settings_app import changes, providers, rules
from settings_app.changes import Author
from settings_app.durations import seconds_text
from settings_app.models import Access, Change, LocalModel, Pool, Provider, Retention, Rule, Serving, Timeout

MOST_ENTRIES = 12  # of a list that are told; the order of a thousand rules is one
NOTHING = "\N{EN DASH}"
REVERTABLE: dict[str, type[models.Model]] = {
    model.__name__.lower(): model
    for model in (Access, LocalModel, Pool, Provider, Retention, Rule, Serving, Timeout)
}


def page(*, before: int | None, limit: int) -> tuple[list[Change], int | None]:
    """Up to `limit` changes older than `before`, newest first, and where the next page begins (None: no more)."""
    rows = Change.objects.all() if before is None else Change.objects.filter(id__lt=before)
    found = list(rows[: limit + 1])
    return found[:limit], (found[limit - 1].id if len(found) > limit else None)


def first_changed(table: str) -> dict[str, datetime]:
    """When each row of a table came, by its key: its first change is that it was made."""
    rows = Change.objects.filter(table=table).values_list("row").annotate(first=models.Min("at")).order_by()
    return dict(rows)


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
    if isinstance(value, dict):  # a row that was deleted
        return str(value.get("", NOTHING))
    if isinstance(value, list):
        shown = [_entry_text(entry) for entry in value[:MOST_ENTRIES]]
        left_out = [f"{len(value) - MOST_ENTRIES} more"] if len(value) > MOST_ENTRIES else []
        return ", ".join(shown + left_out) or NOTHING
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float) and field == "seconds":
        return seconds_text(value)
    return str(value)


def _entry_text(entry: object) -> str:
    """A number of an order, or a fallback of a rule."""
    if not isinstance(entry, dict):
        return str(entry)
    where = "this machine" if entry.get("provider") is None else f"provider {entry['provider']}"
    return f"{where} on {', '.join(entry.get('causes', []))}"


def is_secret(change: Change) -> bool:
    """Whether the record tells that something was changed, and not what it was."""
    return change.table == "provider" and change.field in providers.SECRET


def note(change: Change) -> str:
    """What whoever just made `change` by a revert has to know besides; mostly nothing."""
    if change.table == "provider" and not change.field and change.new is not None:
        return "It has no API key: enter it on the settings page. The history keeps none."
    return ""


def can_revert(change: Change) -> bool:
    """Whether the old value can be put back: a setting that has one, or a row that was deleted."""
    return (
        change.table in REVERTABLE and change.old is not None and (bool(change.field) or _was_deleted(change))
    )


def _was_deleted(change: Change) -> bool:
    return not change.field and change.new is None and isinstance(change.old, dict)


def revert(change_id: int, author: Author) -> Change:
    """Puts the old value back, as a change of its own, which is returned.

    Raises Http404 for an unknown id, ValidationError if there is nothing to put back or it is refused today.
    """
    change = Change.objects.filter(id=change_id).first()
    if change is None:
        raise Http404(f"There is no change {change_id}.")
    if not can_revert(change):
        raise ValidationError("This change cannot be put back.")
    # What is read here is what is stored until the other values of the row are saved.
    with transaction.atomic():
        if change.table == "rule" and change.field == rules.ORDER:
            _put_in_order(change, author)
        elif change.table == "rule" and change.field == rules.POSITION:
            _move_back(change, author)
        elif _was_deleted(change):
            row = _restored(change)
            rules.restore(row, author) if isinstance(row, Rule) else _save(row, author)
        else:
            _save(_put_back(change), author)
    return Change.objects.filter(table=change.table, row=change.row).latest("id")


def _save(row: models.Model, author: Author) -> None:
    providers.save(row, author) if isinstance(row, Provider) else changes.save(row, author)


def _put_in_order(change: Change, author: Author) -> None:
    """The old order of the rules, less those that were deleted since; new ones go to the end."""
    stored = list(Rule.objects.values_list("id", flat=True))
    assert isinstance(change.old, list)
    old = [id for id in change.old if id in stored]
    wanted = old + [id for id in stored if id not in old]
    if wanted == stored:
        raise ValidationError(f"{change.label} are in that order already.")
    rules.order(wanted, author)


def _move_back(change: Change, author: Author) -> None:
    rule = Rule.objects.filter(pk=change.row).first()
    if rule is None:
        raise ValidationError(f"{change.label} is no longer there.")
    if rule.position == change.old:
        raise ValidationError(f"{change.label} is at position {change.old} already.")
    assert isinstance(change.old, int)
    rules.place(rule, change.old, author)


def _restored(change: Change) -> models.Model:
    """The deleted row under its old number, so that what pointed to it does so again. Secrets are gone."""
    table = REVERTABLE[change.table]
    if table._default_manager.filter(pk=change.row).exists():
        raise ValidationError(f"{change.label} is there already.")
    row = table(pk=change.row)
    assert change.old is not None
    for name, value in change.old.items():
        if name:
            setattr(row, _attribute(row, name), value)
    return row


def _put_back(change: Change) -> models.Model:
    row = REVERTABLE[change.table]._default_manager.filter(pk=change.row).first()
    if row is None:
        raise ValidationError(f"{change.label} is no longer there.")
    attribute = _attribute(row, change.field)
    if getattr(row, attribute) == change.old:
        raise ValidationError(f"{change.label} is {value_text(change.old, change.field)} already.")
    setattr(row, attribute, change.old)
    return row


def _attribute(row: models.Model, field: str) -> str:
    """Where a row keeps the plain value of a field: `provider_id` for `provider`."""
    return str(getattr(row._meta.get_field(field), "attname", field))
