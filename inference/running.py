"""The requests that run now: what shows them, gives them another deadline, or ends them, finds them here.

Everything runs on the event loop; other threads come through `pool.on_loop`.
"""

import logging
from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError

from inference.call import Call
from inference.call_state import MOST_SHOWN, CallState, state_of
from inference.errors import Draining
from inference.pool import pool
from settings_app.durations import number_text, seconds_text
from settings_app.timeouts import LEAST_EXTENSION_SECONDS, clean_extension

log = logging.getLogger(__name__)

BAD_CURSOR = "This is no place in the list. Take next_cursor of the answer before, or leave it out."

Place = tuple[int, str]  # in the order in which requests came: microseconds of `time.monotonic()`, and the id

_calls: dict[str, Call] = {}
_draining = False


class NotRunning(Exception):
    """No such request runs; the message says so."""


def begin(call: Call) -> None:
    _calls[call.id] = call


def end(call: Call) -> None:
    _calls.pop(call.id, None)


def calls() -> list[Call]:
    """In the order in which they came."""
    return sorted(_calls.values(), key=_place)


def states(limit: int = MOST_SHOWN) -> list[CallState]:
    """Of those that have run longest."""
    return [state_of(call) for call in calls()[:limit]]


def page(limit: int, after: Place | None = None) -> tuple[list[CallState], str | None]:
    """Of those that came after that place; and where the next ones begin, None if there are none."""
    found = [call for call in calls() if after is None or _place(call) > after]
    shown = found[:limit]
    more = len(found) > limit
    return [state_of(call) for call in shown], _written(_place(shown[-1])) if more else None


def read_place(cursor: str) -> Place | None:
    """What `page` gave; None if it is empty. Raises ValidationError for what it did not give."""
    moment, _, id = cursor.partition(".")
    if cursor and not (moment.isascii() and moment.isdigit() and len(moment) < 19 and id):
        raise ValidationError({"cursor": BAD_CURSOR})
    return (int(moment), id) if cursor else None


def count() -> int:
    return len(_calls)


def cancel(id: str, who: str) -> CallState:
    """Ends the request, in whatever phase it is; also one whose time is up, but whose client does not read.

    Raises NotRunning.
    """
    call = _running(id)
    log.info("%s is cancelled by %s, during %s", call.id, who, call.phase)
    call.cancel()
    return state_of(call)


def extend(id: str, seconds: object, who: str) -> CallState:
    """Gives the request so much more time, also beyond what is stored and what its client wished.

    Raises NotRunning; and ValidationError for what is no such time, or ends beyond the endpoint's highest bound.
    """
    more = clean_extension(seconds)
    call = _running(id)
    if call.deadline.remaining() <= 0:
        raise _not_running(id)
    left = call.endpoint.highest_seconds - call.deadline.seconds
    if more > left:
        raise ValidationError({"seconds": [_too_long(call, left)]})
    call.deadline.extend(more)
    log.info(
        "%s is extended by %s, to %s s in all", call.id, who, number_text(round(call.deadline.seconds, 3))
    )
    _tell(call)
    return state_of(call)


def apply(endpoints: Iterable[str], stored_seconds: Mapping[str, float]) -> int:
    """Gives the running requests of these endpoints the deadline that is stored now. Returns how many it moved."""
    chosen = set(endpoints)
    moved = [
        call
        for call in calls()
        if call.endpoint.key in chosen and call.deadline.store(stored_seconds[call.endpoint.key])
    ]
    for call in moved:
        _tell(call)
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
        call.cut = Draining()
        call.inbox.fail(call.cut)


def _place(call: Call) -> Place:
    return round(call.arrived * 1e6), call.id


def _written(place: Place) -> str:
    moment, id = place
    return f"{moment}.{id}"


def _running(id: str) -> Call:
    """Not one that was cancelled and is about to end."""
    call = _calls.get(id)
    if call is None or call.cancelled is not None:
        raise _not_running(id)
    return call


def _not_running(id: str) -> NotRunning:
    return NotRunning(f"No request {id[:40]} is running: it has ended, or there was none.")


def _tell(call: Call) -> None:
    """Its deadline has moved: the runner that has it heeds the new one, and so does whoever waits."""
    for runner in pool:
        for row_id in call.row_ids:
            runner.set_deadline(row_id, call.deadline.at)  # which only its own runner heeds
    call.inbox.wake()


def _too_long(call: Call, left: float) -> str:
    highest = seconds_text(call.endpoint.highest_seconds)
    if left < LEAST_EXTENSION_SECONDS:
        return f"It has the longest time that there is for {call.path}, {highest} in all."
    return (
        f"No request to {call.path} may take more than {highest} in all: enter {int(left)} seconds at most."
    )
