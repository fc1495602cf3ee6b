from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from settings_app import serving
from settings_app.forms.serving import ServingForm
from settings_app.views import sections
from settings_app.views.staff import staff_only

SAVED = "Saved. It holds from the next request on."


@require_POST
@staff_only
def save(request: HttpRequest) -> HttpResponse:
    form = ServingForm(request.POST, instance=serving.current())
    if not sections.saved(form, request):
        return sections.answer(request, "serving", {"form": form}, status=422)
    if getattr(request, "htmx", False):
        return sections.answer(request, "serving", {**section(), "saved": SAVED})
    messages.success(request, SAVED)
    return redirect("settings")


def section() -> sections.Found:
    return {"form": ServingForm(instance=serving.current())}


sections.register("serving", lambda request: section())
