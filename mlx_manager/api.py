"""The JSON API for other programs, put together from the apps' routers. Documented at /api/docs."""

from typing import Any

from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI, Swagger
from ninja.openapi.schema import OpenAPISchema

from inference.api import disk, downloads, local_models, refusals, routing, running
from inference.api import providers as connection_tests
from settings_app.api import errors, figures, history, pool, providers, requests, rules, serving, timeouts
from settings_app.api.auth import AdminKey, StaffSession


class DescribedAPI(NinjaAPI):
    """Its document also tells how calls are refused."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        document = super().get_openapi_schema(**options)
        errors.describe(document)
        return document


api = DescribedAPI(
    title="MLX Manager",
    version=settings.VERSION,
    description="Settings of this server. Sign in as staff (with CSRF), or send an administrator's API key as bearer.",
    docs=Swagger(),
    docs_decorator=staff_member_required(login_url="login"),
    urls_namespace="api",
    auth=[AdminKey(), StaffSession()],
)
errors.add_handlers(api)
downloads.add_handler(api)
refusals.add_handler(api)
api.add_router("/settings", timeouts.router)
api.add_router("/settings", figures.router)
api.add_router("/settings", serving.router)
api.add_router("/settings", providers.router)
api.add_router("/settings", connection_tests.router)
api.add_router("/settings", routing.router)
api.add_router("/settings", rules.router)
api.add_router("/settings", pool.router)
api.add_router("/settings", history.router)
api.add_router("", running.router)
api.add_router("/settings", requests.settings_router)
api.add_router("/requests", requests.router)
api.add_router("", disk.router)
api.add_router("", downloads.router)
api.add_router("", local_models.router)


def nothing_there(request: HttpRequest) -> HttpResponse:
    """A program that asks for what is not there is told so in JSON."""
    return JsonResponse({"detail": f"There is nothing at {request.path}. See /api/docs."}, status=404)


urls = api.urls
for pattern in urls[0]:
    if pattern.callback:
        login_not_required(
            pattern.callback
        )  # the API answers 401 itself; a redirect to a form serves no program
