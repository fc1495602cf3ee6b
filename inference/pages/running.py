"""Running now, on the settings page: the requests in flight as they move, and two buttons for each."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from inference import running
from inference.call_state import CallState
from inference.pages import live_view
from inference.pages.live_view import Event
from inference.pool import pool
from inference.running_feed import Feed
from settings_app.changes import page_author
from settings_app.durations import seconds_text
from settings_app.views import sections
from settings_app.views.staff import staff_only

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


@dataclass
class _Seen:
    """What one viewer was told. It begins anew with each connection."""

    feed: Feed = field(default_factory=Feed)
    place: str = ""

    async def news(self) -> list[Event]:
        message = self.feed.message()
        return [] if message is None else [Event(message)]


@require_GET
@staff_only
def live(request: HttpRequest) -> HttpResponseBase:
    """The requests in flight, as they come, move and go."""
    return live_view.response(_Seen())


def section() -> sections.Found:
    states, count = pool.on_loop(lambda: (running.states(), running.count())) if pool.is_open else ([], 0)
    return {"states": states, "count": count, "more": count - len(states)}


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
