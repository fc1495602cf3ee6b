"""One model of the pool, told to whoever wants to show it."""

from dataclasses import dataclass
from datetime import datetime

from inference.errors import ApiError
from inference.place import Place


@dataclass(frozen=True)
class PlaceState:
    """One model as the pool sees it. `state`: waiting, loading, ready, stopping, or failed: its last load did.

    `memory_bytes`: as its runner measured it last; None before it is ready. `reserved_bytes`: what it takes of the
    limit now. `requests`: in flight, those that wait for it too; `decoding`, `prefilling` and `queued` are their rows,
    or they themselves before it is loaded. `bytes_done` of `bytes_total`: of its weights, while
    it loads; None where that is not known yet.
    """

    name: str
    state: str
    loaded_at: datetime | None = None
    last_used: datetime | None = None
    memory_bytes: int | None = None
    prompt_cache_bytes: int | None = None
    reserved_bytes: int = 0
    requests: int = 0
    decoding: int = 0
    prefilling: int = 0
    queued: int = 0
    bytes_done: int | None = None
    bytes_total: int | None = None
    error: str = ""


def state_of(place: Place, failure: ApiError | None) -> PlaceState:
    runner = place.runner
    stats = runner.stats if runner is not None else None
    loading = runner.loading if runner is not None and not place.loaded else None
    return PlaceState(
        place.name,
        place.state.value,
        loaded_at=place.ready_at,
        last_used=place.used_at,
        memory_bytes=place.memory_bytes,
        prompt_cache_bytes=stats.prompt_cache_bytes if stats else None,
        reserved_bytes=place.held_bytes,
        requests=place.requests,
        decoding=stats.decoding if stats else 0,
        prefilling=stats.prefilling if stats else 0,
        queued=place.queued,
        bytes_done=loading.bytes_done if loading else None,
        bytes_total=loading.bytes_total if loading else None,
        error=failure.message if failure is not None else "",
    )
