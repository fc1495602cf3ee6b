"""The button Test connection of the section Cloud Providers."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from inference.cloud import trial
from settings_app.views import providers
from settings_app.views.staff import staff_only


@require_POST
@staff_only
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Its row of the list for htmx, else the whole page. Nothing but this answer waits for the provider."""
    provider, checked = trial.run(pk)
    if getattr(request, "htmx", False):
        row = providers.row(provider, tested=checked.said)
        return render(request, "settings/providers/row.html", {"row": row})
    say = messages.success if checked.passed else messages.error
    say(request, f"{provider.name}: {checked.said}")
    return redirect("settings")
