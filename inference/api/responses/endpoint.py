"""POST /v1/responses, and POST /v1/responses/input_tokens."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.api import body, chat, count
from inference.api.responses import request as translation
from inference.api.responses.events import ResponsesForm
from inference.api.responses.request import InputTokensRequest, ResponsesRequest
from inference.arrival import Arrival


async def create(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    call, head = chat.begin(request, arrival)
    asked = translation.read(body.decode(request, dict[str, Any]), ResponsesRequest)
    found = translation.translated(asked)
    return await chat.translated(call, head, arrival, lambda: found, ResponsesForm(call, asked))


async def count_tokens(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    call, _ = chat.begin(request, arrival)
    asked = translation.read(body.decode(request, dict[str, Any]), InputTokensRequest)
    found = translation.conversation(asked)
    tokens = await count.tokens(call, arrival, lambda: found)
    return body.json_response({"object": "response.input_tokens", "input_tokens": tokens})
