"""A row that ends in the very moment in which its request does. Over HTTP that is luck: here the moment is chosen."""

import asyncio
import dataclasses
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from inference import running
from inference.call import Call, new_id
from inference.completion import Asked, run
from inference.deadline import Deadline, Wish
from inference.errors import Cancelled, RunnerFailed
from inference.front import serve
from inference.inbox import Inbox, Item
from inference.intake import Receive, Send
from inference.messages import (
    Abort,
    Add,
    Command,
    Done,
    Ready,
    Sampling,
    TextPrompt,
    Tokens,
)
from inference.place import Place
from inference.pool import pool
from inference.reception import received
from inference.request_log import request_log
from inference.routing import Decision, Target
from settings_app import stored
from settings_app.endpoints import ENDPOINTS
from settings_app.models import RequestLog
from settings_app.snapshot import EMPTY, Model, Serving, Snapshot
from tests.v1.played_runner import Played, played

MODEL = Model("tiny", Path(), "text", None)
SERVING = Serving("comment", honour_client_timeout=True, stuck_grace_seconds=0.2, max_queued=10)
ROW = Add("row", 0.0, TextPrompt("hello"), Sampling())
SETTINGS = dataclasses.replace(EMPTY, models={"tiny": MODEL}, serving=SERVING)


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


async def _leave_at_the_end(monkeypatch: pytest.MonkeyPatch) -> tuple[bool, bool]:
    """Whether the runner was killed, and whether it still counts as busy, after the grace."""
    async with _only_place(monkeypatch) as told:
        inbox = _Inbox()
        inbox.reader = asyncio.create_task(_read(_call(inbox)))
        told.say(Ready("text", None, 0))
        await told.told()  # the row
        told.say(Done("row", "deadline", 3, 1, stop_latency=0.007))
        await asyncio.wait({inbox.reader})
        await asyncio.sleep(2 * SERVING.stuck_grace_seconds)
        return told.process.killed, told.runner.busy


@asynccontextmanager
async def _only_place(
    monkeypatch: pytest.MonkeyPatch, changed: Callable[[], None] = lambda: None
) -> AsyncIterator[Played]:
    """The runner to which every request goes."""
    place = Place(MODEL, 0, lambda place: changed())

    def join(model: Model, inbox: Inbox) -> Place:
        place.join(inbox)
        return place

    monkeypatch.setattr(pool, "join", join)
    async with played(place.look) as told:
        place.runner = told.runner
        yield told


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


async def _cancel_unread(monkeypatch: pytest.MonkeyPatch) -> tuple[Command, list[Item]]:
    """What the runner is sent before the client reads on, and what is told then."""
    changed = asyncio.Event()
    async with _only_place(monkeypatch, changed.set) as runner:
        runner.say(Ready("text", None, 0))
        call = _call(Inbox())
        batches = run(call, Asked("text", lambda: [ROW], dict), SETTINGS)
        first = asyncio.ensure_future(anext(batches))
        await runner.told()  # the row
        runner.say(Tokens("row", "a", 1))
        await first  # and the client takes no more
        call.cancel()
        sent = await runner.told()
        changed.clear()
        runner.say(Tokens("row", "b", 1), Done("row", "aborted", 3, 2, stop_latency=0.01))
        await asyncio.wait_for(changed.wait(), 5)  # the row is gone
        told: list[Item] = []
        with pytest.raises(Cancelled):
            async for items in batches:
                told += items
    return sent, told


def _call(inbox: Inbox) -> Call:
    now = time.monotonic()
    decision = Decision("tiny", None, (Target("tiny"),))
    return Call(new_id(), ENDPOINTS[0], decision, Deadline(now, 60, Wish(None)), now, inbox=inbox)


async def _read(call: Call) -> None:
    async for _ in run(call, Asked("text", lambda: [ROW], dict), SETTINGS):
        pass


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
