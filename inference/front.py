"""The way in to /v1: who may pass, which view serves it, and how whatever goes wrong is said."""

import asyncio
import hashlib
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference import page_session
from inference.api import body, chat, completions, embeddings, envelope, models, openapi
from inference.api.messages import endpoint as messages
from inference.api.messages import models as anthropic_models
from inference.api.responses import endpoint as responses
from inference.arrival import Arrival
from inference.errors import (
    OUR_FAULT,
    ApiError,
    Forbidden,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Unauthorized,
)
from inference.request_log import request_log
from settings_app import stored
from settings_app.durations import number_text
from settings_app.endpoints import BY_PATH
from settings_app.snapshot import Key, Snapshot

log = logging.getLogger(__name__)

View = Callable[..., Awaitable[HttpResponseBase]]
"""Of a request, its arrival, and what the path names if it names something."""


def _by_client(openais: View, anthropics: View) -> View:
    """Of a path that both APIs have: in the words of whose client it is."""

    async def view(request: HttpRequest, *found: Any) -> HttpResponseBase:
        is_anthropics = envelope.is_anthropics(request.path, request.headers)
        return await (anthropics if is_anthropics else openais)(request, *found)

    return view


MODELS, MODEL = "/v1/models", "/v1/models/{model}"
ROUTES: dict[str, dict[str, View]] = {
    "/v1/chat/completions": {"POST": chat.create},
    "/v1/responses": {"POST": responses.create},
    "/v1/responses/input_tokens": {"POST": responses.count_tokens},
    "/v1/messages": {"POST": messages.create},
    "/v1/messages/count_tokens": {"POST": messages.count_tokens},
    "/v1/completions": {"POST": completions.create},
    "/v1/embeddings": {"POST": embeddings.create},
    MODELS: {"GET": _by_client(models.index, anthropic_models.index)},
    MODEL: {"GET": _by_client(models.show, anthropic_models.show)},
    openapi.PATH: {"GET": openapi.show},
}


async def serve(request: HttpRequest) -> HttpResponseBase:
    """The answer to a request under /v1, whatever goes wrong on the way to it."""
    arrival: Arrival = getattr(request, "scope", {}).get("arrival") or Arrival()
    try:
        response = await _answer(request, arrival)
    except ApiError as error:
        response = _refused(request, arrival, error)
    except Exception:
        body.log_failure(arrival.id)
        response = _refused(request, arrival, InternalError(OUR_FAULT))
    except asyncio.CancelledError:  # the client left; work that has begun writes its row itself
        request_log.over(arrival)
        raise
    _mark(response, request, arrival)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would call a 504 its own error
    return response


async def _answer(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    _check_host(request)
    _check_origin(request)
    settings = arrival.settings = await stored.current()
    if request.path != openapi.PATH:  # it is the same on every server, and links lead to it
        arrival.key = await _admitted(request, settings)
    return await _view(request)(request, arrival)


def _mark(response: HttpResponseBase, request: HttpRequest, arrival: Arrival) -> None:
    """Which request it was, who served it, and which deadline held; for one that was refused before, the endpoint's."""
    response["x-request-id"] = arrival.id
    if envelope.is_anthropics(request.path, request.headers):
        response["request-id"] = arrival.id  # where Anthropic's client looks for it
    endpoint = BY_PATH.get(request.path)
    if arrival.call:
        response["x-mlx-deadline-seconds"] = number_text(arrival.call.deadline.seconds)
        response["x-mlx-deadline-source"] = arrival.call.deadline.source
        response["x-mlx-backend"] = arrival.call.target.backend
    elif endpoint and endpoint.key in arrival.settings.timeouts:
        response["x-mlx-deadline-seconds"] = number_text(arrival.settings.timeouts[endpoint.key])
        response["x-mlx-deadline-source"] = "endpoint"


def _refused(request: HttpRequest, arrival: Arrival, error: ApiError) -> HttpResponseBase:
    log.info("%s %s %s: %d %s", arrival.id, request.method, request.path, error.status, error.log_code)
    request_log.over(arrival, None if _had_left(request) else error)
    said = envelope.body(request.path, arrival.id, error, request.headers)
    response = body.json_response(said, error.status)
    for name, value in error.headers.items():
        response[name] = value
    return response


def _route(path: str) -> tuple[str, tuple[str, ...]]:
    """The route of a path, and what it names; Django has unquoted it."""
    below = f"{MODELS}/"
    return (MODEL, (path.removeprefix(below),)) if path.startswith(below) else (path, ())


def _view(request: HttpRequest) -> View:
    route, found = _route(request.path)
    methods = ROUTES.get(route)
    if methods is None:
        raise NotFound(f"There is nothing at {request.path}. Known: {', '.join(ROUTES)}.", code="unknown_url")
    method = "GET" if request.method == "HEAD" else request.method or ""
    if method not in methods:
        allowed = ", ".join(methods)
        raise MethodNotAllowed(
            f"{request.path} takes {allowed}, not {request.method}.",
            code="method_not_allowed",
            headers={"allow": allowed},
        )
    return lambda request, arrival: methods[method](request, arrival, *found)


def _check_host(request: HttpRequest) -> None:
    try:
        request.get_host()
    except DisallowedHost:
        raise InvalidRequest(
            "This server is not known under the name in the Host header. "
            "Name it in MLX_MANAGER_HOSTS to be reached under it.",
            code="invalid_host",
        ) from None


def _check_origin(request: HttpRequest) -> None:
    """A page of another origin must not use this machine's models through its visitor's browser."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "none")
    foreign = (
        site not in ("none", "same-origin") if origin is None else _host_of(origin) != request.get_host()
    )
    if foreign:
        raise Forbidden("Requests from a web page of another origin are refused.", code="cross_origin")


def _had_left(request: HttpRequest) -> bool:
    """Before its connection was looked at: where it came from nobody can say then, so it seems to need a key."""
    return not request.META.get("REMOTE_ADDR")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # "http://[": no browser sends it
        return ""


async def _admitted(request: HttpRequest, settings: Snapshot) -> Key | None:
    """The key that was sent, or what stands for one. None on this machine, which needs none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    given = bearer or request.headers.get("x-api-key", "").strip()
    key = settings.keys.get(hashlib.sha256(given.encode()).hexdigest()) if given else None
    if key is None and page_session.is_offered(request):
        key = await sync_to_async(page_session.key_of)(request)
    if key is None and (settings.require_key_on_loopback or not from_this_machine(request)):
        said = "The API key is wrong or revoked." if given else "No API key was sent."
        raise Unauthorized(
            f"{said} Send one as Authorization: Bearer …, or as x-api-key; keys are made on the page API keys.",
            code="invalid_api_key",
            headers={"www-authenticate": "Bearer"},
        )
    return key


def from_this_machine(request: HttpRequest) -> bool:
    """Not if a proxy on this machine passes it on: then it may come from anywhere."""
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
