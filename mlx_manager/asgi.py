"""Django under ASGI, and what it lacks there: an account of requests from their arrival on, and an end of life."""

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlx_manager.settings")
django.setup(set_prefix=False)

from inference.handler import Handler  # noqa: E402  # needs the apps
from inference.life import Life  # noqa: E402
from inference.reception import received  # noqa: E402

django_application = Handler()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    await received(django_application, scope, receive, send)


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
