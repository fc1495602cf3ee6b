"""The log in pages, newest first, in bounded time however many rows there are and however few of them are meant."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q, QuerySet

from settings_app.logs import days
from settings_app.logs.days import Day
from settings_app.logs.filters import Filters
from settings_app.models import RequestLog

PAGE_ROWS = 50
BUDGET_SECONDS = 0.04  # for a look through rows that no index leads to; then it is said how far it came
FEW = 1_000  # ids that begin as wanted: all of them are looked at
WINDOW = 50_000  # ids between two looks at the clock, some 5 ms
SHORT_TEXT = 3  # digits, which one in 200 ids has somewhere
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
    rows = _of(filters.rows(), before, columns)
    if filters.text and len(filters.text) == WHOLE_ID:
        return _cut_to(limit, list(rows.filter(request_id=filters.text)[:1]))
    if len(filters.equal) <= 1 and not filters.text:
        return _cut_to(limit, list(rows[: limit + 1]))
    few = _few(filters)
    if few is not None:
        return _cut_to(limit, list(rows.filter(pk__in=few)[: limit + 1]))
    ends = time.monotonic() + budget
    if filters.equal and len(filters.text.removeprefix(ID_BEGINS)) <= SHORT_TEXT:
        return _by_days(filters, before, columns, limit, ends)
    return _by_ids(filters, before, columns, limit, ends)


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


def _few(filters: Filters) -> list[int] | None:
    """The rows whose ids begin with the text, if those are few."""
    if not filters.text.startswith(ID_BEGINS):
        return None
    same = filters.in_time().filter(request_id__gte=filters.text, request_id__lt=f"{filters.text}~")
    found = list(same.values_list("pk", flat=True)[:FEW])
    return found if len(found) < FEW else None


def _by_days(
    filters: Filters, before: Place | None, columns: Sequence[str], limit: int, ends: float
) -> Found:
    """A day after the other, of those that are known to have some; in each by the value that the fewest have there."""
    found: list[Any] = []
    for day, is_last in _days(filters, before):
        rows = _of(filters.rows_by(day.rarest), before, columns)
        found += rows.filter(at__gte=day.begins, at__lt=day.ends)[: limit + 1 - len(found)]
        if len(found) > limit or is_last:
            break
        if time.monotonic() > ends and (found or filters.text):
            return Found(found, Place(day.begins, 0), is_cut=True)
    return _cut_to(limit, found)


def _by_ids(filters: Filters, before: Place | None, columns: Sequence[str], limit: int, ends: float) -> Found:
    """From the newest on, some ten thousand ids at a time: in the index of the times, without the rows."""
    found: list[Any] = []
    in_time = _of(filters.in_time(), before)
    for day, is_last in _days(filters, before):
        for since, until in day.slices(WINDOW):
            if _is_past(since, before):
                continue
            window = in_time.filter(at__gte=since, at__lt=until)
            ids = filters.with_text(window).values_list("pk", flat=True)
            left = limit + 1 - len(found)
            some = list(ids if filters.equal else ids[:left])
            found += _of(filters.rows_by().filter(pk__in=some), None, columns)[:left] if some else []
            if len(found) > limit:
                return _cut_to(limit, found)
            if time.monotonic() > ends and not (is_last and since == day.begins):
                return Found(found, Place(since, 0), is_cut=True)
    return _cut_to(limit, found)


def _days(filters: Filters, before: Place | None) -> Iterator[tuple[Day, bool]]:
    """And whether it is the last."""
    found = days.passing(filters, before.at if before else filters.until)
    found = [day for day in found if not _is_past(day.begins, before)]
    return ((day, day is found[-1]) for day in found)


def _is_past(since: datetime, before: Place | None) -> bool:
    """Whether nothing of what came since then is before that place."""
    return before is not None and (since, 0) >= (before.at, before.id)


def _of(
    rows: QuerySet[RequestLog], before: Place | None, columns: Sequence[str] = ()
) -> QuerySet[RequestLog, Any]:
    if before is not None:
        rows = rows.filter(Q(at__lt=before.at) | Q(id__lt=before.id), at__lte=before.at)
    return rows.values_list(*columns) if columns else rows


def _cut_to(limit: int, found: list[Any]) -> Found:
    if len(found) <= limit:
        return Found(found, None)
    last = found[limit - 1]
    return Found(found[:limit], Place(*last[:2]) if isinstance(last, tuple) else Place(last.at, last.id))
