"""POST /v1/messages, and POST /v1/messages/count_tokens."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.api import body, chat, count
from inference.api.messages import request as translation
from inference.api.messages.events import MessagesForm
from inference.api.messages.request import CountRequest, MessagesRequest
from inference.arrival import Arrival


async def create(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    call, head = chat.begin(request, arrival)
    asked = translation.read(body.decode(request, dict[str, Any]), MessagesRequest)
    form = MessagesForm(call, shows_thinking=asked.shows_thinking)

    def translated() -> dict[str, Any]:
        return translation.translated(asked, call.target.provider)

    return await chat.translated(call, head, arrival, translated, form)


async def count_tokens(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    call, _ = chat.begin(request, arrival)
    asked = translation.read(body.decode(request, dict[str, Any]), CountRequest)
    tokens = await count.tokens(call, arrival, lambda: translation.conversation(asked, call.target.provider))
    return body.json_response({"input_tokens": tokens})
