"""The section Model Pool of the settings page: its form, and what is loaded now."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from inference.errors import ApiError
from inference.place_state import PlaceState
from inference.pool import pool
from settings_app import local_models, pool_settings
from settings_app.changes import page_author
from settings_app.forms.pool import PoolForm
from settings_app.models import LocalModel
from settings_app.sizes import MB, size_text
from settings_app.views import sections
from settings_app.views.staff import staff_only

SAVED = "Saved. It holds from now on."
BAR = 1000  # the length of the bar in its own units


@dataclass(frozen=True)
class Row:
    """A model of this machine. `at` and `length` are its part of the bar."""

    model: LocalModel
    state: PlaceState
    at: int = 0
    length: int = 0

    @property
    def percent(self) -> int | None:
        """Of its weights, how much is in memory while it loads."""
        done, total = self.state.bytes_done, self.state.bytes_total
        return None if done is None or not total else done * 100 // total

    @property
    def memory(self) -> str:
        return size_text(self.state.reserved_bytes)

    @property
    def prompts(self) -> str:
        held = self.state.prompt_cache_bytes or 0
        return size_text(held) if held >= MB else ""

    @property
    def total(self) -> str:
        return size_text(self.state.bytes_total or 0)


@require_POST
@staff_only
def save(request: HttpRequest) -> HttpResponse:
    form = PoolForm(request.POST, instance=pool_settings.current())
    if not sections.saved(form, request):
        return sections.answer(request, "pool", {**section(), "form": form}, status=422)
    if getattr(request, "htmx", False):
        return sections.answer(request, "pool", {**section(), "saved": SAVED})
    messages.success(request, SAVED)
    return redirect("settings")


@require_safe
@staff_only
def live(request: HttpRequest) -> HttpResponse:
    return render(request, "settings/pool_now.html", {"pool": live_state()})


@require_POST
@staff_only
def load(request: HttpRequest, name: str) -> HttpResponse:
    get_object_or_404(LocalModel, name=name)
    try:
        pool.load(name)
    except ApiError as error:  # what a request would have been told
        return _answer(request, refused=error.message)
    return _answer(request, said=f"{name} is being loaded.")


@require_POST
@staff_only
def unload(request: HttpRequest, name: str) -> HttpResponse:
    get_object_or_404(LocalModel, name=name)
    if not pool.unload(name):
        return _answer(request, refused=f"A request for {name} is running. Unload it when that has ended.")
    return _answer(request, said=f"{name} is unloaded.")


@require_POST
@staff_only
def keep(request: HttpRequest, name: str, field: str) -> HttpResponse:
    """Pinned, and loaded at start: each is a switch."""
    model = get_object_or_404(LocalModel, name=name)
    on = request.POST.get("on") == "1"
    local_models.change(model, {field: on}, page_author(request))
    what = {"pinned": "pinned", "preload": "loaded at start"}[field]
    return _answer(request, said=f"{name} is {'' if on else 'no longer '}{what}.")


def section() -> sections.Found:
    return {"form": PoolForm(instance=pool_settings.current()), **live_state()}


def _answer(request: HttpRequest, *, said: str = "", refused: str = "") -> HttpResponse:
    status = 422 if refused else 200
    told = {"said": said, "refused": refused}
    if getattr(request, "htmx", False):
        return render(request, "settings/pool_live.html", {"pool": {**live_state(), **told}}, status=status)
    return sections.answer(request, "pool", {**section(), **told}, status=status)


def live_state() -> dict[str, object]:
    """What is loaded now, against the limit."""
    limit = pool_settings.limit_bytes(pool_settings.current())
    rows = _rows(limit)
    held = sum(row.state.reserved_bytes for row in rows)
    stays = sum(row.state.reserved_bytes for row in rows if row.state.state != "stopping")
    return {
        "rows": rows,
        "held": size_text(held),
        "limit": size_text(limit),
        "machine": size_text(pool_settings.machine_bytes()),
        "loaded": sum(row.state.state == "ready" for row in rows),
        "over": size_text(stays - limit) if stays > limit else "",
    }


def _rows(limit: int) -> list[Row]:
    """Those that hold memory first."""
    states = {state.name: state for state in pool.states()}
    found = [
        (model, states.get(model.name, PlaceState(model.name, "unloaded")))
        for model in LocalModel.objects.all()
    ]
    found.sort(key=lambda pair: (pair[1].reserved_bytes == 0, pair[0].name))
    rows, at = [], 0
    scale = BAR / max(limit, sum(state.reserved_bytes for _, state in found), 1)
    for model, state in found:
        length = int(state.reserved_bytes * scale)
        rows.append(Row(model, state, at, length))
        at += length
    return rows


sections.register("pool", lambda request: section())
