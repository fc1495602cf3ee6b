"""How long the requests of the last seven days took, to the hour, and in which phase they were when.

Kept by the database's own triggers (`counted`), by the hour and by the day, so that a week is a few thousand numbers.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection

from settings_app.counted import Counted
from settings_app.phases import Phase

TABLE = "settings_app_log_took"  # made by a migration
DAYS = 7
OK, CUT, TIMEOUT = "ok", "cut", "timeout"
LEAST_MS = 1_000  # no timeout is shorter; of what a drill's shorter one would cut, nothing is told

# The order in which a request passes its phases. A provider is asked at last, unless the request ended elsewhere.
_LENGTHS = (
    (Phase.CLOUD, "(CASE WHEN phase = 'cloud' THEN 0 ELSE cloud_ms END)"),
    *((phase, f"{phase}_ms") for phase in Phase if phase is not Phase.CLOUD),
    (Phase.CLOUD, "(CASE WHEN phase = 'cloud' THEN cloud_ms ELSE 0 END)"),
)
_SPANS = "(SELECT 'day' AS span, 10 AS letters UNION ALL SELECT 'hour', 13)"


class Key(NamedTuple):
    """What is counted. `path` of the endpoint; `ms` is rounded up: to 10 below 1 s, to 50 below 10 s, then to 1000.

    `OK`: requests that ended well, by how long they took. `TIMEOUT`: those whose time was up, by phase. `CUT`: of both,
    by phase, how many end it at `ms`, less how many begin it then: the sum over all beyond a value is how many were
    in that phase when the value had passed.
    """

    kind: str
    path: str
    phase: str = ""
    ms: int = 0


def current() -> Counter[Key]:
    """All that came in the last seven days, to the hour, and has ended."""
    return _since(timedelta(days=DAYS))


def timeouts_since(hours: int) -> Counter[str]:
    """By phase, how many requests that came in the last `hours` ran out of time; to the hour."""
    found: Counter[str] = Counter()
    for key, count in _since(timedelta(hours=hours), TIMEOUT).items():
        found[key.phase] += count
    return found


def _since(ago: timedelta, *kinds: str) -> Counter[Key]:
    """The hours of the first day, and the days after it."""
    oldest = (datetime.now(UTC) - ago).strftime("%Y-%m-%d %H")
    day = oldest[:10]
    of_kinds = f"AND kind IN ({', '.join(['%s'] * len(kinds))}) " if kinds else ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, path, phase, ms, SUM(requests) FROM ("
            f"SELECT * FROM {TABLE} WHERE span = 'hour' AND period >= %s AND period < %s {of_kinds}UNION ALL "
            f"SELECT * FROM {TABLE} WHERE span = 'day' AND period > %s {of_kinds}) "
            "GROUP BY kind, path, phase, ms HAVING SUM(requests) != 0",
            [oldest, f"{day}~", *kinds, day, *kinds],
        )
        return Counter({Key(*key): count for *key, count in cursor.fetchall()})


def _ended(source: str) -> str:
    return (
        "SELECT span, substr(at, 1, letters) AS period, endpoint AS path, status AS kind, "
        "CASE status WHEN 'ok' THEN '' ELSE phase END AS phase, "
        f"CASE status WHEN 'ok' THEN {_rounded_up('total_ms')} ELSE 0 END AS ms, 1 AS requests "
        f"FROM {source} CROSS JOIN {_SPANS}"
    )


def _cut(source: str) -> str:
    """Where each of its phases begins, and ends, unless that is before the least that is of account."""
    told = " UNION ALL ".join(
        f"SELECT at, endpoint, '{phase}' AS told, {_rounded_up(moment)} AS ms, {by} AS requests FROM {source} "
        f"WHERE {length} > 0 AND {moment} > {LEAST_MS}"
        for phase, length, moment, by in _boundaries()
    )
    return (
        f"SELECT span, substr(at, 1, letters) AS period, endpoint AS path, '{CUT}' AS kind, told AS phase, ms, "
        f"requests FROM ({told}) CROSS JOIN {_SPANS}"
    )


def _boundaries() -> Iterator[tuple[str, str, str, int]]:
    """A phase, its length, the moment of its beginning or end, and what that adds to those that are in it."""
    passed = "0"
    for phase, length in _LENGTHS:
        begins, passed = passed, f"{passed} + {length}"
        yield phase, length, begins, -1
        yield phase, length, passed, 1


def _rounded_up(ms: str) -> str:
    whole = f"CAST(round({ms}) AS INTEGER)"
    return (
        f"(CASE WHEN {whole} <= 1000 THEN ({whole} + 9) / 10 * 10 "
        f"WHEN {whole} <= 10000 THEN ({whole} + 49) / 50 * 50 ELSE ({whole} + 999) / 1000 * 1000 END)"
    )


_KEY = ("span", "period", "path", "kind", "phase", "ms")
COUNTED = (
    Counted(
        "log_ended", TABLE, _KEY, ("requests",), _ended, lambda row: f"{row}.status IN ('{OK}', '{TIMEOUT}')"
    ),
    Counted(
        "log_cut",
        TABLE,
        _KEY,
        ("requests",),
        _cut,
        lambda row: f"{row}.total_ms > {LEAST_MS} AND {row}.status IN ('{OK}', '{TIMEOUT}')",
    ),
)
