"""The models on the disk: served, loaded, pinned and removed on a page."""

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from inference.disk import naming, removal, scan
from inference.disk.scan import OnDisk
from inference.errors import ApiError
from inference.pages import models_part
from inference.pool import pool
from settings_app import local_models
from settings_app.changes import Author, page_author
from settings_app.models import LocalModel
from settings_app.sizes import size_text
from settings_app.views.staff import staff_only


@never_cache
@require_safe
@staff_only
def here(request: HttpRequest) -> HttpResponse:
    """The part that lives: downloads, and models on the disk."""
    return render(request, "models/here.html", models_part.found())


@never_cache
@require_safe
@staff_only
def live(request: HttpRequest) -> JsonResponse:
    """What changes by itself, for a page that is open. Another `signature`: the part is to be read anew."""
    shown = models_part.found()
    fetches, rows = shown["fetches"], shown["rows"]
    active = any(fetch.download.state in ("running", "waiting") for fetch in fetches) or any(
        r.moves for r in rows
    )
    return JsonResponse(
        {
            "signature": shown["signature"],
            "active": active,
            "downloads": [
                {"id": fetch.download.id, "percent": fetch.percent, "text": fetch.text} for fetch in fetches
            ],
            "models": [{"key": row.key, "text": row.state_text} for row in rows],
        }
    )


@require_POST
@staff_only
def act(request: HttpRequest) -> HttpResponse:
    """Load, unload, pin, unpin or stop serving the model of this name."""
    model = get_object_or_404(LocalModel, name=request.POST.get("name", ""))
    acts: dict[str, Callable[[LocalModel, Author], str]] = {
        "load": _load,
        "unload": _unload,
        "pin": lambda model, author: _pin(model, True, author),
        "unpin": lambda model, author: _pin(model, False, author),
        "stop": _stop,
    }
    chosen = acts.get(request.POST.get("act", ""))
    if chosen is None:
        raise Http404
    return models_part.do(request, lambda: chosen(model, page_author(request)))


@never_cache
@staff_only
def serve(request: HttpRequest, disk_id: str) -> HttpResponse:
    """GET asks for a name, POST gives it."""
    model = _on_disk(disk_id)
    asked = (
        request.POST.get("name", "").strip()
        if request.method == "POST"
        else local_models.free_name(model.title)
    )
    if request.method != "POST":
        return models_part.ask(request, "serve", {"model": model, "name": asked})
    try:
        naming.serve(model, asked, page_author(request))
    except ValidationError as error:
        return models_part.ask(
            request, "serve", {"model": model, "name": asked, "errors": error.messages}, status=422
        )
    return models_part.done(request, f"{model.title} is served as {asked} from now on.")


@never_cache
@staff_only
def adapter(request: HttpRequest) -> HttpResponse:
    """GET asks for the folder of the adapter, POST gives it; empty is none."""
    given = request.POST if request.method == "POST" else request.GET
    model = get_object_or_404(LocalModel, name=given.get("name", ""))
    if request.method != "POST":
        return models_part.ask(request, "adapter", {"model": model, "adapter": model.adapter})
    asked = given.get("adapter", "").strip()
    try:
        local_models.change(model, {"adapter": asked}, page_author(request))
    except ValidationError as error:
        question = {"model": model, "adapter": asked, "errors": error.messages}
        return models_part.ask(request, "adapter", question, status=422)
    with_what = f"with the adapter {model.adapter}" if model.adapter else "without an adapter"
    return models_part.done(request, f"{model.name} is served {with_what} from the next request on.")


@never_cache
@staff_only
def remove(request: HttpRequest, disk_id: str) -> HttpResponse:
    """GET asks, POST does."""
    model = _on_disk(disk_id)
    if request.method != "POST":
        return models_part.ask(request, "remove", {"model": model, "problem": removal.why_not(model)})
    return models_part.do(
        request,
        lambda: (
            f"{model.title} is removed: {size_text(removal.remove(model, page_author(request)))} are free again."
        ),
    )


def _load(model: LocalModel, author: Author) -> str:
    try:
        pool.load(model.name)
    except ApiError as error:
        raise ValidationError(error.message) from None
    return f"{model.name} is being loaded."


def _unload(model: LocalModel, author: Author) -> str:
    if not pool.unload(model.name):
        raise ValidationError(f"A request for {model.name} is running. Try again when it is over.")
    return f"{model.name} is unloaded. The next request for it loads it again."


def _pin(model: LocalModel, pinned: bool, author: Author) -> str:
    local_models.change(model, {"pinned": pinned}, author)
    if pinned:
        return f"{model.name} is pinned: it is not unloaded to make room, or for being idle."
    return f"{model.name} is no longer pinned."


def _stop(model: LocalModel, author: Author) -> str:
    local_models.remove(model, author)
    return f"{model.name} is served no more. Its folder stays on the disk."


def _on_disk(disk_id: str) -> OnDisk:
    model = scan.find(disk_id)
    if model is None:
        raise Http404(f"There is no model {disk_id} on the disk.")
    return model
