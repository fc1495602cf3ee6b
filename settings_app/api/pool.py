from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, WithJsonSchema

from settings_app import pool_settings
from settings_app.api.auth import author
from settings_app.models import Pool

router = Router(tags=["Model pool"])


class PoolOut(Schema):
    memory_limit_mode: Pool.MemoryLimitMode
    memory_limit_value: float
    max_models: int
    idle_minutes: float
    eviction_policy: Pool.EvictionPolicy
    prefill_chunk: int
    prompt_cache_gb: float


def _number(kind: str, low: float, high: float) -> WithJsonSchema:
    return WithJsonSchema({"type": [kind, "null"], "minimum": low, "maximum": high})


class PoolChange(Schema):
    """Any: `pool_settings.save` checks them, in the words of every door; pydantic would take "30" for 30."""

    model_config = ConfigDict(extra="forbid")

    memory_limit_mode: Annotated[
        Any, WithJsonSchema({"type": ["string", "null"], "enum": [*Pool.MemoryLimitMode.values, None]})
    ] = None
    memory_limit_value: Annotated[Any, WithJsonSchema({"type": ["number", "null"]})] = None
    max_models: Annotated[Any, _number("integer", 1, 64)] = None
    idle_minutes: Annotated[Any, _number("number", 0, 10_080)] = None
    eviction_policy: Annotated[
        Any, WithJsonSchema({"type": ["string", "null"], "enum": [*Pool.EvictionPolicy.values, None]})
    ] = None
    prefill_chunk: Annotated[Any, _number("integer", 128, 8192)] = None
    prompt_cache_gb: Annotated[Any, _number("number", 0, 1024)] = None


@router.get("/pool", response=PoolOut, summary="How the models on this machine share its memory")
def get_pool(request: HttpRequest) -> Pool:
    return pool_settings.current()


@router.put("/pool", response=PoolOut, summary="Change it; all that are named, or none")
def put_pool(request: HttpRequest, body: PoolChange) -> Pool:
    """A field that is left out or null stays as it is. It takes effect now: a lower limit unloads down to it."""
    return pool_settings.save(body.model_dump(exclude_none=True), author(request))
