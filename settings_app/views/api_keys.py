from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from settings_app import api_keys, changes
from settings_app.forms.api_keys import AccessForm, ApiKeyForm
from settings_app.models import Access, ApiKey
from settings_app.views.staff import staff_only


@never_cache
@staff_only
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    return _render(request)


@never_cache
@staff_only
@require_POST
@sensitive_variables()
def create(request: HttpRequest) -> HttpResponse:
    """Answers with the token instead of a redirect: it is stored nowhere that a redirect could read it."""
    form = ApiKeyForm(request.POST)
    if not form.is_valid():
        return _render(request, form=form, status=422)
    author = changes.page_author(request)
    try:
        key, token = api_keys.create(
            form.cleaned_data["name"], is_admin=form.cleaned_data["is_admin"], author=author
        )
    except ValidationError as error:  # two at once chose the same name
        form.add_error(None, error)
        return _render(request, form=form, status=422)
    return _render(request, created=key, token=token)


@never_cache
@staff_only
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """GET asks, POST does."""
    key = get_object_or_404(ApiKey, pk=pk)
    if request.method != "POST":
        template = "keys/revoke_form.html" if _is_htmx(request) else "keys/revoke.html"
        return render(request, template, {"key": key})
    api_keys.revoke(key, changes.page_author(request))
    return _done(request, f"“{key.name}” is revoked. Requests with it are refused from now on.")


@never_cache
@staff_only
@require_POST
def access(request: HttpRequest) -> HttpResponse:
    form = AccessForm(request.POST, instance=_access())
    if not form.is_valid():
        return _render(request, status=422)
    row = form.save(commit=False)
    changes.save(row, changes.page_author(request))
    need = "a" if row.require_key_on_loopback else "no"
    return _done(request, f"Requests from this machine need {need} key from now on.", said_in="access")


def _access() -> Access:
    return Access.objects.filter(pk=1).first() or Access(pk=1)


def _is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def _done(request: HttpRequest, text: str, *, said_in: str = "list") -> HttpResponse:
    """With htmx the success is said in the part of the page where the reader's eyes are."""
    if _is_htmx(request):
        return _render(request, saved=text, said_in=said_in)
    messages.success(request, text)
    return redirect("keys")


def _render(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    template = "keys/section.html" if _is_htmx(request) else "keys.html"
    context.setdefault("form", ApiKeyForm())
    context |= {
        "keys": ApiKey.objects.all(),
        "access": _access(),
        "access_form": AccessForm(instance=_access()),
    }
    return render(request, template, context, status=status)
