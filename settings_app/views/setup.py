from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from settings_app import setup
from settings_app.forms.setup import AdministratorForm


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_post_parameters()
@sensitive_variables("form", "token")
def first_administrator(request: HttpRequest, token: str) -> HttpResponse:
    if not setup.admits(token):
        return _closed(request)
    form = AdministratorForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "setup.html", {"form": form}, status=422 if form.is_bound else 200)
    try:
        user = setup.create_administrator(form.cleaned_data["username"], form.cleaned_data["password1"])
    except setup.AlreadySetUp:
        return _closed(request)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("settings")


def _closed(request: HttpRequest) -> HttpResponse:
    return render(request, "setup_closed.html", {"setup_is_open": setup.is_open()}, status=404)
