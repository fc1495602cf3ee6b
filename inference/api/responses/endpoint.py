"""POST /v1/responses."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.api import body, chat
from inference.api.responses import request as translation
from inference.api.responses.events import ResponsesForm
from inference.arrival import Arrival


async def create(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    call, head = chat.begin(request, arrival)
    asked = translation.read(body.decode(request, dict[str, Any]))
    found = translation.translated(asked)
    return await chat.translated(call, head, arrival, lambda: found, ResponsesForm(call, asked))
