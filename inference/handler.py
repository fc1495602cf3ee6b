"""Takes /v1 through Django without a thread: whatever answers there is asynchronous.

Django's own handler starts two threads for each request, one for receivers of signals and for the response's end, one
to end that; the event loop stands still while they start, for half a millisecond, and for 40 on a busy machine.
"""

import asyncio
from typing import IO, Any

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler

from inference.front import serve
from inference.intake import Receive, Send


class Handler(ASGIHandler):
    """What is not under /v1 goes Django's usual way, with all its middleware."""

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["path"] == "/v1" or scope["path"].startswith("/v1/"):
            await self._pass_through(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _pass_through(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:  # its client left
            return
        with body:
            answering = asyncio.create_task(self._answer(scope, body, send))
            leaving = asyncio.create_task(self.listen_for_disconnect(receive))
            try:
                await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _over(leaving)
                await _over(answering)
        if not answering.cancelled():
            answering.result()

    async def _answer(self, scope: Any, body: IO[bytes], send: Send) -> None:
        request, refusal = self.create_request(scope, body)
        response = refusal if request is None else await serve(request)
        assert response is not None
        try:
            await self.send_response(response, send)
        finally:
            response.close()


async def _over(task: asyncio.Task[None]) -> None:
    """It has ended when this returns: cancelled, unless it had before."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # seen
