"""A request to an endpoint, from the moment when it reaches the app: a trace at once, and one row whatever comes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from inference import running
from inference.arrival import Arrival
from inference.errors import OUR_FAULT, Draining, InternalError
from inference.intake import Receive, Send, body_in_time
from inference.request_log import request_log
from settings_app.endpoints import BY_PATH

App = Callable[[Any, Receive, Send], Awaitable[None]]


async def received(app: App, scope: Any, receive: Receive, send: Send) -> None:
    """`app` serves it once its body is here. Whatever else is asked for is its own affair."""
    if scope["type"] != "http" or scope["path"] not in BY_PATH:
        await app(scope, receive, send)
        return
    arrival = scope["arrival"] = Arrival(path=scope["path"])
    request_log.came(arrival)
    try:
        in_time = await body_in_time(arrival, scope, receive, send)
        if in_time is not None:
            await app(scope, in_time, send)
    except asyncio.CancelledError:
        request_log.over(arrival, Draining() if running.is_draining() else None)
        raise
    except Exception:
        request_log.over(arrival, InternalError(OUR_FAULT))
        raise
    request_log.over(arrival)  # its client left before anybody looked at it
