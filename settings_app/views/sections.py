"""The sections of the settings page. Each has a template and views of its own; the page is all of them together."""

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from settings_app import changes
from settings_app.views.staff import staff_only

Found = Mapping[str, object]

_sections: dict[str, Callable[[HttpRequest], Found]] = {}


def register(name: str, found: Callable[[HttpRequest], Found]) -> None:
    """`found`: what `settings/NAME.html` shows, as things are stored; the template knows it as NAME."""
    _sections[name] = found


@require_safe
@staff_only
def settings_page(request: HttpRequest) -> HttpResponse:
    return _page(request, {}, 200)


def answer(request: HttpRequest, name: str, found: Found, status: int = 200) -> HttpResponse:
    """A section with what came of a request: for htmx alone, else within the whole page."""
    if getattr(request, "htmx", False):
        return render(request, f"settings/{name}.html", {name: found}, status=status)
    return _page(request, {name: found}, status)


def saved(form: ModelForm[Any], request: HttpRequest) -> bool:
    """Whether what the form holds is stored. If not, it says why, beside its fields or above them."""
    if not form.is_valid():
        return False
    try:
        changes.save(form.instance, changes.page_author(request))
    except ValidationError as error:
        form.add_error(None, error)
        return False
    return True


def _page(request: HttpRequest, found: Mapping[str, Found], status: int) -> HttpResponse:
    stored = {name: section(request) for name, section in _sections.items() if name not in found}
    return render(request, "settings.html", {**stored, **found}, status=status)
