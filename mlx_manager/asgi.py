"""Django under ASGI, and what it lacks there: the moment of arrival, and an end of the process's life."""

import os
import time
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlx_manager.settings")
django_application = get_asgi_application()

from inference.intake import body_in_time  # noqa: E402  # needs the apps
from inference.life import Life  # noqa: E402


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    scope["arrived"] = time.monotonic()
    in_time = await body_in_time(scope, receive, send)
    if in_time is not None:
        await django_application(scope, in_time, send)


async def _lifespan(receive: Any, send: Any) -> None:
    life = Life()
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            life.begin()
            await send({"type": "lifespan.startup.complete"})
        else:
            await life.end()
            await send({"type": "lifespan.shutdown.complete"})
            return
