"""The requests of the log as they are written: server-sent events for the section Request Logs."""

import asyncio
import time
from collections.abc import AsyncGenerator

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from inference import running
from settings_app import stored
from settings_app.forms.logs import LogFilterForm
from settings_app.logs import rows
from settings_app.logs.filters import Filters
from settings_app.views.log_rows import Row
from settings_app.views.staff import staff_only

LOOK_SECONDS = 0.25  # the log is written five times a second at most
MOST_ROWS = 50  # at once: as many as a page has
SILENCE_SECONDS = 15.0  # then a sign of life, or something on the way takes the connection for dead
LIFE_SECONDS = 600.0  # then the browser asks again, and may no longer be let in
RETRY = b"retry: 2000\n\n"


@require_GET
@staff_only
def live(request: HttpRequest) -> HttpResponseBase:
    """From row `after` on, or from the one that the browser got last before its connection broke."""
    form = LogFilterForm(request.GET)
    after = request.headers.get("last-event-id") or request.GET.get("after", "")
    if not form.is_valid() or not (after.isdecimal() and len(after) < 19):
        return HttpResponse("These filters, or where to begin, cannot be read.", status=422)
    return StreamingHttpResponse(
        _events(form.filters(), int(after)),
        content_type="text/event-stream",
        headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
    )


async def _events(filters: Filters, after: int) -> AsyncGenerator[bytes, None]:
    """No connection to the database is open between two looks, and none is taken while nothing was written."""
    yield RETRY
    began = spoken = time.monotonic()
    seen: int | None = None
    while not running.is_draining() and time.monotonic() - began < LIFE_SECONDS:
        version = stored.version()
        if version != seen:
            seen = version
            text, after = await sync_to_async(_news)(filters, after)
            if text:
                spoken = time.monotonic()
                yield text
        if time.monotonic() - spoken > SILENCE_SECONDS:
            spoken = time.monotonic()
            yield f": nothing new\nid: {after}\n\n".encode()
        await asyncio.sleep(LOOK_SECONDS)


def _news(filters: Filters, after: int) -> tuple[bytes, int]:
    try:
        found, skipped, last = rows.written(filters, after, MOST_ROWS)
    finally:
        connection.close()
    if not found:
        return b"", last
    shown = [Row(row) for row in found]
    html = render_to_string("logs/rows.html", {"rows": shown})
    lines = [f"id: {last}", "event: rows", *(f"data: {line}" for line in html.splitlines() if line.strip())]
    if skipped:
        lines += ["", "event: skipped", f"data: {skipped}"]
    return ("\n".join(lines) + "\n\n").encode(), last
