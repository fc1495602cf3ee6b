"""A page's live view: one connection of server-sent events, as long as somebody looks and the server serves.

static/js/live.js is the other end: it leaves while its tab is hidden, and goes on where it left or where it broke.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from django.db import connection
from django.http import HttpRequest, StreamingHttpResponse

from inference import running
from inference.api import sse

LOOK_SECONDS = 0.25  # four updates a second at most
SILENCE_SECONDS = (
    15.0  # then a sign of life: a viewer that is gone is noticed, and nothing on the way takes it for dead
)
LIFE_SECONDS = 600.0  # then the browser comes again, and has to be signed in still


@dataclass(frozen=True)
class Event:
    """What a browser's EventSource is told, under that name."""

    data: bytes
    name: str = "message"


class Source(Protocol):
    """What is looked at. `place`: where one goes on who has had all so far; "" where all is told anew."""

    place: str

    async def news(self) -> list[Event]:
        """What is new since it was asked last. It leaves no connection to the database open."""


def response(source: Source) -> StreamingHttpResponse:
    connection.close()  # else it would stay open as long as the stream
    return sse.response(_events(source))


def place_of(request: HttpRequest) -> str:
    """Where this viewer had come to: as a browser says it that connects again by itself, or as the page does."""
    return request.headers.get("last-event-id") or request.GET.get("after", "")


async def _events(source: Source) -> AsyncGenerator[bytes, None]:
    began = spoken = time.monotonic()
    while not running.is_draining():
        news = await source.news()
        now = time.monotonic()
        is_last = now - began > LIFE_SECONDS
        if is_last:
            news.append(Event(b"", "again"))
        elif not news and now - spoken > SILENCE_SECONDS:
            news.append(Event(b"", "nothing"))
        if news:
            spoken = now
            yield b"".join(_written(event, source.place) for event in news)
        if is_last:
            return
        await asyncio.sleep(LOOK_SECONDS)


def _written(event: Event, place: str) -> bytes:
    lines = [f"event: {event.name}".encode(), *([f"id: {place}".encode()] if place else [])]
    lines += [b"data: " + line for line in event.data.splitlines() or [b""]]
    return b"\n".join(lines) + b"\n\n"
