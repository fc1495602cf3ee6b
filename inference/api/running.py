"""/api/requests/running: the requests in flight; one of them cancelled, or given more time."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from ninja.errors import HttpError
from pydantic import ConfigDict, WithJsonSchema

from inference import running
from inference.call_state import MOST_SHOWN, CallState
from inference.pool import pool
from inference.running import NotRunning
from settings_app.api.auth import author
from settings_app.api.parameters import check_names
from settings_app.phases import Phase
from settings_app.timeouts import LEAST_EXTENSION_SECONDS, MOST_EXTENSION_SECONDS

router = Router(tags=["Requests"])

MOST_LISTED = 500  # in one answer


class RunningOut(Schema):
    id: str
    at: datetime
    endpoint: str
    model: str = Field(description="As it was asked for.")
    served_model: str
    backend: str = Field(description="local, or the provider's name.")
    api_key: str = Field(description="The key's name.")
    streamed: bool
    phase: str = Field(description=f"One of {', '.join(Phase)}.")
    prompt_tokens: int
    completion_tokens: int = Field(description="So far.")
    tokens_per_second: float | None = Field(description="From the first token on.")
    elapsed_seconds: float
    first_token_seconds: float | None
    deadline_seconds: float
    deadline_source: str = Field(description="endpoint, model, client or operator.")
    remaining_seconds: float
    cancelled: bool = Field(description="It was cancelled, and its client has not read on yet.")


class Asked(Schema):
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = MOST_SHOWN
    cursor: str = Field("", description="The next_cursor of the answer before.")


class RunningList(Schema):
    count: int = Field(description="All that run.")
    running: list[RunningOut]
    next_cursor: str | None = Field(description="Where those begin that came later; null: there are none.")


class Extension(Schema):
    """Any: `running.extend` checks it, in the words of every door; pydantic would take "60" for 60."""

    model_config = ConfigDict(extra="forbid")

    seconds: Annotated[
        Any,
        WithJsonSchema(
            {"type": "number", "minimum": LEAST_EXTENSION_SECONDS, "maximum": MOST_EXTENSION_SECONDS}
        ),
    ]


@router.get("/requests/running", response=RunningList, summary="The requests in flight, the oldest first")
def index(request: HttpRequest, asked: Query[Asked]) -> dict[str, object]:
    check_names(request, Asked)
    after = running.read_place(asked.cursor)
    if not pool.is_open:
        return {"count": 0, "running": [], "next_cursor": None}
    count, (states, more) = pool.on_loop(lambda: (running.count(), running.page(asked.limit, after)))
    return {"count": count, "running": states, "next_cursor": more}


@router.post("/requests/{id}/cancel", response=RunningOut, summary="End a request that runs")
def cancel(request: HttpRequest, id: str) -> CallState:
    """Its work stops at its next step, and its client is told. 404 if it has ended meanwhile."""
    who = str(author(request))
    return _or_not_found(lambda: running.cancel(id, who))


@router.post("/requests/{id}/extend", response=RunningOut, summary="Give a request that runs more time")
def extend(request: HttpRequest, id: str, body: Extension) -> CallState:
    """Also beyond what is stored; up to the endpoint's highest bound in all. 404 if it has ended meanwhile."""
    who = str(author(request))
    return _or_not_found(lambda: running.extend(id, body.seconds, who))


def _or_not_found(act: Callable[[], CallState]) -> CallState:
    try:
        return pool.on_loop(act)
    except NotRunning as error:
        raise HttpError(404, str(error)) from None
