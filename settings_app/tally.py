"""How long the requests of the last seven days took, counted in memory; of the log only what is new since is read.

To count a million rows takes seconds, which the server does once, at its start; to add those of a minute, microseconds.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection

from settings_app.endpoints import ENDPOINTS
from settings_app.models import RequestLog
from settings_app.phases import Phase

DAYS = 7
OK, CUT, TIMEOUT = "ok", "cut", "timeout"

# The order in which a request passes its phases. A provider is asked at last, unless the request ended elsewhere.
_LENGTHS = (
    (Phase.CLOUD, "(CASE WHEN phase = 'cloud' THEN 0 ELSE cloud_ms END)"),
    *((phase, f"{phase}_ms") for phase in Phase if phase is not Phase.CLOUD),
    (Phase.CLOUD, "(CASE WHEN phase = 'cloud' THEN cloud_ms ELSE 0 END)"),
)


class Key(NamedTuple):
    """What is counted. `path` of the endpoint; `ms` is rounded up: to 10 below 1 s, to 50 below 10 s, then to 1000.

    `OK`: requests that ended well, by how long they took. `CUT`: by phase, how many of those end it at `ms`, less how
    many begin it then: the sum over all beyond a value is how many are in that phase when the value has passed.
    `TIMEOUT`: requests whose time was up, by phase.
    """

    kind: str
    path: str
    phase: str = ""
    ms: int = 0


@dataclass
class _Counted:
    """`until`: id and request id of the last row that is in it. `hours`: by the hour of their arrival."""

    database: str
    least_ms: float
    until: tuple[int, str] = (0, "")
    hours: dict[str, Counter[Key]] = field(default_factory=dict)
    all: Counter[Key] = field(default_factory=Counter)


_counted: _Counted | None = None
_lock = threading.Lock()


def current() -> Counter[Key]:
    """All that came in the last seven days, to the hour, and has ended."""
    with _lock:
        return Counter(_up_to_date().all)


def warm() -> None:
    """Counts what is there already, before anybody asks, in a thread that ends with it."""
    try:
        current()
    finally:
        connection.close()


def timeouts_since(hours: int) -> Counter[str]:
    """By phase, how many requests that came in the last `hours` ran out of time; to the hour."""
    found: Counter[str] = Counter()
    oldest = _hour(timedelta(hours=hours))
    with _lock:
        for hour, counts in _up_to_date().hours.items():
            for key, count in counts.items() if hour >= oldest else ():
                if key.kind == TIMEOUT:
                    found[key.phase] += count
    return found


def _up_to_date() -> _Counted:
    global _counted
    database = str(connection.settings_dict["NAME"])
    least_ms = min(endpoint.min_seconds for endpoint in ENDPOINTS) * 1000
    held = _counted
    if held is None or (held.database, held.least_ms) != (database, least_ms) or not _is_there(held.until):
        held = _Counted(database, least_ms)
    _forget_old(held)
    _add_new(held)
    _counted = held
    return held


def _is_there(until: tuple[int, str]) -> bool:
    """Whether the log still has the last row that was counted: else it is another log."""
    return until == (0, "") or RequestLog.objects.filter(id=until[0], request_id=until[1]).exists()


def _forget_old(held: _Counted) -> None:
    oldest = _hour(timedelta(days=DAYS))
    for hour in [hour for hour in held.hours if hour < oldest]:
        held.all.subtract(held.hours.pop(hour))
    held.all = Counter({key: count for key, count in held.all.items() if count})


def _add_new(held: _Counted) -> None:
    last = RequestLog.objects.order_by("-id").values_list("id", "request_id").first()
    if last is None or last == held.until:
        return
    new: Counter[tuple[str, Key]] = Counter()
    oldest = f"{_hour(timedelta(days=DAYS))}:00:00"
    with connection.cursor() as cursor:
        for sql, kind, phases in _queries(held.least_ms):
            cursor.execute(sql, [held.until[0], last[0], oldest])
            for hour, path, phase, ms, count in cursor.fetchall():
                if kind is CUT:
                    ends, begins = phases
                    new[hour, Key(CUT, path, ends, ms)] += count
                    new[hour, Key(CUT, path, begins, ms)] -= count
                else:
                    new[hour, Key(kind, path, phase, ms)] += count
    for (hour, key), count in new.items():
        held.hours.setdefault(hour, Counter())[key] += count
        held.all[key] += count
    held.until = last


def _queries(least_ms: float) -> list[tuple[str, str, tuple[str, str]]]:
    """SQL, what it counts, and for a boundary the phases that end and begin there.

    Boundaries before `least_ms` are of no account: no timeout may be that short.
    """
    found = [
        (_sql("''", _rounded_up("total_ms"), "status = 'ok'"), OK, ("", "")),
        (_sql("phase", "0", "status = 'timeout'"), TIMEOUT, ("", "")),
    ]
    for number in range(1, len(_LENGTHS) + 1):
        at = " + ".join(sql for _, sql in _LENGTHS[:number])
        where = f"status = 'ok' AND total_ms > {least_ms} AND {at} > {least_ms}"
        begins = _LENGTHS[number][0] if number < len(_LENGTHS) else ""
        found.append((_sql("''", _rounded_up(at), where), CUT, (_LENGTHS[number - 1][0], begins)))
    return found


def _sql(phase: str, ms: str, where: str) -> str:
    """The number first in the order: to compare it costs least."""
    return (
        f"SELECT substr(at, 1, 13) AS hour, endpoint, {phase}, {ms} AS ms, count(*) "
        f"FROM {RequestLog._meta.db_table} WHERE id > %s AND id <= %s AND at >= %s AND {where} "
        "GROUP BY ms, hour, endpoint, 3"
    )


def _rounded_up(ms: str) -> str:
    whole = f"CAST(round({ms}) AS INTEGER)"
    return (
        f"(CASE WHEN {whole} <= 1000 THEN ({whole} + 9) / 10 * 10 "
        f"WHEN {whole} <= 10000 THEN ({whole} + 49) / 50 * 50 ELSE ({whole} + 999) / 1000 * 1000 END)"
    )


def _hour(ago: timedelta) -> str:
    """As the database writes it, up to the hour."""
    return (datetime.now(UTC) - ago).strftime("%Y-%m-%d %H")
