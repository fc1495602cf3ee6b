"""Reads the body of a request to /v1, in time and within bounds: a slow client must not hold its place for ever."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from django.conf import settings

from inference.api import envelope
from inference.arrival import Arrival
from inference.errors import ApiError, BodyTooLarge, BodyTooLate
from inference.request_log import request_log
from settings_app import stored
from settings_app.durations import number_text
from settings_app.endpoints import BY_PATH

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

READS_BODY = ("POST", "PUT", "PATCH")


async def body_in_time(arrival: Arrival, scope: Any, receive: Receive, send: Send) -> Receive | None:
    """A `receive` whose body is here already.

    None: it came too late or is too large, and that was answered; or the client left before it was read.
    """
    if scope["method"] not in READS_BODY:
        return receive
    seconds = (await stored.current()).timeouts[BY_PATH[arrival.path].key]
    try:
        messages = await _read(receive, arrival.at + seconds)
    except TimeoutError:
        error = BodyTooLate(f"The body did not arrive within {number_text(seconds)} s.", code="body_too_late")
        await _refuse(send, arrival, error, seconds)
        return None
    except BodyTooLarge as too_large:
        await _refuse(send, arrival, too_large, seconds)
        return None
    if messages[-1]["type"] == "http.disconnect":
        request_log.over(arrival)
        return None

    async def again() -> Any:
        return messages.pop(0) if messages else await receive()

    return again


async def _read(receive: Receive, until: float) -> list[Any]:
    """Up to its end, or the client's. `until`: seconds of `time.monotonic()`. Raises TimeoutError and BodyTooLarge."""
    messages: list[Any] = []
    size = 0
    while not messages or messages[-1].get("more_body"):
        messages.append(await asyncio.wait_for(receive(), until - time.monotonic()))
        size += len(messages[-1].get("body", b""))
        if size > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20
            raise BodyTooLarge(f"The body is larger than {most} MiB.", code="body_too_large")
    return messages


async def _refuse(send: Send, arrival: Arrival, error: ApiError, seconds: float) -> None:
    request_log.over(arrival, error)
    headers = [
        (b"content-type", b"application/json"),
        (b"connection", b"close"),
        (b"x-request-id", arrival.id.encode()),
        (b"x-mlx-deadline-seconds", number_text(seconds).encode()),
        (b"x-mlx-deadline-source", b"endpoint"),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send(
        {
            "type": "http.response.body",
            "body": msgspec.json.encode(envelope.body(arrival.path, arrival.id, error)),
        }
    )
