"""What each day had of whatever the log is filtered by: how many requests, how they ended, how long they took."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from django.db import connection
from django.db.models import Count, Sum
from django.db.models.expressions import RawSQL

from settings_app.counted import Counted
from settings_app.logs.filters import Filters

# Made by a migration. The last is for whoever filters by no more than the status, as the page does at first.
COUNTS, TIMES, TIMES_OF_ALL = (f"settings_app_log_{name}" for name in ("days", "times", "times_of_all"))
FILTERED = ("status", "model", "endpoint", "backend", "api_key")
UNTIMED = ("rejected", "interrupted")
PARTS = 8  # of each power of two: a time is rounded up by an eighth at most
LONGEST_MS = 2**27  # a day and a half
DAY = timedelta(days=1)
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
MAKING = "CASE WHEN completion_tokens > 0 THEN CAST(round(decode_ms + cloud_ms) AS INTEGER) ELSE 0 END"
_LEFT_OUT = ", ".join(f"'{status}'" for status in UNTIMED)


def _rounded_up(ms: str) -> str:
    """SQL: whole milliseconds up to 16, then in steps that double with each power of two."""
    whole = f"(CAST({ms} AS INTEGER) + (CAST({ms} AS INTEGER) < {ms}))"
    steps = [2**doubled for doubled in range(LONGEST_MS.bit_length() - 4)]
    cases = (
        f"WHEN {whole} <= {2 * PARTS * step} THEN ({whole} + {step - 1}) / {step} * {step}" for step in steps
    )
    return f"(CASE {' '.join(cases)} ELSE {LONGEST_MS} END)"


def _times(name: str, table: str, filtered: Sequence[str]) -> Counted:
    """The time comes first: what is summed up by it needs no sorting then."""
    columns = ", ".join(filtered)
    return Counted(
        name,
        table,
        ("ms", "day", *filtered),
        ("requests",),
        lambda source: f"SELECT {MS} AS ms, substr(at, 1, 10) AS day, {columns}, 1 AS requests FROM {source}",
        lambda row: f"{row}.status NOT IN ({_LEFT_OUT})",
    )


MS = _rounded_up("total_ms")
COUNTED = (
    Counted(
        "log_days",
        COUNTS,
        ("day", *FILTERED),
        ("requests", "tokens", "making_ms"),
        lambda source: (
            f"SELECT substr(at, 1, 10) AS day, {', '.join(FILTERED)}, 1 AS requests, "
            f"completion_tokens AS tokens, {MAKING} AS making_ms FROM {source}"
        ),
    ),
    _times("log_times", TIMES, FILTERED),
    _times("log_times_of_all", TIMES_OF_ALL, ("status",)),
)


@dataclass
class Sums:
    """`times`: how many took so many milliseconds, rounded up; without those of which that says nothing."""

    by_status: Counter[str] = field(default_factory=Counter)
    times: Counter[float] = field(default_factory=Counter)
    tokens: int = 0
    making_ms: float = 0

    def add(self, other: "Sums", sign: int) -> None:
        add = Counter.update if sign > 0 else Counter.subtract
        add(self.by_status, other.by_status)
        add(self.times, other.times)
        self.tokens += sign * other.tokens
        self.making_ms += sign * other.making_ms


@dataclass(frozen=True)
class Day:
    """On which `requests` have all the values that are wanted. `rarest`: the column whose value the fewest have."""

    begins: datetime
    requests: int
    rarest: str

    @property
    def ends(self) -> datetime:
        return self.begins + DAY

    def slices(self, requests: int) -> list[tuple[datetime, datetime]]:
        """So that each has about as many, the last one first."""
        count = -(-self.requests // requests)
        length = min(self.ends, datetime.now(UTC)) - self.begins
        edges = [self.begins + length * number / count for number in range(count)]
        return list(pairwise([*edges, self.ends]))[::-1]


def sums(filters: Filters) -> Sums:
    """Of all that passes; not for a text. Whole days are added up already; of a part of one the rows are read, or those
    of the rest of it, whichever is less.
    """
    now = datetime.now(UTC)
    since, until = filters.since or EARLIEST, min(filters.until or LATEST, _begins(_day(now) + 2 * DAY))
    if until - since < DAY / 2:
        return _read(filters.between(since, until))
    first, last = _begins(_day(since)), _begins(_day(until))
    found = Sums()
    if since - first < min(first + DAY, now) - since or first == last:
        found.add(_read(filters.between(first, since)), -1)
    else:
        first += DAY
        found.add(_read(filters.between(since, first)), 1)
    if last + DAY - until < until - last:
        found.add(_read(filters.between(until, last + DAY)), -1)
        last += DAY
    else:
        found.add(_read(filters.between(last, until)), 1)
    found.add(_kept(filters, first, last), 1)
    return found


def passing(filters: Filters, until: datetime | None) -> list[Day]:
    """The days that have what passes, the newest first, up to that of `until`; without a look at times and text."""
    wanted = filters.equal
    days = _day(filters.since or EARLIEST), _day(until or LATEST)
    one = [f"SUM(CASE WHEN {name} = %s THEN requests ELSE 0 END)" for name in wanted]
    all_of_them = " AND ".join(["TRUE", *(f"{name} = %s" for name in wanted)])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(['day', f'SUM(CASE WHEN {all_of_them} THEN requests ELSE 0 END) AS passing', *one])} "
            f"FROM {COUNTS} WHERE day >= %s AND day <= %s GROUP BY day HAVING passing > 0 ORDER BY day DESC",
            [*wanted.values(), *wanted.values(), *map(str, days)],
        )
        return [
            Day(
                _begins(date.fromisoformat(day)),
                count,
                min(zip(each, wanted, strict=True), default=(0, ""))[1],
            )
            for day, count, *each in cursor.fetchall()
        ]


def _kept(filters: Filters, since: datetime, until: datetime) -> Sums:
    """Of whole days."""
    where = " AND ".join(["day >= %s", "day < %s", *(f"{name} = %s" for name in filters.equal)])
    values = [str(_day(since)), str(_day(until)), *filters.equal.values()]
    found = Sums()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT status, SUM(requests), SUM(tokens), SUM(making_ms) FROM {COUNTS} WHERE {where} GROUP BY status",
            values,
        )
        for status, count, tokens, making_ms in cursor.fetchall():
            found.add(Sums(Counter({status: count}), Counter(), tokens, making_ms), 1)
        times = TIMES_OF_ALL if filters.equal.keys() <= {"status"} else TIMES
        cursor.execute(f"SELECT ms, SUM(requests) FROM {times} WHERE {where} GROUP BY ms", values)
        found.times = Counter(dict(cursor.fetchall()))
    return found


def _read(filters: Filters) -> Sums:
    """The same of the rows themselves, a microsecond for each."""
    found = Sums()
    rows = filters.rows().order_by().annotate(ms=RawSQL(MS, [])).values("status", "ms")
    for status, ms, count, tokens, making_ms in rows.annotate(
        count=Count("id"), tokens=Sum("completion_tokens"), making=Sum(RawSQL(MAKING, []))
    ).values_list("status", "ms", "count", "tokens", "making"):
        times = Counter({ms: count} if status not in UNTIMED else {})
        found.add(Sums(Counter({status: count}), times, tokens, making_ms), 1)
    return found


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
