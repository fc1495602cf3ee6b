"""GET /v1/models and /v1/models/{id}."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from inference.api import body
from inference.arrival import Arrival
from inference.errors import ModelNotFound


async def index(request: HttpRequest, arrival: Arrival) -> HttpResponse:
    data = [_model(name) for name in arrival.settings.models]
    return body.json_response({"object": "list", "data": data})


async def show(request: HttpRequest, arrival: Arrival, name: str) -> HttpResponse:
    if name not in arrival.settings.models:
        raise ModelNotFound(name, arrival.settings.models)
    return body.json_response(_model(name))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "local"}
