"""The routing rules: made, changed, put into order and deleted."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from settings_app import changes
from settings_app.changes import Author
from settings_app.models import Rule

ORDER = "order"  # the field of a Change that tells the whole order
POSITION = "position"  # the field of a Change that tells where one rule went
LABEL = "Routing rules"


def create(values: Mapping[str, Any], author: Author) -> Rule:
    """`values` by field name; `position` is where it goes, the end if it is not given. Raises ValidationError."""
    rule = _with(Rule(), values)
    add(rule, author, position=values.get("position"))
    return rule


def add(rule: Rule, author: Author, *, position: int | None = None) -> None:
    """Stores a new rule. Raises ValidationError."""
    with transaction.atomic():
        rule.position = Rule.objects.count() + 1
        changes.save(rule, author)
        _number(_moved(_ids(), rule.pk, position))
        rule.refresh_from_db()


def change(rule: Rule, values: Mapping[str, Any], author: Author) -> Rule:
    """Stores `values`, by field name: all of them, or none. Raises ValidationError.

    What is not named stays as it is stored, also if somebody changed it since `rule` was read.
    """
    with transaction.atomic():
        stored = Rule.objects.filter(pk=rule.pk).first()
        if stored is None:
            raise ValidationError(f"The rule {rule} is no longer there.")
        changes.save(_with(stored, values), author)
        if values.get("position") is not None:
            place(rule, values["position"], author)
        rule.refresh_from_db()
        return rule


def delete(rule: Rule, author: Author) -> None:
    with transaction.atomic():
        changes.delete(rule, author)
        _number(_ids())


def place(rule: Rule, position: int, author: Author) -> None:
    """Moves one rule to this position, or to the end if there are not so many."""
    with transaction.atomic():
        stored = _ids()
        wanted = _moved(stored, rule.pk, position)
        if wanted != stored:
            _number(wanted)
            changes.record(
                author,
                table="rule",
                row=str(rule.pk),
                label=str(rule),
                field=POSITION,
                old=stored.index(rule.pk) + 1,
                new=wanted.index(rule.pk) + 1,
            )


def move(rule: Rule, author: Author, *, before: int | None = None, after: int | None = None) -> Rule:
    """Moves one rule to just before or just after another, wherever that is now. Raises ValidationError.

    Two moves at once are both done: neither of them says where any third rule stands.
    """
    if (before is None) == (after is None):
        raise ValidationError({"before": "Say before or after which rule it goes: one of the two."})
    name, other = ("before", before) if after is None else ("after", after)
    with transaction.atomic():
        others = [id for id in _ids() if id != rule.pk]
        if other not in others:
            raise ValidationError(
                {name: "The rule beside which it was to go is not there any more. Move it again."}
            )
        place(rule, others.index(other) + (1 if name == "before" else 2), author)
        rule.refresh_from_db()
        return rule


def order(ids: Sequence[int], author: Author, *, was: Sequence[int] | None = None) -> None:
    """Puts the rules into this order. Raises ValidationError unless it names each of them once.

    `was`: the order that this one was made from; it is refused if somebody has changed that meanwhile.
    """
    with transaction.atomic():
        stored = _ids()
        if was is not None and list(was) != stored:
            raise ValidationError(
                {
                    "was": f"The order was changed meanwhile: it is {_named(stored)} now. Look at it and try again."
                }
            )
        if sorted(ids) != sorted(stored):
            raise ValidationError(
                {ORDER: f"Name every rule once; those that are stored are {_named(stored)}."}
            )
        if list(ids) != stored:
            _number(ids)
            changes.record(author, table="rule", label=LABEL, field=ORDER, old=stored, new=list(ids))


def restore(rule: Rule, author: Author) -> None:
    """Puts a deleted rule back, to where it was as far as that is there."""
    with transaction.atomic():
        add(rule, author, position=rule.position)


def _with(rule: Rule, values: Mapping[str, Any]) -> Rule:
    for name, value in values.items():
        if name != "position":
            setattr(rule, "provider_id" if name == "provider" else name, value)
    return rule


def _moved(ids: Sequence[int], id: int, position: int | None) -> list[int]:
    others = [other for other in ids if other != id]
    others.insert(len(others) if position is None else position - 1, id)
    return others


def _named(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids)) or "none"


def _ids() -> list[int]:
    return list(Rule.objects.order_by("position", "id").values_list("id", flat=True))


def _number(ids: Sequence[int]) -> None:
    """Positions 1, 2, 3 … They are no fields that `changes.save` follows: a move is one change of one rule."""
    stored = dict(Rule.objects.values_list("id", "position"))
    moved = [(position, id) for position, id in enumerate(ids, 1) if stored[id] != position]
    with connection.cursor() as cursor:  # the ORM's bulk_update takes 130 ms for a thousand, this 6
        cursor.executemany(f"UPDATE {Rule._meta.db_table} SET position = %s WHERE id = %s", moved)
