from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from settings_app import changes, serving
from settings_app.forms.serving import ServingForm
from settings_app.views import timeouts
from settings_app.views.staff import staff_only

SAVED = "Saved. It holds from the next request on."


@require_POST
@staff_only
def save(request: HttpRequest) -> HttpResponse:
    form = ServingForm(request.POST, instance=serving.current())
    if not _save(form, request):
        return _render(request, status=422, serving_form=form)
    if getattr(request, "htmx", False):
        return _render(request, serving_form=ServingForm(instance=serving.current()), serving_saved=SAVED)
    messages.success(request, SAVED)
    return redirect("settings")


def _save(form: ServingForm, request: HttpRequest) -> bool:
    if not form.is_valid():
        return False
    try:
        changes.save(form.instance, changes.page_author(request))
    except ValidationError as error:
        form.add_error(None, error)
        return False
    return True


def _render(request: HttpRequest, status: int = 200, **context: Any) -> HttpResponse:
    """The whole page; for htmx the panel alone."""
    if getattr(request, "htmx", False):
        return render(request, "settings/serving.html", context, status=status)
    return render(request, "settings.html", {**timeouts.section(), **context}, status=status)
