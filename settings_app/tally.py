"""How long the requests of the last seven days took, and in which phase they were when.

Kept by the database's own triggers (`counted`), by the day, so that a week is a few thousand numbers.
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
    """All that came today or in the seven days before, and has ended."""
    since = datetime.now(UTC).date() - timedelta(days=DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT kind, path, phase, ms, SUM(requests) FROM {TABLE} WHERE day >= %s "
            "GROUP BY ms, phase, kind, path HAVING SUM(requests) != 0",  # the number first: to compare it costs least
            [str(since)],
        )
        return Counter({Key(*key): count for *key, count in cursor.fetchall()})


def _ended(source: str) -> str:
    return (
        "SELECT substr(at, 1, 10) AS day, endpoint AS path, status AS kind, "
        "CASE status WHEN 'ok' THEN '' ELSE phase END AS phase, "
        f"CASE status WHEN 'ok' THEN {_rounded_up('total_ms')} ELSE 0 END AS ms, 1 AS requests "
        f"FROM {source}"
    )


def _cut(source: str) -> str:
    """Where each of its phases begins, and ends, unless that is before the least that is of account."""
    told = " UNION ALL ".join(
        f"SELECT at, endpoint, '{phase}' AS told, {_rounded_up(moment)} AS ms, {by} AS requests FROM {source} "
        f"WHERE {length} > 0 AND {moment} > {LEAST_MS}"
        for phase, length, moment, by in _boundaries()
    )
    return (
        f"SELECT substr(at, 1, 10) AS day, endpoint AS path, '{CUT}' AS kind, told AS phase, ms, requests "
        f"FROM ({told})"
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


_KEY = ("day", "path", "kind", "phase", "ms")
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
