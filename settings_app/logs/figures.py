"""Figures over what is filtered: how it ended, how long it took, how fast the tokens came."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from settings_app.logs import rows
from settings_app.logs.filters import Filters
from settings_app.models import RequestLog

SAMPLE = 2_000  # requests, some 15 ms; all of a million would take seconds
BUDGET_SECONDS = 0.03
COLUMNS = ("at", "id", "status", "total_ms", "completion_tokens", "decode_ms", "cloud_ms")
UNTIMED = (RequestLog.Status.INTERRUPTED, RequestLog.Status.REJECTED)


@dataclass(frozen=True)
class Figures:
    """Over the `count` newest of the requests that are meant; `is_all`: there are no others; `since`: the oldest.

    Percentiles are of the time in all, without what was rejected or interrupted. Tokens per second are those made while
    answers were made.
    """

    count: int
    is_all: bool
    since: datetime | None
    by_status: dict[str, int]
    p50_ms: float | None
    p95_ms: float | None
    tokens_per_second: float | None


def figures(filters: Filters) -> Figures:
    found = rows.newest(filters, limit=SAMPLE, columns=COLUMNS, budget=BUDGET_SECONDS)
    counted = Counter(row[2] for row in found.rows)
    times = sorted(row[3] for row in found.rows if row[2] not in UNTIMED)
    tokens = sum(row[4] for row in found.rows)
    making_ms = sum(row[5] + row[6] for row in found.rows if row[4])
    return Figures(
        count=len(found.rows),
        is_all=found.older is None,
        since=found.rows[-1][0] if found.rows else None,
        by_status={status: counted[status] for status in RequestLog.Status.values if counted[status]},
        p50_ms=_percentile(times, 50),
        p95_ms=_percentile(times, 95),
        tokens_per_second=round(tokens / making_ms * 1000, 1) if making_ms else None,
    )


def _percentile(ordered: list[float], percent: int) -> float | None:
    """Nearest rank: a value that really was."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None
