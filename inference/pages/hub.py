"""The hub on the page Models: search, what a download would bring, and downloads begun, paused, resumed, cancelled."""

from dataclasses import asdict

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from inference.hub import catalogue, downloads
from inference.hub.catalogue import HubError
from inference.pages import models_part
from settings_app.changes import page_author
from settings_app.views.staff import staff_only


@never_cache
@require_safe
@staff_only
def search(request: HttpRequest) -> HttpResponse:
    """Search the hub: the results alone for htmx, else the whole page."""
    if getattr(request, "htmx", False):
        return render(request, "models/results.html", _hub(request))
    return page(request)


@never_cache
@require_safe
@staff_only
def page(request: HttpRequest) -> HttpResponse:
    """With `search`, also what the hub has."""
    return render(request, "models/page.html", {**models_part.found(), **_hub(request)})


@never_cache
@staff_only
def offer(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """GET shows what a download would bring, POST begins it."""
    repo = f"{owner}/{name}"
    return _begin(request, repo) if request.method == "POST" else _show(request, repo)


@require_POST
@staff_only
def turn(request: HttpRequest, download_id: int, verb: str) -> HttpResponse:
    """Pause, resume or cancel a download."""
    done = {
        "pause": (downloads.pause, "{} is paused. What came so far is kept."),
        "resume": (downloads.resume, "{} goes on."),
        "cancel": (downloads.cancel, "The download of {} is cancelled, and what came is removed."),
    }
    if verb not in done:
        raise Http404
    act, said = done[verb]

    def do() -> str:
        return said.format(act(download_id).repo)

    return models_part.do(request, do)


def _hub(request: HttpRequest) -> dict[str, object]:
    if "search" not in request.GET:
        return {"endpoint": catalogue.endpoint()}
    text = request.GET["search"].strip()[:200]
    found: dict[str, object] = {"endpoint": catalogue.endpoint(), "searched": True, "search": text}
    try:
        return {**found, "results": [_result(entry) for entry in catalogue.search(text)]}
    except HubError as error:
        return {**found, "hub_error": str(error)}


def _result(entry: catalogue.Found) -> dict[str, object]:
    owner, _, name = entry.repo.partition("/")
    here = downloads.folder_of(entry.repo).exists()
    return {**asdict(entry), "owner": owner, "name": name, "here": here}


def _begin(request: HttpRequest, repo: str) -> HttpResponse:
    name = request.POST.get("serve_as", "").strip()
    try:
        downloads.begin(repo, name, page_author(request))
    except HubError:
        return _show(request, repo, serve_as=name, status=422)  # which asks again, and says what it is told
    except ValidationError as error:
        return _show(request, repo, serve_as=name, errors=error.messages, status=422)
    return models_part.done(request, f"{repo} is being downloaded. You may leave this page.")


def _show(request: HttpRequest, repo: str, *, status: int = 200, **typed: object) -> HttpResponse:
    try:
        found = {"repo": repo, "offer": downloads.offer(repo), **typed}
    except HubError as error:
        found = {"repo": repo, "hub_error": str(error)}
    return models_part.ask(request, "offer", found, status=status)
