"""GET /v1/models and /v1/models/{id}: what clients can ask for, and what there is to know of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from msgspec import Struct

from inference import estimate, offered
from inference.api import body
from inference.arrival import Arrival
from inference.disk import folder as folders
from inference.pool import pool
from inference.routing import Decision
from settings_app import history
from settings_app.snapshot import Model, Snapshot

LOCAL = "local"


class ModelOut(Struct, kw_only=True):
    """What is not known, or is a provider's to say, is null. `max_model_len` bears vLLM's name: tokens of context."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    root: str
    kind: Literal["text", "embedding"] | None = None
    max_model_len: int | None = None
    loaded: bool | None = None
    size_bytes: int | None = None
    capabilities: tuple[str, ...] | None = None


class ModelList(Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: list[ModelOut]


@dataclass(frozen=True)
class _OnDisk:
    """`came_at`: Unix time; 0 if that cannot be told."""

    came_at: int
    size_bytes: int
    context_tokens: int | None


async def index(request: HttpRequest, arrival: Arrival) -> HttpResponse:
    decisions = offered.all_offered(arrival.settings)
    return body.json_response(ModelList(data=await described(decisions, arrival.settings)))


async def show(request: HttpRequest, arrival: Arrival, name: str) -> HttpResponse:
    [model] = await described([offered.offered(name, arrival.settings)], arrival.settings)
    return body.json_response(model)


async def described(decisions: list[Decision], settings: Snapshot) -> list[ModelOut]:
    """The disk is looked at in a thread: a stat for each file of each model."""
    targets = [decision.targets[0] for decision in decisions]
    local = {target.model: settings.models[target.model] for target in targets if target.provider is None}
    by_name = await asyncio.to_thread(lambda: {name: _on_disk(model.folder) for name, model in local.items()})
    rules_came: Mapping[str, datetime] = {}
    if len(local) < len(targets):
        rules_came = await sync_to_async(history.first_changed)("rule")
    return [
        _far(decision, rules_came)
        if target.provider
        else _here(decision.asked, local[target.model], by_name[target.model])
        for decision, target in zip(decisions, targets, strict=True)
    ]


def _here(asked: str, model: Model, on_disk: _OnDisk) -> ModelOut:
    place, learned = pool.get(model.name), pool.learned(model)
    return ModelOut(
        id=asked,
        created=on_disk.came_at,
        owned_by=LOCAL,
        root=model.name,
        kind="text" if model.kind == "text" else "embedding",
        max_model_len=on_disk.context_tokens if learned is None else learned.context_tokens,
        loaded=place is not None and place.loaded,
        size_bytes=on_disk.size_bytes,
        capabilities=None if learned is None else learned.capabilities,
    )


def _far(decision: Decision, rules_came: Mapping[str, datetime]) -> ModelOut:
    """A provider's model, as old as the rule that leads there."""
    target, rule = decision.targets[0], decision.rule
    came = rules_came.get(str(rule.id)) if rule is not None else None
    return ModelOut(
        id=decision.asked,
        created=0 if came is None else int(came.timestamp()),
        owned_by=target.backend,
        root=target.model,
    )


def _on_disk(folder: Path) -> _OnDisk:
    try:
        came_at = int((folder / "config.json").stat().st_mtime)
    except OSError:
        came_at = 0
    return _OnDisk(came_at, estimate.size_bytes(folder), folders.facts(folder).context_tokens)
