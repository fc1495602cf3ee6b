"""/api/requests: the log, read by other programs; and how long it is kept."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from django.core.exceptions import ValidationError
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field, WithJsonSchema

from settings_app.api.auth import author
from settings_app.api.parameters import check_names
from settings_app.forms.logs import LogFilterForm
from settings_app.logs import export, figures, retention, rows
from settings_app.logs.filters import NO_KEY, Filters
from settings_app.logs.rows import Place
from settings_app.models import RequestLog, Retention
from settings_app.models.retention import MOST_DAYS
from settings_app.phases import Phase

router = Router(tags=["Requests"])
settings_router = Router(tags=["Requests"])

MOST_ROWS = 500


class RequestOut(Schema):
    """Times are milliseconds."""

    id: str
    at: datetime = Field(description="When it reached the server.")
    endpoint: str
    model: str = Field(description="The name that was asked for.")
    served_model: str
    backend: str = Field(
        description="local, or the provider's name; empty if it was refused before that was known."
    )
    rule: str
    fell_back: str = Field(description="The targets that failed before, and why.")
    api_key: str = Field(description="The key's name.")
    streamed: bool
    status: RequestLog.Status
    http_status: int | None = Field(description="Null: the client never saw one.")
    finish_reason: str
    error_code: str
    phase: str = Field(description=f"Where it ended: one of {', '.join(Phase)}.")
    queue_ms: float
    load_ms: float
    prefill_ms: float
    decode_ms: float
    cloud_ms: float
    total_ms: float
    first_token_ms: float | None
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    deadline_seconds: float | None
    deadline_source: str
    stop_latency_ms: float | None
    client_retries: int
    ignored_wishes: str


class Asked(Schema):
    """`LogFilterForm` checks the values, in the words of the page."""

    range: str = Field("", description="1h, 24h, 7d or 30d; or custom, or nothing, for since and until.")
    since: str = Field("", description="ISO 8601; UTC if it names no zone.")
    until: str = Field("", description="The first moment that is no longer meant.")
    model: str = ""
    backend: str = ""
    status: str = ""
    endpoint: str = ""
    api_key: str = Field("", description=f"The key's name; {NO_KEY} for requests without a key.")
    text: str = Field("", description="Part of the id.")

    def filters(self, request: HttpRequest) -> Filters:
        """Raises ValidationError with messages per field, also for parameters that ninja would pass over."""
        check_names(request, type(self))
        form = LogFilterForm({name: getattr(self, name) for name in Asked.model_fields})
        if not form.is_valid():
            raise ValidationError(form.errors.as_data())
        return form.filters()


class AskedPage(Asked):
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = rows.PAGE_ROWS
    cursor: str = Field("", description="The next_cursor of the answer before.")


class AskedExport(Asked):
    format: Literal["csv", "json", "jsonl"]


class RequestPage(Schema):
    requests: list[RequestOut]
    next_cursor: str | None = Field(
        description="Where older ones begin; null: there are none. With filters that few requests pass, a page may be "
        "short, or empty, and have one: it tells how far the server looked in the time it takes for an answer."
    )


class FiguresOut(Schema):
    """Over all the requests that are meant; with `text`, over the newest of them, at most 2,000."""

    count: int
    is_all: bool = Field(description="Whether there are no others.")
    since: datetime | None = Field(description="How far back it was looked for them; null: they are all.")
    by_status: dict[str, int]
    p50_ms: float | None = Field(description="Of the time in all, without what was rejected or interrupted.")
    p95_ms: float | None
    is_rounded: bool = Field(
        description="Of more than 2,000 requests: p50_ms and p95_ms are rounded up, by less than an eighth."
    )
    tokens_per_second: float | None = Field(description="While answers were made.")


class RetentionOut(Schema):
    retention_days: int


class RetentionChange(Schema):
    model_config = ConfigDict(extra="forbid")

    retention_days: Annotated[
        Any, WithJsonSchema({"type": ["integer", "null"], "minimum": 0, "maximum": MOST_DAYS})
    ] = None


@router.get("", response=RequestPage, summary="Requests, newest first")
def get_requests(request: HttpRequest, asked: Query[AskedPage]) -> dict[str, Any]:
    before = Place.read(asked.cursor) if asked.cursor else None
    found = rows.newest(asked.filters(request), limit=asked.limit, before=before)
    return {
        "requests": [export.described(row) for row in found.rows],
        "next_cursor": None if found.older is None else str(found.older),
    }


@router.get("/figures", response=FiguresOut, summary="Count per status, percentiles, tokens per second")
def get_figures(request: HttpRequest, asked: Query[Asked]) -> dict[str, Any]:
    return asdict(figures.figures(asked.filters(request)))


@router.get(
    "/export",
    summary="All that is filtered, as a file",
    openapi_extra={
        "responses": {
            200: {
                "description": "The file, newest first.",
                "content": {form.content_type: {} for form in export.FORMATS.values()},
            }
        }
    },
)
def get_export(request: HttpRequest, asked: Query[AskedExport]) -> StreamingHttpResponse:
    """Streamed. In CSV, text that a spreadsheet would take for a formula has an apostrophe before it."""
    form = export.FORMATS[asked.format]
    return StreamingHttpResponse(
        export.export(asked.filters(request), form),
        content_type=form.content_type,
        headers={"content-disposition": f'attachment; filename="{export.file_name(asked.format)}"'},
    )


@settings_router.get("/logs", response=RetentionOut, summary="How long the request log is kept")
def get_retention(request: HttpRequest) -> Retention:
    return retention.current()


@settings_router.put("/logs", response=RetentionOut, summary="Change it")
def put_retention(request: HttpRequest, body: RetentionChange) -> Retention:
    """What is older is deleted at once. 0: kept for ever."""
    return retention.save(body.model_dump(exclude_none=True), author(request))
