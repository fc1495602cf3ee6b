"""A request at a runner of this machine: its rows are sent, what comes is counted, and what is left is dropped."""

from collections.abc import AsyncGenerator, Sequence
from functools import partial

import msgspec

from inference.call import Call
from inference.deadline import DeadlinePassed
from inference.errors import ApiError, InvalidRequest, QueueFull, Unattainable
from inference.inbox import Item
from inference.local import Runner
from inference.messages import ENDS, Add, Done, Embed, Prefill, Refused, Tokens
from inference.place import Place
from inference.pool import pool
from inference.request_log import request_log
from inference.tools import placed
from settings_app.durations import number_text
from settings_app.phases import Phase
from settings_app.snapshot import Model, Snapshot

BATCH_ROWS = 32  # that a runner decodes together
Rows = Sequence[Add | Embed]


async def events(
    call: Call, model: Model, rows: Rows, settings: Snapshot
) -> AsyncGenerator[list[Item], None]:
    """What the runner says of the rows, up to the last `Done`. Raises ApiError, and DeadlinePassed.

    Also yields nothing, when the deadline has moved: whoever bounds it looks at the new one.
    """
    if (held := pool.get(model.name)) is not None:
        _check_queue(call, held, settings.serving.max_queued)
    call.row_ids = [row.id for row in rows]
    left: set[str] = set()
    place = pool.join(model, call.inbox)
    runner: Runner | None = None
    try:
        while (runner := place.loaded_runner) is None:
            if place.started and call.phase is not Phase.LOAD:
                call.enter(Phase.LOAD)
            await call.inbox.take()
            yield []
        call.enter(Phase.QUEUE)
        call.abort = partial(_abort, runner, call)
        for row in rows:
            _send(runner, msgspec.structs.replace(row, deadline=call.deadline.at), call)
            left.add(row.id)
        while left:
            came = await call.inbox.take()
            left -= {event.id for event in came if isinstance(event, ENDS)}
            for index, event in enumerate(came):
                try:
                    _note(call, event)
                except (ApiError, DeadlinePassed):
                    yield came[:index]  # what was made before is flushed
                    raise
            yield came
    finally:
        for row_id in left - _ended_unread(call):
            assert runner is not None
            request_log.stopping(call)
            runner.drop(
                row_id,
                settings.serving.stuck_grace_seconds,
                lambda seconds: request_log.stopped(call, seconds),
            )
        place.leave(call.inbox)


def _send(runner: Runner, row: Add | Embed, call: Call) -> None:
    """Raises InvalidRequest for a schema or the like that its body could just hold, and a frame cannot."""
    try:
        runner.add(row, call.inbox)
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply.", code="invalid_json") from None


def _abort(runner: Runner, call: Call) -> None:
    for row_id in call.row_ids:
        runner.abort(row_id)


def _ended_unread(call: Call) -> set[str]:
    """Rows whose end came in at the very moment of leaving. The runner knows them no more and would not answer: it
    would be taken for stuck.
    """
    ended = [event for event in call.inbox.unread() if isinstance(event, ENDS)]
    for event in ended:
        if isinstance(event, Done):
            _note_gone(call, event)
    return {event.id for event in ended}


def _check_queue(call: Call, place: Place, max_queued: int) -> None:
    """Admission. How long the queue takes is told from how long rows took of late."""
    queued, runner = place.queued, place.loaded_runner
    wait = queued * (runner.seconds_per_row if runner is not None else 1.0) / BATCH_ROWS
    if queued >= max_queued:
        raise QueueFull(
            f"{queued} requests wait for {place.name} already. Try again later.",
            retry_after=max(1.0, wait),
        )
    if runner is not None and wait > call.deadline.remaining():
        raise Unattainable(
            f"{queued} requests wait for {place.name}, which takes about {wait:.0f} s: "
            f"longer than the {number_text(call.deadline.seconds)} s that this one has.",
            retry_after=max(1.0, wait - call.deadline.remaining()),
        )


def _note(call: Call, event: Item) -> None:
    """Keeps count of what `event` says. Raises what it says went wrong."""
    match event:
        case Prefill():
            if call.phase is Phase.QUEUE:
                call.enter(Phase.PREFILL)
            call.progress[event.id] = (event.prompt_tokens, event.cached_tokens)
        case Tokens():
            if call.phase is not Phase.DECODE and event.count:
                call.enter(Phase.DECODE)
            call.completion_tokens += event.count
            if event.kind == "reasoning":
                call.reasoning_tokens += event.count
        case Done():
            _note_gone(call, event)
            if event.reason not in ("stop", "length", "tool_calls"):
                raise call.cancelled or DeadlinePassed
            call.finish_reason, call.stopped_by = event.reason, event.stopped_by
        case Refused():
            message, param = (placed(text, call.tool_numbers) for text in (event.message, event.param or ""))
            raise InvalidRequest(message, code=event.code, param=param or None)


def _note_gone(call: Call, event: Done) -> None:
    call.progress[event.id] = (event.prompt_tokens, event.cached_tokens)
    if event.stop_latency is not None:
        call.stop_latency = max(call.stop_latency or 0.0, event.stop_latency)
        if event.reason == "deadline":
            call.work_ended(call.deadline.at + event.stop_latency)
