"""Rows of the request log as tests and benchmarks plant them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from settings_app.models import RequestLog

NOW = datetime.now(UTC)
ROW: dict[str, Any] = {
    "endpoint": "/v1/chat/completions",
    "model": "tiny",
    "served_model": "tiny",
    "backend": "local",
    "api_key": "",
    "streamed": False,
    "status": "ok",
    "http_status": 200,
    "finish_reason": "stop",
    "error_code": "",
    "phase": "decode",
    "queue_ms": 1.0,
    "load_ms": 0.0,
    "prefill_ms": 9.0,
    "decode_ms": 90.0,
    "total_ms": 100.0,
    "first_token_ms": 10.0,
    "prompt_tokens": 7,
    "cached_tokens": 0,
    "completion_tokens": 9,
    "deadline_seconds": 900.0,
    "deadline_source": "endpoint",
    "ignored_wishes": "",
}


def row(number: int, *, age: timedelta = timedelta(0), **values: Any) -> RequestLog:
    return RequestLog(request_id=f"req_{number:024x}", at=NOW - age, **{**ROW, **values})


def plant(rows: Iterable[RequestLog]) -> list[RequestLog]:
    return RequestLog.objects.bulk_create(list(rows))
