"""What `/v1` knows of the settings: immutable, read from the tables by `stored`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Key:
    name: str
    is_admin: bool


@dataclass(frozen=True)
class Model:
    """`kind`: text or embedding. `deadline_seconds`: the model's own limit; None if it has none.

    `idle_minutes`: its own time to live; None is the pool's, 0 never. `adapter`: the folder of one, put onto it.
    """

    name: str
    folder: Path
    kind: str
    deadline_seconds: float | None
    pinned: bool = False
    preload: bool = False
    idle_minutes: float | None = None
    adapter: Path | None = None

    @property
    def loaded_from(self) -> tuple[Path, str, Path | None]:
        """What is another model in memory when it is another."""
        return self.folder, self.kind, self.adapter


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

    `rules`: in their order, those that are switched off too. `retention_days`: of the request log; 0 is for ever.
    """

    timeouts: Mapping[str, float]
    keys: Mapping[str, Key]
    models: Mapping[str, Model]
    serving: Serving
    require_key_on_loopback: bool
    pool: Pool
    providers: Mapping[int, Provider]
    rules: tuple[Rule, ...]
    retention_days: int = 30


_NONE: Mapping[Any, Any] = MappingProxyType({})
EMPTY = Snapshot(_NONE, _NONE, _NONE, Serving("comment", True, 30.0, 256), True, Pool(), _NONE, ())
