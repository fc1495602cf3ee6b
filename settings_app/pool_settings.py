"""How the models on this machine share its memory: read, changed, and what it comes to in bytes."""

from collections.abc import Mapping

from django.conf import settings

from settings_app import one_row, snapshot
from settings_app.changes import Author
from settings_app.forms.pool import PoolForm
from settings_app.models import Pool
from settings_app.sizes import GB


def current() -> Pool:
    return one_row.current(Pool)


def save(values: Mapping[str, object], author: Author) -> Pool:
    """As `one_row.save`."""
    return one_row.save(PoolForm, values, author)


def machine_bytes() -> int:
    """The memory of this machine, or what the operator says it is."""
    return int(settings.MEMORY_BYTES)


def limit_bytes(pool: Pool | snapshot.Pool) -> int:
    """What all models may hold together. Never more than there is, also where another machine's value is stored."""
    if pool.memory_limit_mode == "gb":
        return min(int(pool.memory_limit_value * GB), settings.MEMORY_BYTES)
    return int(settings.MEMORY_BYTES * pool.memory_limit_value / 100)
