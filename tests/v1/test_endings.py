"""A row that ends in the very moment in which its request does. Over HTTP that is luck: here the moment is chosen."""

import asyncio
import dataclasses
import socket
import time
from collections import deque
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.test import RequestFactory

from inference import running
from inference.call import Call, new_id
from inference.channel import Channel
from inference.completion import Asked, run
from inference.deadline import Deadline, Wish
from inference.errors import Cancelled, RunnerFailed
from inference.frames import Frames, framed
from inference.front import serve
from inference.inbox import Inbox, Item
from inference.intake import Receive, Send
from inference.local import Runner
from inference.messages import (
    Abort,
    Add,
    Command,
    Counted,
    Done,
    Event,
    Ready,
    Refused,
    Sampling,
    TextPrompt,
    Tokens,
)
from inference.place import Place
from inference.pool import pool
from inference.process import RunnerProcess
from inference.reception import received
from inference.request_log import request_log
from inference.routing import Decision, Target
from settings_app import stored
from settings_app.endpoints import ENDPOINTS
from settings_app.models import RequestLog
from settings_app.snapshot import EMPTY, Model, Serving, Snapshot

MODEL = Model("tiny", Path(), "text", None)
SERVING = Serving("comment", honour_client_timeout=True, stuck_grace_seconds=0.2, max_queued=10)
SETTINGS = dataclasses.replace(EMPTY, models={"tiny": MODEL}, serving=SERVING)


class _Process:
    """A runner's, as the server sees it."""

    pid = 0
    stdin = None

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.killed = False

    async def wait(self) -> int:
        await self.ended.wait()
        return 0

    def kill(self) -> None:
        self.killed = True
        self.ended.set()


class _Inbox(Inbox):
    """Its reader is made to leave as the end of its row comes in, before it could read that."""

    reader: "asyncio.Task[None]"

    def put(self, item: Item) -> None:
        if isinstance(item, Done):
            self.reader.cancel()
        super().put(item)


def test_a_row_that_ended_as_its_request_did_is_waited_for_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The runner does not answer for a row that it has let go of: it must not be taken for stuck."""
    logged: list[RequestLog] = []
    monkeypatch.setattr(request_log, "put", logged.append)
    killed, busy = asyncio.run(_leave_at_the_end(monkeypatch))
    assert (killed, busy) == (False, False)
    (row,) = logged
    assert (row.status, row.stop_latency_ms, row.prompt_tokens) == ("client_closed", 7.0, 3)


def test_a_client_that_leaves_while_the_settings_are_read_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its body is here, and no work has begun."""
    logged: deque[RequestLog] = deque()
    monkeypatch.setattr(request_log, "_waiting", logged)
    asyncio.run(_leave_at_once(monkeypatch))
    (row,) = logged
    assert (row.status, row.http_status, row.endpoint) == ("client_closed", None, "/v1/chat/completions")


async def _leave_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def settings() -> Snapshot:
        return await asyncio.Future()  # never

    monkeypatch.setattr(stored, "current", settings)
    scope = {
        "type": "http",
        "path": "/v1/chat/completions",
        "method": "GET",
    }  # one that has no body to wait for
    looking = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        request = RequestFactory().post(scope["path"], SERVER_NAME="localhost")
        request.scope = scope  # type: ignore[attr-defined]
        looking.set()
        await serve(request)

    async def nobody(*message: Any) -> Any:
        raise AssertionError(message)

    serving = asyncio.create_task(received(app, scope, nobody, nobody))
    await looking.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


def test_a_runner_that_cannot_be_understood_is_ended() -> None:
    """Trap 14: else it would look alive, and everyone wait for their deadline."""
    killed, failure = asyncio.run(_hear_nonsense())
    assert killed
    assert failure == "runner_failed"


async def _hear_nonsense() -> tuple[bool, str | None]:
    channel, theirs = await _connected()
    process = _Process()
    runner = Runner("tiny", RunnerProcess(process, channel), lambda: None)  # type: ignore[arg-type]
    inbox = Inbox()
    runner.add(Add("row", 0.0, TextPrompt("hello"), Sampling()), inbox)
    theirs.send(b"\xc1 no frame")
    with pytest.raises(RunnerFailed) as failed:
        await asyncio.wait_for(inbox.take(), 5)
    await process.ended.wait()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    theirs.close()
    return process.killed, failed.value.code


@pytest.mark.parametrize("end", [Counted("row", 3), Refused("row", "too_long", "prompt", "Too long.")])
def test_what_never_was_a_row_says_nothing_of_how_long_one_takes(end: Event) -> None:
    """Or a queue would be told to take a moment, and nobody be turned away from it."""
    assert asyncio.run(_seconds_per_row(end)) == 1.0
    assert asyncio.run(_seconds_per_row(Done("row", "stop", 3, 1))) < 1.0


async def _seconds_per_row(end: Event) -> float:
    channel, theirs = await _connected()
    process = _Process()
    inbox = Inbox()
    runner = Runner("tiny", RunnerProcess(process, channel), lambda: None)  # type: ignore[arg-type]
    runner.add(Add("row", 0.0, TextPrompt("hello"), Sampling()), inbox)
    theirs.send(_frame(end))
    assert await asyncio.wait_for(inbox.take(), 5) == [end]
    process.ended.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    theirs.close()
    return runner.seconds_per_row


class _Theirs:
    """The runner's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._frames = Frames()

    def send(self, frame: bytes) -> None:
        self._writer.write(framed(frame))

    async def recv(self) -> bytes:
        [frame] = self._frames.feed(await self._reader.read(65536))
        return frame

    def close(self) -> None:
        self._writer.close()


async def _connected() -> tuple[Channel, _Theirs]:
    ours, theirs = socket.socketpair()
    return await Channel.over(ours), _Theirs(*await asyncio.open_unix_connection(sock=theirs))


async def _leave_at_the_end(monkeypatch: pytest.MonkeyPatch) -> tuple[bool, bool]:
    """Whether the runner was killed, and whether it still counts as busy, after the grace."""
    channel, theirs = await _connected()
    process = _Process()
    place = Place(MODEL, 0, lambda place: None)
    place.runner = runner = Runner(
        "tiny",
        RunnerProcess(process, channel),  # type: ignore[arg-type]
        place.look,
    )

    def only(model: Model, inbox: Inbox) -> Place:
        place.join(inbox)
        return place

    monkeypatch.setattr(pool, "join", only)
    inbox = _Inbox()
    call = _call(inbox)
    inbox.reader = asyncio.create_task(_read(call))
    theirs.send(_frame(Ready("text", None, 0)))
    await theirs.recv()  # the row
    theirs.send(_frame(Done("row", "deadline", 3, 1, stop_latency=0.007)))
    await asyncio.wait({inbox.reader})
    await asyncio.sleep(2 * SERVING.stuck_grace_seconds)
    found = process.killed, runner.busy
    process.ended.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    theirs.close()
    return found


def test_a_cancelled_row_is_dropped_also_while_its_client_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request stands in the sending; what it has is told when the client reads again, and then the end."""
    logged: list[RequestLog] = []
    monkeypatch.setattr(request_log, "put", logged.append)
    sent, left = asyncio.run(_cancel_unread(monkeypatch))
    assert sent == Abort("row")
    assert left == [Tokens("row", "b", 1)]
    (row,) = logged
    assert (row.status, row.error_code, row.stop_latency_ms) == ("cancelled", "cancelled", 10.0)


def test_a_cancel_is_kept_whatever_else_went_wrong_and_whoever_is_asked_next() -> None:
    """It may come as one target has failed and its fallback is not yet asked."""

    async def told() -> None:
        inbox = Inbox()
        inbox.fail(RunnerFailed("gone"))
        inbox.fail(Cancelled("by the operator", extra={}))
        inbox.clear()
        await asyncio.wait_for(inbox.take(), 1)

    with pytest.raises(Cancelled):
        asyncio.run(told())


async def _cancel_unread(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[Item]]:
    """What the runner is sent before the client reads on, and what is told then."""
    channel, theirs = await _connected()
    process = _Process()
    changed = asyncio.Event()
    place = Place(MODEL, 0, lambda place: changed.set())
    place.runner = Runner(
        "tiny",
        RunnerProcess(process, channel),  # type: ignore[arg-type]
        place.look,
    )

    def only(model: Model, inbox: Inbox) -> Place:
        place.join(inbox)
        return place

    monkeypatch.setattr(pool, "join", only)
    theirs.send(_frame(Ready("text", None, 0)))
    call = _call(Inbox())
    row = Add("row", 0.0, TextPrompt("hello"), Sampling())
    batches = run(call, Asked("text", lambda: [row], dict), SETTINGS)
    first = asyncio.ensure_future(anext(batches))
    await theirs.recv()  # the row
    theirs.send(_frame(Tokens("row", "a", 1)))
    await first  # and the client takes no more
    call.cancel()
    sent = msgspec.msgpack.decode(await asyncio.wait_for(theirs.recv(), 5), type=Command)
    changed.clear()
    theirs.send(_frame(Tokens("row", "b", 1), Done("row", "aborted", 3, 2, stop_latency=0.01)))
    await asyncio.wait_for(changed.wait(), 5)  # the row is gone
    told: list[Item] = []
    with pytest.raises(Cancelled):
        async for items in batches:
            told += items
    process.ended.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    theirs.close()
    return sent, told


def _call(inbox: Inbox) -> Call:
    now = time.monotonic()
    decision = Decision("tiny", None, (Target("tiny"),))
    return Call(new_id(), ENDPOINTS[0], decision, Deadline(now, 60, Wish(None)), now, inbox=inbox)


async def _read(call: Call) -> None:
    row = Add("row", 0.0, TextPrompt("hello"), Sampling())
    async for _ in run(call, Asked("text", lambda: [row], dict), SETTINGS):
        pass


def _frame(*events: Event) -> Any:
    return msgspec.msgpack.encode(list(events))


def test_one_that_cannot_be_begun_leaves_no_ghost(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(call: Call) -> None:
        raise RuntimeError

    monkeypatch.setattr(request_log, "began", refuse)
    monkeypatch.setattr(request_log, "_waiting", deque())
    call = _call(Inbox())
    with pytest.raises(RuntimeError):
        asyncio.run(_read(call))
    assert running.calls() == []
    assert [row.status for row in request_log._waiting] == ["error"]
