"""The story of a generation: find the runner, send the row, pass on what comes, within the deadline."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from inference.call import Call, Phase
from inference.deadline import DeadlinePassed, bounded
from inference.errors import InvalidRequest
from inference.messages import Add, Done, Event, Prefill, Refused, Tokens
from inference.pool import pool


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class End:
    finish_reason: Literal["stop", "length"]


async def generate(call: Call, folder: Path, add: Add) -> AsyncGenerator[Text | End, None]:
    """Text as it is made, then one `End`. Raises ApiError; the row is dropped whenever this is closed."""
    try:
        async with aclosing(bounded(_events(call, folder, add), call.deadline)) as batches:
            async for events in batches:
                if text := "".join(_note(call, event) for event in events):
                    yield Text(text)
                if isinstance(last := events[-1], Done):
                    yield _end(last)
    except DeadlinePassed:
        raise call.deadline_exceeded() from None


async def _events(call: Call, folder: Path, add: Add) -> AsyncGenerator[Sequence[Event], None]:
    runner = await pool.runner(call.model, folder)
    if not runner.ready.done():
        call.enter(Phase.LOAD)
        await runner.wait_ready()
        call.enter(Phase.QUEUE)
    async with aclosing(runner.generate(add)) as batches:
        async for events in batches:
            yield events


def _note(call: Call, event: Event) -> str:
    """Keeps count of what `event` says; returns its text."""
    match event:
        case Prefill():
            if call.phase is Phase.QUEUE:
                call.enter(Phase.PREFILL)
            call.prompt_tokens = event.prompt_tokens
        case Tokens():
            if call.phase is not Phase.DECODE:
                call.enter(Phase.DECODE)
            call.completion_tokens += event.count
            return event.text
        case Done():
            call.prompt_tokens = event.prompt_tokens
            call.completion_tokens = event.completion_tokens
        case Refused():
            raise InvalidRequest(event.message, code=event.code, param=event.param)
    return ""


def _end(done: Done) -> End:
    if done.reason == "stop" or done.reason == "length":
        return End(done.reason)
    raise DeadlinePassed
