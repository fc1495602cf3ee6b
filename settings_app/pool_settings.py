"""How the models on this machine share its memory: read, changed, and what it comes to in bytes."""

from collections.abc import Mapping

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import model_to_dict

from settings_app import changes, snapshot
from settings_app.changes import Author
from settings_app.forms.pool import PoolForm
from settings_app.json_values import typed
from settings_app.models import Pool
from settings_app.models.pool import GB


def current() -> Pool:
    """The one row, or the defaults where it is missing."""
    return Pool.objects.filter(pk=1).first() or Pool(pk=1)


def save(values: Mapping[str, object], author: Author) -> Pool:
    """Stores `values` (JSON's, by field name): all of them, or none. Raises ValidationError with messages per field."""
    with transaction.atomic():
        row = current()
        form = PoolForm({**model_to_dict(row), **typed(PoolForm, values)}, instance=row)
        if not form.is_valid():
            raise ValidationError(form.errors.as_data())
        changes.save(form.instance, author)
        return form.instance


def machine_bytes() -> int:
    """The memory of this machine, or what the operator says it is."""
    return int(settings.MEMORY_BYTES)


def limit_bytes(pool: Pool | snapshot.Pool) -> int:
    """What all models may hold together. Never more than there is, also where another machine's value is stored."""
    if pool.memory_limit_mode == "gb":
        return min(int(pool.memory_limit_value * GB), settings.MEMORY_BYTES)
    return int(settings.MEMORY_BYTES * pool.memory_limit_value / 100)
