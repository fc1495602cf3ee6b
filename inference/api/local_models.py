"""/api/models: the models of this machine, what those that are loaded hold; load, unload, pin."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import ConfigDict, StrictBool, StrictStr

from inference import estimate
from inference.place_state import PlaceState
from inference.pool import pool
from settings_app import local_models
from settings_app.api.auth import author
from settings_app.api.errors import refusal
from settings_app.models import LocalModel

router = Router(tags=["Models"])
BUSY = {"responses": {409: refusal("A request for it runs.")}}


class ModelOut(Schema):
    name: str
    kind: str
    size_bytes: int = Field(description="Its weights on disk.")
    loaded: bool
    state: str = Field(
        description="waiting (for room), loading, ready, stopping, failed (its last load), or unloaded."
    )
    memory_bytes: int | None = Field(description="What mlx holds for it: weights, caches, buffers.")
    reserved_bytes: int = Field(description="What it takes of the memory limit now.")
    prompt_cache_bytes: int | None = Field(description="Of that, prompts that may come again.")
    requests: int = Field(description="In flight, those that wait for the model too.")
    decoding: int = Field(description="Rows in the batch.")
    prefilling: int
    queued: int = Field(description="Rows that wait for a place, here or in the runner.")
    pinned: bool
    preload: bool
    idle_minutes: float | None = Field(description="A time to live of its own; null: the pool's, 0: never.")
    adapter: str = Field(description="The folder of an adapter that is put onto it; empty: none.")
    loaded_at: datetime | None
    last_used: datetime | None
    bytes_done: int | None = Field(description="While it loads: of its weights, how much is in memory.")
    bytes_total: int | None
    error: str = Field(description="Why its last load came to nothing; empty if it did not.")


class ModelPage(Schema):
    models: list[ModelOut]
    next_after: str | None


STORED = ("name", "kind", "pinned", "preload", "idle_minutes", "adapter")


class Pin(Schema):
    model_config = ConfigDict(extra="forbid")

    pinned: StrictBool


class ModelChange(Schema):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    pinned: StrictBool = False
    preload: StrictBool = False
    idle_minutes: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = None
    adapter: StrictStr = Field("", description="A folder that mlx_lm.lora made for this model. Empty: none.")


@router.get("/models", response=ModelPage, summary="The models of this machine, by name")
def index(
    request: HttpRequest, after: str = "", limit: Annotated[int, Field(ge=1, le=500)] = 100
) -> dict[str, object]:
    """`after`: the `next_after` of the page that was read last."""
    found, next_after = local_models.page(after=after, limit=limit)
    states = {state.name: state for state in pool.states()}
    models = [_described(model, states.get(model.name)) for model in found]
    return {"models": models, "next_after": next_after}


@router.post(
    "/models/{path:name}/load", response={202: ModelOut}, summary="Load the model before anybody asks for it"
)
def load(request: HttpRequest, name: str) -> Status[dict[str, object]]:
    """Answered as the load has begun, or waits for room: `GET /api/models` says how far it is. 503 if it cannot fit."""
    model = get_object_or_404(LocalModel, name=name)
    pool.load(name)
    states = {state.name: state for state in pool.states()}
    return Status(202, _described(model, states.get(name)))


@router.post(
    "/models/{path:name}/unload",
    response={204: None},
    summary="End the model's process",
    openapi_extra=BUSY,
)
def unload(request: HttpRequest, name: str) -> Status[None]:
    """The next request for it loads it again. 409 while a request for it runs."""
    if not LocalModel.objects.filter(name=name).exists():
        raise HttpError(404, f"There is no model {name}.")
    if not pool.unload(name):
        raise HttpError(409, f"A request for {name} is running.")
    return Status(204, None)


@router.post("/models/{path:name}/pin", response=ModelOut, summary="Pin the model, or unpin it")
def pin(request: HttpRequest, name: str, body: Pin) -> dict[str, object]:
    """A pinned model is never unloaded to make room, or for being idle."""
    model = get_object_or_404(LocalModel, name=name)
    local_models.change(model, {"pinned": body.pinned}, author(request))
    states = {state.name: state for state in pool.states()}
    return _described(model, states.get(name))


@router.delete("/models/{path:name}", response={204: None}, summary="Serve the model no more under this name")
def stop_serving(request: HttpRequest, name: str) -> Status[None]:
    """Requests that run may finish. Its folder stays where it is."""
    local_models.remove(get_object_or_404(LocalModel, name=name), author(request))
    return Status(204, None)


@router.patch("/models/{path:name}", response=ModelOut, summary="Change how the pool treats the model")
def patch(request: HttpRequest, name: str, body: ModelChange) -> dict[str, object]:
    """It takes effect now; `preload` when the server starts. With another adapter the model is loaded anew for the next
    request; those that run finish with the one they began with.
    """
    model = get_object_or_404(LocalModel, name=name)
    local_models.change(model, body.model_dump(exclude_unset=True), author(request))
    states = {state.name: state for state in pool.states()}
    return _described(model, states.get(name))


def _described(model: LocalModel, state: PlaceState | None) -> dict[str, Any]:
    """What is stored of a model, and what the pool says of it."""
    stored = {name: getattr(model, name) for name in STORED}
    state = state or PlaceState(model.name, "unloaded")
    live = {name: getattr(state, name) for name in ModelOut.model_fields if hasattr(state, name)}
    return {
        **live,
        **stored,
        "size_bytes": estimate.size_bytes(Path(model.path)),
        "loaded": state.state == "ready",
    }
