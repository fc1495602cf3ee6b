"""The requests that run now: what applies a new deadline to them, or ends them with the server, finds them here."""

from collections.abc import Iterable, Mapping

from inference.call import Call
from inference.errors import Draining
from inference.pool import pool

_calls: dict[str, Call] = {}
_draining = False


def begin(call: Call) -> None:
    _calls[call.id] = call


def end(call: Call) -> None:
    _calls.pop(call.id, None)


def calls() -> list[Call]:
    return list(_calls.values())


def apply(endpoints: Iterable[str], stored_seconds: Mapping[str, float]) -> int:
    """Gives the running requests of these endpoints the deadline that is stored now. Returns how many it moved."""
    chosen = set(endpoints)
    moved = [
        call
        for call in calls()
        if call.endpoint.key in chosen and call.deadline.store(stored_seconds[call.endpoint.key])
    ]
    for call in moved:
        for runner in pool:
            for row_id in call.row_ids:
                runner.set_deadline(row_id, call.deadline.at)  # which only its own runner heeds
        call.inbox.wake()
    return len(moved)


def drain() -> None:
    """From now on new requests are refused; those that run may end."""
    global _draining
    _draining = True


def is_draining() -> bool:
    return _draining


def fail_all() -> None:
    """Ends what still runs, and says why."""
    for call in calls():
        call.inbox.fail(Draining())
