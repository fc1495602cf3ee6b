"""What the server makes of what a runner says, and of what it cannot understand."""

import asyncio

import pytest

from inference.errors import RunnerFailed
from inference.inbox import Inbox
from inference.messages import Add, Counted, Done, Event, Refused, Sampling, TextPrompt
from tests.v1.played_runner import played

ROW = Add("row", 0.0, TextPrompt("hello"), Sampling())


def test_a_runner_that_cannot_be_understood_is_ended() -> None:
    """Trap 14: else it would look alive, and everyone wait for their deadline."""
    killed, failure = asyncio.run(_hear_nonsense())
    assert killed
    assert failure == "runner_failed"


async def _hear_nonsense() -> tuple[bool, str | None]:
    inbox = Inbox()
    async with played() as told:
        told.runner.add(ROW, inbox)
        told.send(b"\xc1 no frame")
        with pytest.raises(RunnerFailed) as failed:
            await asyncio.wait_for(inbox.take(), 5)
        await told.process.ended.wait()
        return told.process.killed, failed.value.code


@pytest.mark.parametrize("end", [Counted("row", 3), Refused("row", "too_long", "prompt", "Too long.")])
def test_what_never_was_a_row_says_nothing_of_how_long_one_takes(end: Event) -> None:
    """Or a queue would be told to take a moment, and nobody be turned away from it."""
    assert asyncio.run(_seconds_per_row(end)) == 1.0
    assert asyncio.run(_seconds_per_row(Done("row", "stop", 3, 1))) < 1.0


async def _seconds_per_row(end: Event) -> float:
    inbox = Inbox()
    async with played() as told:
        told.runner.add(ROW, inbox)
        told.say(end)
        assert await asyncio.wait_for(inbox.take(), 5) == [end]
        return told.runner.seconds_per_row
