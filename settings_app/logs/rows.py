"""The log in pages, newest first, in bounded time however many rows there are and however few of them are meant."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q, QuerySet

from settings_app.logs.filters import Filters
from settings_app.models import RequestLog

PAGE_ROWS = 50
BUDGET_SECONDS = 0.04  # for a look through rows that no index leads to; then it is said how far it came
FEW = 1_000  # rows with one of the wanted values: all of them are looked at
WINDOW = 5_000  # rows between two looks at the clock, some 5 ms
ID_BEGINS = "req_"
WHOLE_ID = 28  # characters of a request's id
MOST_VALUES = 200
BAD_CURSOR = "This is no place in the log. Take next_cursor of the answer before, or leave it out."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_ID = 2**63 - 1


@dataclass(frozen=True)
class Place:
    """A place in the log's order: by the time requests came, and among equals by row."""

    at: datetime
    id: int

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}.{self.id}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """Raises ValidationError for what `str` did not make."""
        micros, _, id = text.partition(".")
        try:
            return cls(_EPOCH + timedelta(microseconds=int(micros)), min(int(id), _LAST_ID))
        except (ValueError, OverflowError):
            raise ValidationError({"cursor": BAD_CURSOR}) from None


@dataclass(frozen=True)
class Found:
    """`older`: where to look for more, None if there are none. `is_cut`: it stopped there because time was up."""

    rows: list[Any]
    older: Place | None
    is_cut: bool = False


def newest(
    filters: Filters,
    *,
    limit: int = PAGE_ROWS,
    before: Place | None = None,
    columns: Sequence[str] = (),
    budget: float = BUDGET_SECONDS,
) -> Found:
    """Up to `limit` of the requests that are meant. `columns`: tuples of these, first at and id, instead of rows."""
    rows: QuerySet[RequestLog, Any] = _before(filters.rows(), before)
    if columns:
        rows = rows.values_list(*columns)
    if filters.text and len(filters.text) == WHOLE_ID:
        return _cut_to(limit, list(rows.filter(request_id=filters.text)[:1]))
    if len(filters.equal) <= 1 and not filters.text:
        return _cut_to(limit, list(rows[: limit + 1]))
    in_time = _before(filters.in_time(), before)
    few = _few(filters, in_time)
    if few is not None:
        some: QuerySet[RequestLog, Any] = RequestLog.objects.order_by("-at", "-id").filter(pk__in=few)
        return _cut_to(limit, list((some.values_list(*columns) if columns else some)[: limit + 1]))
    return _walk(rows, in_time, limit, time.monotonic() + budget)


def written(filters: Filters, after: int, limit: int) -> tuple[list[RequestLog], int, int]:
    """What was written after row `after` and is meant: the newest of it, how many more there are, and the last row now.

    Filtered by the database: a burst of others does not push out what is meant.
    """
    last = last_id()
    news = filters.among(after + 1, last)
    found = list(news[:limit])
    return found, news.count() - limit if len(found) == limit else 0, last


def last_id() -> int:
    """The number of the row that was written last; 0 if there is none."""
    return RequestLog.objects.order_by("-id").values_list("id", flat=True).first() or 0


def values(column: str) -> list[str]:
    """What stands in an indexed column: one seek for each value, where DISTINCT would read all rows."""
    table = RequestLog._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE seen(value) AS (SELECT MIN({column}) FROM {table} UNION ALL "
            f"SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > value) FROM seen WHERE value IS NOT NULL "
            f"LIMIT {MOST_VALUES}) SELECT value FROM seen WHERE value != ''"
        )
        return [row[0] for row in cursor.fetchall()]


def _few(filters: Filters, in_time: QuerySet[RequestLog]) -> list[int] | None:
    """The rows that are meant, if one of the wanted values leaves few to look at. The rest is compared here: the
    database may follow the index of another value, with half the log behind it.
    """
    wanted = filters.equal
    indexed: list[dict[str, str]] = [{name: value} for name, value in wanted.items()]
    if filters.text.startswith(ID_BEGINS):
        indexed.insert(0, {"request_id__gte": filters.text, "request_id__lt": f"{filters.text}~"})
    for narrow in indexed:
        same = list(in_time.filter(**narrow).values_list("pk", "request_id", *wanted)[:FEW])
        if len(same) < FEW:
            text, rest = filters.text.lower(), tuple(wanted.values())
            return [row[0] for row in same if text in row[1] and row[2:] == rest]
    return None


def _walk(rows: QuerySet[RequestLog, Any], in_time: QuerySet[RequestLog], limit: int, ends: float) -> Found:
    """From the newest on, a window of all rows after the other."""
    found: list[Any] = []
    while True:
        edge = _edge(in_time)
        window = rows if edge is None else rows.filter(at__gt=edge)
        found += window[: limit + 1 - len(found)]
        if edge is None or len(found) > limit:
            return _cut_to(limit, found)
        if time.monotonic() > ends:
            return Found(found, Place(edge, _LAST_ID), is_cut=True)
        rows, in_time = rows.filter(at__lte=edge), in_time.filter(at__lte=edge)


def _edge(in_time: QuerySet[RequestLog]) -> datetime | None:
    """A moment so that about a window of rows came after it; None if no more is left than that."""
    times = in_time.values_list("at", flat=True)
    first, edge = times.first(), next(iter(times[WINDOW : WINDOW + 1]), None)
    if edge is not None and edge == first:  # a window of the same moment
        edge = times.filter(at__lt=edge).first()
    return edge


def _before(rows: QuerySet[RequestLog], place: Place | None) -> QuerySet[RequestLog]:
    if place is None:
        return rows
    return rows.filter(Q(at__lt=place.at) | Q(id__lt=place.id), at__lte=place.at)


def _cut_to(limit: int, found: list[Any]) -> Found:
    if len(found) <= limit:
        return Found(found, None)
    last = found[limit - 1]
    return Found(found[:limit], Place(*last[:2]) if isinstance(last, tuple) else Place(last.at, last.id))
