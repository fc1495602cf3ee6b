"""What `/v1` knows of the settings: an immutable copy in memory, checked against the database at each request.

SQLite counts the commits of other connections (`PRAGMA data_version`, 4 µs), whichever process made them. The
count is read on a connection that never writes, so that no commit of this process escapes it. The request log moves
it too, so a part whose rows are as they were is kept: the same object, for whoever has compiled something from it.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

from settings_app import sealing, timeouts
from settings_app.models import Access, ApiKey, LocalModel
from settings_app.models import Pool as StoredPool
from settings_app.models import Provider as StoredProvider
from settings_app.models import Rule as StoredRule
from settings_app.models import Serving as StoredServing

T = TypeVar("T")
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Key:
    name: str
    is_admin: bool


@dataclass(frozen=True)
class Model:
    """`kind`: text or embedding. `deadline_seconds`: the model's own limit; None if it has none.

    `idle_minutes`: its own time to live; None is the pool's, 0 never.
    """

    name: str
    folder: Path
    kind: str
    deadline_seconds: float | None
    pinned: bool = False
    preload: bool = False
    idle_minutes: float | None = None


@dataclass(frozen=True)
class Serving:
    """`keep_alive`: comment, chunk or off."""

    keep_alive: str
    honour_client_timeout: bool
    stuck_grace_seconds: float
    max_queued: int


@dataclass(frozen=True)
class Pool:
    """`memory_limit_mode`: percent or gb. `eviction_policy`: lru, lfu or ttl."""

    memory_limit_mode: str = "percent"
    memory_limit_value: float = 80
    max_models: int = 4
    idle_minutes: float = 0
    eviction_policy: str = "lru"
    prefill_chunk: int = 2048
    prompt_cache_gb: float = 1


@dataclass(frozen=True)
class Provider:
    """`problem`: why nothing can be sent there, in words that follow its name; empty if it can."""

    id: int
    name: str
    protocol: str
    base_url: str
    api_key: str = field(repr=False)
    allow_private: bool
    problem: str


@dataclass(frozen=True)
class Fallback:
    """Where a request goes when those before it failed for one of `causes` (error, overload, timeout).

    `after_seconds`: how long the target before has, with the cause timeout, to begin its answer; None is half of what
    is left of the deadline.
    """

    provider_id: int | None
    target_model: str
    causes: tuple[str, ...]
    after_seconds: float | None = None


@dataclass(frozen=True)
class Rule:
    """`kind`: exact, prefix, glob or regex. `provider_id` None is this machine.

    `target_model` "" is the name that was asked for.
    """

    id: int
    position: int
    pattern: str
    kind: str
    provider_id: int | None
    target_model: str
    fallbacks: tuple[Fallback, ...]
    local_only: bool
    enabled: bool


@dataclass(frozen=True)
class Snapshot:
    """`timeouts`: seconds by endpoint key. `keys`: by SHA-256 in hex. `models`: by name. `providers`: by id.

    `rules`: in their order, those that are switched off too.
    """

    timeouts: Mapping[str, float]
    keys: Mapping[str, Key]
    models: Mapping[str, Model]
    serving: Serving
    require_key_on_loopback: bool
    pool: Pool
    providers: Mapping[int, Provider]
    rules: tuple[Rule, ...]


_NONE: Mapping[Any, Any] = MappingProxyType({})
EMPTY = Snapshot(_NONE, _NONE, _NONE, Serving("comment", True, 30.0, 256), True, Pool(), _NONE, ())


class _Watch:
    """The database's commit count, on a connection of its own."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._lock = threading.Lock()

    def version(self) -> int:
        with self._lock:
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


class _Kept(Generic[T]):
    """What was made of some rows, made again when they are others."""

    def __init__(self, make: Callable[[list[Row]], T]) -> None:
        self._make = make
        self._held: tuple[list[Row], T] | None = None

    def of(self, rows: list[Row]) -> T:
        held = self._held
        if held is None or held[0] != rows:
            held = self._held = (rows, self._make(rows))
        return held[1]


_watch: _Watch | None = None
_held: tuple[int, Snapshot] | None = None


async def current() -> Snapshot:
    """The settings as they are stored now. Costs microseconds unless something was written since the last call."""
    seen = version()
    if _held is not None and _held[0] == seen:
        return _held[1]
    return await sync_to_async(load)(seen)


def version() -> int:
    """A number that moves when anything is written to the database, by whichever process. Costs microseconds."""
    global _watch, _held
    path = str(connection.settings_dict["NAME"])
    if _watch is None or _watch.path != path:
        _watch, _held = _Watch(path), None
    return _watch.version()


def load(seen: int | None = None) -> Snapshot:
    """`seen`: the version that was read before this; a commit in between makes the next request load again."""
    global _held
    seen = version() if seen is None else seen
    snapshot = Snapshot(
        timeouts=timeouts.in_force().seconds,
        keys=_keys.of(list(ApiKey.objects.values_list("digest", "name", "is_admin"))),
        models=_models.of(
            list(
                LocalModel.objects.values_list(
                    "name", "path", "kind", "deadline_seconds", "pinned", "preload", "idle_minutes"
                )
            )
        ),
        serving=_serving(StoredServing.objects.first() or StoredServing()),
        require_key_on_loopback=any(Access.objects.values_list("require_key_on_loopback", flat=True)),
        pool=_pool(StoredPool.objects.first() or StoredPool()),
        providers=_providers.of(
            list(
                StoredProvider.objects.values_list(
                    "id", "name", "protocol", "base_url", "sealed_key", "allow_private", "enabled"
                )
            )
        ),
        rules=_rules.of(_rule_rows()),
    )
    _held = (seen, snapshot)
    return snapshot


def _make_models(rows: list[Row]) -> Mapping[str, Model]:
    return MappingProxyType({row[0]: Model(row[0], Path(row[1]), *row[2:]) for row in rows})


def _make_providers(rows: list[Row]) -> Mapping[int, Provider]:
    found = {}
    for id, name, protocol, base_url, sealed_key, allow_private, enabled in rows:
        api_key, problem = _opened(sealed_key)
        problem = problem if enabled else "is switched off"
        found[id] = Provider(id, name, protocol, base_url, api_key, allow_private, problem)
    return MappingProxyType(found)


def _opened(sealed_key: str) -> tuple[str, str]:
    """A provider's key, and what is wrong with it."""
    if not sealed_key:
        return "", "has no API key"
    try:
        return sealing.unseal(sealed_key), ""
    except sealing.Unsealable:
        return "", "has an API key that cannot be decrypted: enter it again"


def _rule_rows() -> list[Row]:
    """Read without the ORM, which takes 4 ms for a thousand."""
    columns = "id, position, pattern, kind, provider_id, target_model, fallbacks, local_only, enabled"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {StoredRule._meta.db_table} ORDER BY position, id")
        return list(cursor.fetchall())


def _make_rules(rows: list[Row]) -> tuple[Rule, ...]:
    return tuple(_rule(*row) for row in rows)


def _rule(
    id: int,
    position: int,
    pattern: str,
    kind: str,
    provider_id: int | None,
    target_model: str,
    fallbacks: str,
    local_only: int,
    enabled: int,
) -> Rule:
    cascade = _fallbacks(json.loads(fallbacks))
    return Rule(
        id, position, pattern, kind, provider_id, target_model, cascade, bool(local_only), bool(enabled)
    )


def _fallbacks(stored: list[dict[str, Any]]) -> tuple[Fallback, ...]:
    return tuple(
        Fallback(
            entry.get("provider"),
            entry.get("target_model", ""),
            tuple(entry["causes"]),
            entry.get("after_seconds"),
        )
        for entry in stored
    )


def _serving(row: StoredServing) -> Serving:
    return Serving(row.keep_alive, row.honour_client_timeout, row.stuck_grace_seconds, row.max_queued)


def _pool(row: StoredPool) -> Pool:
    return Pool(
        row.memory_limit_mode,
        row.memory_limit_value,
        row.max_models,
        row.idle_minutes,
        row.eviction_policy,
        row.prefill_chunk,
        row.prompt_cache_gb,
    )


_keys = _Kept(lambda rows: MappingProxyType({digest: Key(name, is_admin) for digest, name, is_admin in rows}))
_models = _Kept(_make_models)
_providers = _Kept(_make_providers)
_rules = _Kept(_make_rules)
