"""The routing rules: made, changed, put into order and deleted."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from settings_app import changes
from settings_app.changes import Author
from settings_app.models import Rule

ORDER = "order"  # the field of a Change that tells the whole order
LABEL = "Routing rules"


def create(values: Mapping[str, Any], author: Author) -> Rule:
    """`values` by field name; `position` is where it goes, the end if it is not given. Raises ValidationError."""
    with transaction.atomic():
        return _store(_at_the_end(Rule()), values, author)


def add(rule: Rule, author: Author) -> None:
    """Stores a new rule at the end. Raises ValidationError."""
    with transaction.atomic():
        changes.save(_at_the_end(rule), author)


def change(rule: Rule, values: Mapping[str, Any], author: Author) -> Rule:
    """Stores `values`, by field name: all of them, or none. Raises ValidationError."""
    with transaction.atomic():
        return _store(rule, values, author)


def delete(rule: Rule, author: Author) -> None:
    with transaction.atomic():
        changes.delete(rule, author)
        _number(_ids())


def order(ids: Sequence[int], author: Author) -> None:
    """Puts the rules into this order. Raises ValidationError unless it names each of them once."""
    with transaction.atomic():
        stored = _ids()
        if sorted(ids) != sorted(stored):
            raise ValidationError(
                {
                    ORDER: f"Name every rule once; those that are stored are {', '.join(map(str, stored)) or 'none'}."
                }
            )
        if list(ids) != stored:
            _number(ids)
            changes.record(author, table="rule", label=LABEL, field=ORDER, old=stored, new=list(ids))


def restore(rule: Rule, author: Author) -> None:
    """Puts a deleted rule back, to where it was as far as that is there."""
    with transaction.atomic():
        at = rule.position
        changes.save(_at_the_end(rule), author)
        _number(_moved(rule.pk, at))


def _at_the_end(rule: Rule) -> Rule:
    rule.position = Rule.objects.count() + 1
    return rule


def _store(rule: Rule, values: Mapping[str, Any], author: Author) -> Rule:
    plain = dict(values)
    position = plain.pop("position", None)
    for name, value in plain.items():
        setattr(rule, "provider_id" if name == "provider" else name, value)
    changes.save(rule, author)
    if position is not None:
        order(_moved(rule.pk, position), author)
        rule.refresh_from_db()
    return rule


def _moved(id: int, position: int) -> list[int]:
    others = [other for other in _ids() if other != id]
    others.insert(position - 1, id)
    return others


def _ids() -> list[int]:
    return list(Rule.objects.order_by("position", "id").values_list("id", flat=True))


def _number(ids: Sequence[int]) -> None:
    """Positions 1, 2, 3 … They are no fields of the history, which has the order in one piece."""
    rules = Rule.objects.in_bulk(ids)
    moved = [rules[id] for position, id in enumerate(ids, 1) if rules[id].position != position]
    for position, id in enumerate(ids, 1):
        rules[id].position = position
    Rule.objects.bulk_update(moved, ["position"])
