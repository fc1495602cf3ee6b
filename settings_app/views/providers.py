from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from settings_app import changes, presets, providers, sealing
from settings_app.forms.providers import ProviderForm
from settings_app.models import Provider
from settings_app.models.provider import origin
from settings_app.views import sections
from settings_app.views.staff import staff_only

IDS = "provider_%s"  # other sections of the page have fields of the same names


@dataclass(frozen=True)
class Row:
    """A provider as the list shows it. `problem`: what is wrong with its key, in words that follow its name.

    `tested`: what came of a test of the connection that was just made.
    """

    provider: Provider
    problem: str
    tested: str = ""

    @property
    def host(self) -> str:
        return origin(self.provider.base_url).removeprefix("https://")


@require_safe
@never_cache
@staff_only
def listing(request: HttpRequest) -> HttpResponse:
    """The section as things are stored: where Cancel leads."""
    if not _is_htmx(request):
        return redirect("settings")
    return sections.answer(request, "providers", section(back=True))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
@sensitive_post_parameters("api_key")
@sensitive_variables()
def create(request: HttpRequest) -> HttpResponse:
    """GET shows the form, filled in from `?preset=`."""
    preset = presets.BY_KEY.get(request.GET.get("preset", ""))
    if request.method != "POST":
        initial = presets.filled_in(preset) if preset else {"enabled": True}
        form = ProviderForm(initial=initial, auto_id=IDS)
        return sections.answer(request, "providers", section(form=form, preset=preset))
    form = ProviderForm(request.POST, auto_id=IDS)
    provider = _stored(form, lambda values: providers.create(values, changes.page_author(request)))
    if provider is None:
        return sections.answer(request, "providers", section(form=form, preset=preset), status=422)
    return _done(request, f"{provider.name} is added. Rules can name it from now on.")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
@sensitive_post_parameters("api_key")
@sensitive_variables()
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    provider = get_object_or_404(Provider, pk=pk)
    form = ProviderForm(request.POST if request.method == "POST" else None, instance=provider, auto_id=IDS)
    if request.method != "POST":
        return sections.answer(request, "providers", section(form=form))
    saved = _stored(form, lambda values: providers.change(pk, values, changes.page_author(request)))
    if saved is None:
        return sections.answer(request, "providers", section(form=form), status=422)
    return _done(request, f"{saved.name} is saved. It holds from the next request on.")


@require_POST
@staff_only
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    enabled = "enabled" in request.POST
    try:
        provider = providers.change(pk, {"enabled": enabled}, changes.page_author(request))
    except ValidationError as error:  # it was stored before today's rules
        return _done(request, f"Nothing was changed. {' '.join(error.messages)}", failed=True)
    on = (
        "on: requests are sent there from now on"
        if enabled
        else "off: rules that name it are passed over from now on"
    )
    return _done(request, f"{provider.name} is {on}.")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """GET asks, POST does."""
    provider = get_object_or_404(Provider, pk=pk)
    if request.method != "POST":
        context = {"provider": provider, "rules": providers.named_by(pk)}
        name = "delete_form" if _is_htmx(request) else "delete"
        return render(request, f"settings/providers/{name}.html", context)
    providers.delete(provider, changes.page_author(request))
    return _done(request, f"{provider.name} is deleted. The history can put it back, without its key.")


def section(
    *,
    form: ProviderForm | None = None,
    preset: presets.Preset | None = None,
    saved: str = "",
    failed: bool = False,
    back: bool = False,
) -> sections.Found:
    """`form`: open, for a new provider or one of the list. `back`: whoever comes from the form finds the heading."""
    rows = [row(provider) for provider in Provider.objects.all()]
    return {
        "rows": rows,
        "form": form,
        "editing": form.instance.pk if form else None,
        "presets": presets.PRESETS,
        "preset": preset,
        "warning": _warning(rows),
        "saved": saved,
        "failed": failed,
        "back": back,
    }


def row(provider: Provider, *, tested: str = "") -> Row:
    return Row(provider, providers.opened(provider.sealed_key)[1], tested)


def _warning(rows: list[Row]) -> str:
    """What keeps stored keys from being read, and what to do."""
    locked = [row.provider.name for row in rows if row.problem == providers.UNREADABLE]
    if not locked:
        return ""
    if not sealing.exists():
        return (
            f"{sealing.path()} is missing, so stored API keys cannot be read. Restore the file from a backup; "
            "or, if it is lost, edit each provider and enter its key again."
        )
    return sealing.problem() or (
        f"{_names(locked)} cannot be used: the stored keys were encrypted with another key than those in "
        f"{sealing.path()}. Restore that file, or enter them again."
    )


def _names(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _stored(form: ProviderForm, store: Callable[[dict[str, Any]], Provider]) -> Provider | None:
    """None, with errors at their fields, if it is refused."""
    if not form.is_valid():
        return None
    try:
        return store(form.values())
    except ValidationError as error:  # what another door stored meanwhile goes against it
        form.add_error(None, error)
        return None


def _done(request: HttpRequest, said: str, *, failed: bool = False) -> HttpResponse:
    if _is_htmx(request):
        response = sections.answer(request, "providers", section(saved=said, failed=failed))
        response["HX-Trigger"] = "rules-changed"  # a decision that is shown beside is made again
        return response
    (messages.error if failed else messages.success)(request, said)
    return redirect("settings")


def _is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


sections.register("providers", lambda request: section())
