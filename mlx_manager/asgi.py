"""Django under ASGI, and what it lacks there: the moment of arrival, and an end of the process's life."""

import os
import time
from typing import Any

from django.core.asgi import get_asgi_application

from inference.pool import pool

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlx_manager.settings")
django_application = get_asgi_application()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        scope["arrived"] = time.monotonic()
        await django_application(scope, receive, send)


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
