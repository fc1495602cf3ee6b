"""Server-sent events, as OpenAI's clients read them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import msgspec
from django.http import StreamingHttpResponse

from inference.completion import End, Text

Parts = AsyncGenerator[Text | End, None]

OPENING_SECONDS = 10.0  # so long a refusal can still have a true status
KEEPALIVE_SECONDS = 10.0
KEEPALIVE = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder().encode


def event(data: Any) -> bytes:
    return b"data: " + _encode(data) + b"\n\n"


async def stream(parts: Parts, render: Callable[[Parts], AsyncIterator[bytes]]) -> StreamingHttpResponse:
    """Answers with `render(parts)`, which must turn an ApiError into an event itself.

    The first part is awaited for `OPENING_SECONDS`: what fails by then is raised, and gets a status of its own.
    """
    first = asyncio.ensure_future(anext(parts))
    try:
        await asyncio.wait({first}, timeout=OPENING_SECONDS)
    except asyncio.CancelledError:
        first.cancel()
        raise
    if first.done():
        first.result()
    return StreamingHttpResponse(
        _Body(parts, first, render),
        content_type="text/event-stream",
        headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
    )


class _Body:
    """The stream behind a response. Django calls `close` whatever happens, also when no byte was asked for."""

    def __init__(
        self,
        parts: Parts,
        first: asyncio.Future[Text | End],
        render: Callable[[Parts], AsyncIterator[bytes]],
    ) -> None:
        self._parts = parts
        self._first = first
        self._render = render
        self._loop = asyncio.get_running_loop()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            while not self._first.done():
                yield KEEPALIVE
                await asyncio.wait({self._first}, timeout=KEEPALIVE_SECONDS)
            async for chunk in self._render(self._all()):
                yield chunk
        finally:
            self._drop()

    async def _all(self) -> Parts:
        yield await self._first
        async for part in self._parts:
            yield part

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._drop)  # Django calls this in a thread

    def _drop(self) -> None:
        """Cancels what is awaited, and closes the generator behind it: the row is dropped."""
        if not self._first.done():
            self._first.cancel()
        elif not self._first.cancelled():
            self._first.exception()  # seen
        self._closing = asyncio.ensure_future(_close(self._first, self._parts))


async def _close(first: asyncio.Future[Text | End], parts: Parts) -> None:
    await asyncio.wait({first})
    await parts.aclose()
