"""Reads the body of a request to /v1 in time: a client that sends slowly must not hold its place for ever."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from inference.errors import BodyTooLate
from settings_app import snapshot
from settings_app.endpoints import ENDPOINTS

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

BY_PATH = {endpoint.path: endpoint for endpoint in ENDPOINTS}
READS_BODY = ("POST", "PUT", "PATCH")


async def body_in_time(scope: Any, receive: Receive, send: Send) -> Receive | None:
    """A `receive` whose body is here already. None: it did not come before the deadline, and that was answered."""
    endpoint = BY_PATH.get(scope["path"])
    if endpoint is None or scope["method"] not in READS_BODY:
        return receive
    seconds = (await snapshot.current()).timeouts[endpoint.key]
    until = scope["arrived"] + seconds
    messages: list[Any] = []
    try:
        while not messages or messages[-1].get("more_body"):
            messages.append(await asyncio.wait_for(receive(), until - time.monotonic()))
    except TimeoutError:
        await _answer(
            send, BodyTooLate(f"The body did not arrive within {seconds:g} s.", code="body_too_late")
        )
        return None

    async def again() -> Any:
        return messages.pop(0) if messages else await receive()

    return again


async def _answer(send: Send, error: BodyTooLate) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(error.body())})
