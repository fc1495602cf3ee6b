"""Figures over what is filtered: how it ended, how long it took, how fast the tokens came."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from settings_app.logs import days, rows
from settings_app.logs.days import UNTIMED, Sums
from settings_app.logs.filters import Filters
from settings_app.models import RequestLog
from settings_app.shares import within

SAMPLE = 2_000  # requests, some 15 ms: so many are looked at one by one
FEW = 50  # of those that pass by several values, each of which may be found among fifty others
BUDGET_SECONDS = 0.03
COLUMNS = ("at", "id", "status", "total_ms", "completion_tokens", "decode_ms", "cloud_ms")


@dataclass(frozen=True)
class Figures:
    """Over all `count` requests that are meant; or, where text in the id is looked for and `is_all` is not so, over the
    newest of them, back to `since`.

    Percentiles are of the time in all, without what was rejected or interrupted. They are times that were, or, where
    `is_rounded`, those rounded up by less than an eighth. Tokens per second are those made while answers were made.
    """

    count: int
    is_all: bool
    since: datetime | None
    by_status: dict[str, int]
    p50_ms: float | None
    p95_ms: float | None
    is_rounded: bool
    tokens_per_second: float | None


def figures(filters: Filters) -> Figures:
    if filters.text:
        return _of_rows(filters)
    sums = days.sums(filters)
    if sums.by_status.total() <= (FEW if len(filters.equal) > 1 else SAMPLE):
        found = _of_rows(filters)
        if found.is_all:
            return found
    return _figures(sums, is_rounded=True)


def of_all(found: Iterable[RequestLog]) -> Figures:
    """Of these, which are all that are meant: they need not be looked for again."""
    return _figures(_summed([tuple(getattr(row, name) for name in COLUMNS) for row in found]))


def _of_rows(filters: Filters) -> Figures:
    found = rows.newest(filters, limit=SAMPLE, columns=COLUMNS, budget=BUDGET_SECONDS)
    return _figures(_summed(found.rows), since=found.older.at if found.older else None)


def _summed(found: Sequence[tuple[Any, ...]]) -> Sums:
    """Each has the `COLUMNS`."""
    return Sums(
        by_status=Counter(row[2] for row in found),
        times=Counter(row[3] for row in found if row[2] not in UNTIMED),
        tokens=sum(row[4] for row in found),
        making_ms=sum(row[5] + row[6] for row in found if row[4]),
    )


def _figures(sums: Sums, *, since: datetime | None = None, is_rounded: bool = False) -> Figures:
    times = sorted(sums.times.items())
    by_status = {
        status: count for status in RequestLog.Status.values if (count := sums.by_status[status]) > 0
    }
    return Figures(
        count=sum(by_status.values()),
        is_all=since is None,
        since=since,
        by_status=by_status,
        p50_ms=within(times, 50),
        p95_ms=within(times, 95),
        is_rounded=is_rounded,
        tokens_per_second=round(sums.tokens / sums.making_ms * 1000, 1) if sums.making_ms else None,
    )
