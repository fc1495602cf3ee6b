"""Every write of a setting goes through here: validated, saved and recorded in one transaction.

The doors (page, admin, API, command) differ only in the `Author` they pass.
"""

import getpass
import math
from collections.abc import Collection
from dataclasses import dataclass

from django.db import models, transaction
from django.http import HttpRequest

from settings_app.models import Change


@dataclass(frozen=True)
class Author:
    """Who changes something (a username, "key NAME", a shell's user), and through which `Change.Door`."""

    who: str
    door: str

    def __str__(self) -> str:
        return f"{self.who} ({self.door})"


def page_author(request: HttpRequest) -> Author:
    return Author(request.user.get_username(), Change.Door.PAGE)


def admin_author(request: HttpRequest) -> Author:
    return Author(request.user.get_username(), Change.Door.ADMIN)


def command_author() -> Author:
    return Author(getpass.getuser(), Change.Door.COMMAND)


def save(instance: models.Model, author: Author, *, secret_fields: Collection[str] = ()) -> None:
    """Validates and stores `instance`, with a `Change` for each field that differs from what is stored.

    A row that is new is one `Change`, of no field, to its name.
    A secret field's change is recorded without its values. Raises ValidationError; then nothing is stored.
    """
    with transaction.atomic():
        stored = type(instance)._default_manager.select_for_update().filter(pk=instance.pk).first()
        instance.full_clean()
        if stored is None:
            instance.save()
            _record(instance, author, "", None, str(instance))
            return
        before, after = _values(stored), _values(instance)
        changed = [name for name, value in after.items() if before[name] != value]
        if changed:
            instance.save()
        for name in changed:
            hidden = name in secret_fields
            _record(instance, author, name, None if hidden else before[name], None if hidden else after[name])


def delete(instance: models.Model, author: Author, *, secret_fields: Collection[str] = ()) -> None:
    """Deletes `instance`. The `Change` keeps its values, less the secret ones, for whoever wants it back."""
    values = {name: value for name, value in _values(instance).items() if name not in secret_fields}
    with transaction.atomic():
        _record(instance, author, "", {"": str(instance), **values}, None)
        instance.delete()


def record(
    author: Author, *, table: str, label: str, field: str, old: object, new: object, row: str = ""
) -> None:
    """A change that `save` does not see; whoever makes it has validated it, in the same transaction."""
    Change.objects.create(
        who=author.who, door=author.door, table=table, row=row, label=label, field=field, old=old, new=new
    )


def _values(instance: models.Model) -> dict[str, object]:
    """A model's UNRECORDED fields are no settings: they follow from others, or tell what was seen."""
    left_out = getattr(instance, "UNRECORDED", ())
    return {
        field.name: _plain(field.value_from_object(instance))
        for field in instance._meta.concrete_fields
        if not field.primary_key and not getattr(field, "auto_now_add", False) and field.name not in left_out
    }


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | str | list | dict):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value)


def _record(instance: models.Model, author: Author, field: str, old: object, new: object) -> None:
    Change.objects.create(
        who=author.who,
        door=author.door,
        table=instance._meta.model_name or "",
        row=str(instance.pk),
        label=str(instance),
        field=field,
        old=old,
        new=new,
    )
