"""GET /v1/models and /v1/models/{id} in Anthropic's shape, for its clients: newest first, a page at a time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from django.http import HttpRequest, HttpResponse, QueryDict
from msgspec import Struct

from inference import offered
from inference.api import body, models
from inference.api.models import ModelOut
from inference.arrival import Arrival
from inference.errors import InvalidRequest

LIMIT, MOST = 20, 1000  # Anthropic's
ACTIVE = "active"
LIFECYCLES = (ACTIVE, "deprecated", "retired")


class ModelInfo(Struct, kw_only=True):
    """What is not known is null. `max_tokens` may be the whole context: what does not fit behind the prompt is cut."""

    id: str
    type: Literal["model"] = "model"
    display_name: str
    created_at: str
    lifecycle: Literal["active"] = "active"
    max_input_tokens: int | None
    max_tokens: int | None


class ModelPage(Struct, kw_only=True):
    data: list[ModelInfo]
    has_more: bool
    first_id: str | None
    last_id: str | None


async def index(request: HttpRequest, arrival: Arrival) -> HttpResponse:
    """Models that make embeddings are left out, for this API has no way to ask them."""
    found = await models.described(offered.all_offered(arrival.settings), arrival.settings)
    chats = [model for model in found if model.kind != "embedding"]
    return body.json_response(_page(request.GET, sorted(chats, key=lambda model: (-model.created, model.id))))


async def show(request: HttpRequest, arrival: Arrival, name: str) -> HttpResponse:
    [model] = await models.described([offered.offered(name, arrival.settings)], arrival.settings)
    return body.json_response(_info(model))


def _page(asked: QueryDict, found: Sequence[ModelOut]) -> ModelPage:
    """Raises InvalidRequest, which names the parameter."""
    limit = _limit(asked)
    found = found if _wants_active(asked) else []
    if asked.get("after_id") and asked.get("before_id"):
        raise _wrong("before_id", "Give before_id or after_id, not both.")
    if asked.get("before_id"):
        left = found[: _place(asked, "before_id", found)]
        page = left[-limit:]
    else:
        left = found[_place(asked, "after_id", found) + 1 :] if asked.get("after_id") else found
        page = left[:limit]
    data = [_info(model) for model in page]
    return ModelPage(
        data=data,
        has_more=len(left) > len(page),
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
    )


def _limit(asked: QueryDict) -> int:
    written = asked.get("limit") or str(LIMIT)
    if written.isascii() and written.isdecimal() and 1 <= int(written[:9]) <= MOST:
        return int(written[:9])
    raise _wrong("limit", f"limit: give a whole number from 1 to {MOST}.")


def _wants_active(asked: QueryDict) -> bool:
    """All models here are."""
    wanted = [*asked.getlist("lifecycle"), *asked.getlist("lifecycle[]")]
    if any(value not in LIFECYCLES for value in wanted):
        raise _wrong("lifecycle", f"lifecycle: give {', '.join(LIFECYCLES)}.")
    return not wanted or ACTIVE in wanted


def _place(asked: QueryDict, name: str, found: Sequence[ModelOut]) -> int:
    wanted = asked[name]
    place = next((place for place, model in enumerate(found) if model.id == wanted), None)
    if place is None:
        raise _wrong(name, f"{name}: there is no model {wanted[:200]!r} in the list. Begin again without it.")
    return place


def _info(model: ModelOut) -> ModelInfo:
    return ModelInfo(
        id=model.id,
        display_name=model.id,
        created_at=datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        max_input_tokens=model.max_model_len,
        max_tokens=model.max_model_len,
    )


def _wrong(name: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, param=name, code="invalid_value")
