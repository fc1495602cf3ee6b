"""Rows of the request log as tests and benchmarks plant them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from settings_app.logs.filters import Filters
from settings_app.models import RequestLog
from tests.logs.values import PLAIN

NOW = datetime.now(UTC)


def row(number: int, *, age: timedelta = timedelta(0), **values: Any) -> RequestLog:
    return RequestLog(request_id=f"req_{number:024x}", at=NOW - age, **{**PLAIN, **values})


def plant(rows: Iterable[RequestLog]) -> list[RequestLog]:
    return RequestLog.objects.bulk_create(list(rows))


def passes(filters: Filters, row: RequestLog) -> bool:
    """What the database is asked in so many ways."""
    return (
        (filters.since is None or row.at >= filters.since)
        and (filters.until is None or row.at < filters.until)
        and filters.text.lower() in row.request_id
        and all(getattr(row, name) == value for name, value in filters.equal.items())
    )
