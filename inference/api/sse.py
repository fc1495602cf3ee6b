"""Server-sent events, as OpenAI's clients read them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from typing import Any

import msgspec
from django.http import StreamingHttpResponse

from inference.call import Call
from inference.completion import Batches
from inference.inbox import Item

Render = Callable[[Batches], AsyncIterator[bytes]]

OPENING_SECONDS = 10.0  # so long a refusal can still have a true status
KEEP_ALIVE_SECONDS = 10.0
COMMENT = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder().encode


class Stream(StreamingHttpResponse):
    """Hands its body on as it is: Django would have each chunk pass two more generators, and look what it is."""

    def __init__(self, body: AsyncIterable[bytes], headers: dict[str, str]) -> None:
        super().__init__(body, content_type="text/event-stream", headers=headers)
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._body)


def response(body: AsyncIterable[bytes]) -> StreamingHttpResponse:
    """That no proxy gathers or keeps."""
    return Stream(body, {"cache-control": "no-store", "x-accel-buffering": "no"})


def event(data: Any) -> bytes:
    return b"data: " + _encode(data) + b"\n\n"


def named(name: str, data: Any) -> bytes:
    return b"event: " + name.encode() + b"\n" + event(data)


async def stream(
    call: Call, batches: Batches, render: Render, alive: Callable[[], bytes] | None
) -> StreamingHttpResponse:
    """Answers with `render(batches)`, which must turn an ApiError into an event itself.

    The first batch that makes something is awaited for `OPENING_SECONDS`: what fails by then is raised, and gets a
    status of its own. From then on, until there is one, the stream is kept alive by what `alive` makes, if it is given.
    """
    first = asyncio.ensure_future(_until_made(call, batches))
    try:
        await asyncio.wait({first}, timeout=OPENING_SECONDS)
    except asyncio.CancelledError:
        first.cancel()
        raise
    if first.done():
        first.result()
    call.answering = True
    return response(_Body(batches, first, render, alive))


async def _until_made(call: Call, batches: Batches) -> list[Item]:
    """All that comes until the first token is made, or the end."""
    events: list[Item] = []
    async for batch in batches:
        events += batch
        if call.first_token is not None:
            break
    return events


class _Body:
    """The stream behind a response. Django calls `close` whatever happens, also when no byte was asked for."""

    def __init__(
        self,
        batches: Batches,
        first: asyncio.Future[list[Item]],
        render: Render,
        alive: Callable[[], bytes] | None,
    ) -> None:
        self._batches = batches
        self._first = first
        self._render = render
        self._alive = alive
        self._loop = asyncio.get_running_loop()
        self._closing: asyncio.Task[None] | None = None

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            while not self._first.done():
                if self._alive is not None:
                    yield self._alive()
                await asyncio.wait({self._first}, timeout=KEEP_ALIVE_SECONDS)
            async for chunk in self._render(self._all()):
                if chunk:
                    yield chunk
        finally:
            self._drop()

    async def _all(self) -> Batches:
        yield await self._first
        async for batch in self._batches:
            yield batch

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._drop)  # Django calls this in a thread

    def _drop(self) -> None:
        """Cancels what is awaited, and closes the generator behind it: the rows are dropped."""
        if self._closing is None:
            self._first.cancel()
            self._closing = self._loop.create_task(self._close())

    async def _close(self) -> None:
        await asyncio.wait({self._first})
        if not self._first.cancelled():
            self._first.exception()  # seen
        await self._batches.aclose()
