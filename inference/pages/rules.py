"""The part of the section Model Routing Rules that asks the router: where would a request for this name go?"""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from inference.trial import trial
from settings_app.views import sections
from settings_app.views.staff import staff_only

NO_NAME = "Type the name of a model, as a client would ask for it."


@require_safe
@staff_only
def route(request: HttpRequest) -> HttpResponse:
    """`again`: the page asks by itself, because a rule was changed; nobody is told aloud then."""
    model = request.GET.get("model", "")
    if not model:
        return sections.answer(request, "route", {"asked": "", "error": NO_NAME}, status=422)
    return sections.answer(
        request, "route", {"asked": model, "trial": trial(model), "again": "again" in request.GET}
    )


sections.register("route", lambda request: {"asked": ""})
