"""The settings as they are stored now: a snapshot in memory, checked against the database at each request.

`watch` tells of every commit, whichever process made it. The request log's are among them; whether a setting was
written then, `moves` counts. A part whose rows are as they were is kept: the same object, for whoever has compiled
something from it.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

from settings_app import models, providers, sealing, timeouts
from settings_app.snapshot import EMPTY, Fallback, Key, Model, Pool, Provider, Rule, Serving, Snapshot
from settings_app.watch import Watch, watch

log = logging.getLogger(__name__)

MODEL_COLUMNS = (
    "name",
    "path",
    "kind",
    "deadline_seconds",
    "pinned",
    "preload",
    "idle_minutes",
    "adapter",
)

T = TypeVar("T")
Row = tuple[Any, ...]


@dataclass(frozen=True)
class _Held:
    """A snapshot, of which database, and the two counts that were read before its rows were.

    `failed_keys`: what the sealing file held, where a provider's key could not be opened with it; else None.
    """

    watch: Watch
    version: int
    moves: int
    snapshot: Snapshot
    failed_keys: sealing.Keys | None

    def is_mended(self) -> bool:
        """Whether the sealing file is another one now, as when it was restored: the database does not tell."""
        return self.failed_keys is not None and self.failed_keys != _sealing_keys()


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


_held: _Held | None = None


async def current() -> Snapshot:
    """The settings as they are stored now. Costs microseconds unless a setting was written since the last call."""
    global _held
    database, held = watch(), _held
    seen = database.version()
    if held is None or held.watch is not database or held.is_mended():
        return await sync_to_async(load)(seen)
    if held.version == seen:
        return held.snapshot
    if held.moves == database.moves():
        _held = replace(held, version=seen)  # what was committed is no setting
        return held.snapshot
    return await sync_to_async(load)(seen)


def latest() -> Snapshot:
    """The settings as they were read last, without a look at whether they are still so."""
    return _held.snapshot if _held is not None else EMPTY


def load(seen: int | None = None) -> Snapshot:
    """`seen`: the version that was read before this; a commit in between makes the next request look again."""
    global _held
    database = watch()
    seen = database.version() if seen is None else seen
    moved, keys = database.moves(), _sealing_keys()
    snapshot = Snapshot(
        timeouts=timeouts.in_force().seconds,
        keys=_keys.of(list(models.ApiKey.objects.values_list("digest", "name", "is_admin"))),
        models=_models.of(list(models.LocalModel.objects.values_list(*MODEL_COLUMNS))),
        serving=_serving(models.Serving.objects.first() or models.Serving()),
        require_key_on_loopback=any(models.Access.objects.values_list("require_key_on_loopback", flat=True)),
        pool=_pool(models.Pool.objects.first() or models.Pool()),
        providers=_providers.of(
            [(*row, keys) for row in models.Provider.objects.values_list(*providers.COLUMNS)]
        ),
        rules=_rules.of(_rule_rows()),
        retention_days=(models.Retention.objects.first() or models.Retention()).retention_days,
    )
    failed = any(provider.problem == providers.UNREADABLE for provider in snapshot.providers.values())
    _held = _Held(database, seen, moved, snapshot, keys if failed else None)
    return snapshot


def _make_models(rows: list[Row]) -> Mapping[str, Model]:
    return MappingProxyType({row[0]: _model(*row) for row in rows})


def _model(
    name: str,
    path: str,
    kind: str,
    deadline_seconds: float | None,
    pinned: bool,
    preload: bool,
    idle_minutes: float | None,
    adapter: str,
) -> Model:
    folder = Path(adapter) if adapter else None
    return Model(name, Path(path), kind, deadline_seconds, pinned, preload, idle_minutes, folder)


def _make_providers(rows: list[Row]) -> Mapping[int, Provider]:
    return MappingProxyType({row[0]: providers.known(*row) for row in rows})


def _sealing_keys() -> sealing.Keys:
    """Read before the rows: if a rotation comes between, those are opened with these or with the new ones."""
    try:
        return sealing.read()
    except sealing.Unsealable:
        return ()


def _rule_rows() -> list[Row]:
    """Read without the ORM, which takes 4 ms for a thousand."""
    columns = "id, position, pattern, kind, provider_id, target_model, fallbacks, local_only, enabled"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {models.Rule._meta.db_table} ORDER BY position, id")
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
    try:
        cascade = _fallbacks(json.loads(fallbacks))
    except (AttributeError, KeyError, TypeError, ValueError):  # it came past all doors
        log.warning("rule %d (%s): its stored fallbacks cannot be read, so it has none", position, pattern)
        cascade = ()
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


def _serving(row: models.Serving) -> Serving:
    return Serving(row.keep_alive, row.honour_client_timeout, row.stuck_grace_seconds, row.max_queued)


def _pool(row: models.Pool) -> Pool:
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
