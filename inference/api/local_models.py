"""GET /api/models: the models of this machine, and what those that are loaded hold."""

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status
from ninja.errors import HttpError

from inference.pool import pool
from settings_app.models import LocalModel

router = Router(tags=["Models"])


class ModelOut(Schema):
    name: str
    kind: str
    loaded: bool
    memory_bytes: int | None = Field(description="What mlx holds for it: weights, caches, buffers.")
    prompt_cache_bytes: int | None = Field(description="Of that, prompts that may come again.")
    decoding: int = Field(description="Rows in the batch.")
    prefilling: int
    queued: int = Field(description="Rows that wait for a place, here or in the runner.")


@router.get("/models", response=list[ModelOut], summary="The models of this machine")
def index(request: HttpRequest) -> list[dict[str, object]]:
    return [_described(model) for model in LocalModel.objects.all()]


@router.post("/models/{path:name}/unload", response={204: None}, summary="End the model's process")
def unload(request: HttpRequest, name: str) -> Status[None]:
    """The next request for it loads it again. 409 while a request for it runs."""
    if not LocalModel.objects.filter(name=name).exists():
        raise HttpError(404, f"There is no model {name}.")
    if not pool.unload(name):
        raise HttpError(409, f"A request for {name} is running.")
    return Status(204, None)


def _described(model: LocalModel) -> dict[str, object]:
    runner = pool.get(model.name)
    stats = runner.stats if runner else None
    ready = runner.ready if runner else None
    return {
        "name": model.name,
        "kind": model.kind,
        "loaded": ready is not None,
        "memory_bytes": stats.memory_bytes if stats else ready.memory_bytes if ready else None,
        "prompt_cache_bytes": stats.prompt_cache_bytes if stats else None,
        "decoding": stats.decoding if stats else 0,
        "prefilling": stats.prefilling if stats else 0,
        "queued": runner.queued if runner else 0,
    }
