"""What `/v1` knows of the settings: an immutable copy in memory, checked against the database at each request.

SQLite counts the commits of other connections (`PRAGMA data_version`, 4 µs), whichever process made them. The
count is read on a connection that never writes, so that no commit of this process escapes it.
"""

import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection

from settings_app import timeouts
from settings_app.models import Access, ApiKey, LocalModel
from settings_app.models import Serving as StoredServing


@dataclass(frozen=True)
class Key:
    name: str
    is_admin: bool


@dataclass(frozen=True)
class Model:
    """`kind`: text or embedding. `deadline_seconds`: the model's own limit; None if it has none."""

    name: str
    folder: Path
    kind: str
    deadline_seconds: float | None


@dataclass(frozen=True)
class Serving:
    """`keep_alive`: comment, chunk or off."""

    keep_alive: str
    honour_client_timeout: bool
    stuck_grace_seconds: float
    max_queued: int


@dataclass(frozen=True)
class Snapshot:
    """`timeouts`: seconds by endpoint key. `keys`: by SHA-256 in hex. `models`: by name."""

    timeouts: Mapping[str, float]
    keys: Mapping[str, Key]
    models: Mapping[str, Model]
    serving: Serving
    require_key_on_loopback: bool


_NONE: Mapping[str, Any] = MappingProxyType({})
EMPTY = Snapshot(_NONE, _NONE, _NONE, Serving("comment", True, 30.0, 256), True)


class _Watch:
    """The database's commit count, on a connection of its own."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._lock = threading.Lock()

    def version(self) -> int:
        with self._lock:
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


_watch: _Watch | None = None
_held: tuple[int, Snapshot] | None = None


async def current() -> Snapshot:
    """The settings as they are stored now. Costs microseconds unless something was written since the last call."""
    seen = version()
    if _held is not None and _held[0] == seen:
        return _held[1]
    return await sync_to_async(_load)(seen)


def version() -> int:
    """A number that moves when anything is written to the database, by whichever process. Costs microseconds."""
    global _watch, _held
    path = str(connection.settings_dict["NAME"])
    if _watch is None or _watch.path != path:
        _watch, _held = _Watch(path), None
    return _watch.version()


def _load(seen: int) -> Snapshot:
    """`seen` was read before this: a commit in between makes the next request load again."""
    global _held
    snapshot = Snapshot(
        timeouts=timeouts.in_force().seconds,
        keys=MappingProxyType({key.digest: Key(key.name, key.is_admin) for key in ApiKey.objects.all()}),
        models=MappingProxyType({model.name: _model(model) for model in LocalModel.objects.all()}),
        serving=_serving(StoredServing.objects.first() or StoredServing()),
        require_key_on_loopback=any(Access.objects.values_list("require_key_on_loopback", flat=True)),
    )
    _held = (seen, snapshot)
    return snapshot


def _model(row: LocalModel) -> Model:
    return Model(row.name, Path(row.path), row.kind, row.deadline_seconds)


def _serving(row: StoredServing) -> Serving:
    return Serving(row.keep_alive, row.honour_client_timeout, row.stuck_grace_seconds, row.max_queued)
