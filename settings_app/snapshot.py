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

from asgiref.sync import sync_to_async
from django.db import connection

from settings_app import timeouts
from settings_app.models import Access, ApiKey, LocalModel


@dataclass(frozen=True)
class Key:
    name: str
    is_admin: bool


@dataclass(frozen=True)
class Snapshot:
    """`timeouts`: seconds by endpoint key. `keys`: by SHA-256 in hex. `models`: folders by name."""

    timeouts: Mapping[str, float]
    keys: Mapping[str, Key]
    models: Mapping[str, Path]
    require_key_on_loopback: bool


EMPTY = Snapshot(MappingProxyType({}), MappingProxyType({}), MappingProxyType({}), True)


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
    version = _version()
    if _held is not None and _held[0] == version:
        return _held[1]
    return await sync_to_async(_load)(version)


def _version() -> int:
    global _watch, _held
    path = str(connection.settings_dict["NAME"])
    if _watch is None or _watch.path != path:
        _watch, _held = _Watch(path), None
    return _watch.version()


def _load(version: int) -> Snapshot:
    """`version` was read before this: a commit in between makes the next request load again."""
    global _held
    snapshot = Snapshot(
        timeouts=timeouts.in_force().seconds,
        keys=MappingProxyType({key.digest: Key(key.name, key.is_admin) for key in ApiKey.objects.all()}),
        models=MappingProxyType({model.name: Path(model.path) for model in LocalModel.objects.all()}),
        require_key_on_loopback=any(Access.objects.values_list("require_key_on_loopback", flat=True)),
    )
    _held = (version, snapshot)
    return snapshot
