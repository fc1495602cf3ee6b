"""Running now, on the settings page: the requests in flight as they move, and two buttons for each."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from inference import running
from inference.call_state import CallState
from inference.pool import pool
from inference.running_feed import Feed
from settings_app.changes import page_author
from settings_app.durations import seconds_text
from settings_app.views import sections
from settings_app.views.staff import staff_only

LOOK_SECONDS = 0.25  # four updates a second at most
PING_SECONDS = 15.0  # of silence; a viewer that is gone is noticed then
LONGEST_SECONDS = 600.0  # then the browser comes again, and has to be signed in still
EXTENSION_SECONDS = 60


@require_POST
@staff_only
def act(request: HttpRequest) -> HttpResponse:
    """Cancel, or +1 min: the button that was pressed has the request's id."""
    who = str(page_author(request))
    if id := request.POST.get("cancel", ""):
        return _done(request, lambda: running.cancel(id, who), lambda state: f"{state.id} is cancelled.")
    id = request.POST.get("extend", "")
    return _done(request, lambda: running.extend(id, EXTENSION_SECONDS, who), _extended)


@require_GET
def live(request: HttpRequest) -> HttpResponseBase:
    """The requests in flight as server-sent events, as long as the viewer looks and the server serves."""
    return _live(request)


@staff_only
def _live(request: HttpRequest) -> HttpResponse:
    if not pool.is_open:
        return HttpResponse("The server is stopping.", status=503, content_type="text/plain")
    connection.close()  # else it would stay open as long as the stream
    return StreamingHttpResponse(  # type: ignore[return-value]
        _updates(),
        content_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


def section() -> sections.Found:
    states, count = pool.on_loop(lambda: (running.states(), running.count())) if pool.is_open else ([], 0)
    return {"states": states, "count": count, "more": count - len(states)}


async def _updates() -> AsyncGenerator[bytes, None]:
    feed, began = Feed(), time.monotonic()
    said_at = began
    while not running.is_draining():
        message = feed.message()
        if message is not None:
            yield b"data: " + message + b"\n\n"
        elif time.monotonic() - said_at > PING_SECONDS:
            yield b": still here\n\n"
        else:
            await asyncio.sleep(LOOK_SECONDS)
            continue
        said_at = time.monotonic()
        if said_at - began > LONGEST_SECONDS:
            yield b"event: again\ndata:\n\n"
            return
        await asyncio.sleep(LOOK_SECONDS)


def _done(
    request: HttpRequest, act: Callable[[], CallState], words: Callable[[CallState], str]
) -> HttpResponse:
    try:
        said = words(pool.on_loop(act))
    except running.NotRunning as error:
        return _answer(request, refused=str(error))
    except ValidationError as error:
        return _answer(request, refused=" ".join(error.messages))
    return _answer(request, said=said)


def _answer(request: HttpRequest, *, said: str = "", refused: str = "") -> HttpResponse:
    status = 422 if refused else 200
    told = {"said": said, "refused": refused}
    if getattr(request, "htmx", False):
        return render(request, "settings/running_said.html", {"running": told}, status=status)
    if refused:
        return sections.answer(request, "running", {**section(), **told}, status=status)
    messages.success(request, said)
    return redirect("settings")


def _extended(state: CallState) -> str:
    left = seconds_text(round(state.remaining_seconds))
    return f"{state.id} has a minute more: {left} are left."


sections.register("running", lambda request: section())
