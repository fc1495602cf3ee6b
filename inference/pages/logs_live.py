"""The requests of the log as they are written, for the section Request Logs."""

from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from inference.pages import live_view
from inference.pages.live_view import Event
from settings_app.forms.logs import LogFilterForm
from settings_app.logs import rows
from settings_app.logs.filters import Filters
from settings_app.views.log_rows import Row
from settings_app.views.staff import staff_only
from settings_app.watch import watch

MOST_ROWS = 50  # at once: as many as a page has


@dataclass
class _Written:
    """What passes the filters from row `place` on. The database is read when something was written."""

    filters: Filters
    place: str
    version: int | None = None

    async def news(self) -> list[Event]:
        version = watch().version()
        if version == self.version:
            return []
        self.version = version
        found, last = await sync_to_async(_news)(self.filters, int(self.place))
        self.place = str(last)
        return found


@require_GET
@staff_only
def live(request: HttpRequest) -> HttpResponseBase:
    """From row `after` on, or from the one that the browser got last before its connection broke."""
    form = LogFilterForm(request.GET)
    after = live_view.place_of(request)
    if not form.is_valid() or not (after.isdecimal() and len(after) < 19):
        return HttpResponse("These filters, or where to begin, cannot be read.", status=422)
    return live_view.response(_Written(form.filters(), after))


def _news(filters: Filters, after: int) -> tuple[list[Event], int]:
    try:
        found, skipped, last = rows.written(filters, after, MOST_ROWS)
    finally:
        connection.close()
    if not found:
        return [], last
    html = render_to_string("logs/rows.html", {"rows": [Row(row) for row in found]})
    lines = "\n".join(line for line in html.splitlines() if line.strip())
    more = [Event(str(skipped).encode(), "skipped")] if skipped else []
    return [Event(lines.encode(), "rows"), *more], last
