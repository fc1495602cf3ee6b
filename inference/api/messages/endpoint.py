"""POST /v1/messages."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.api import body, chat
from inference.api.messages import request as translation
from inference.api.messages.events import MessagesForm
from inference.arrival import Arrival


async def create(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    call, head = chat.begin(request, arrival)
    asked = translation.read(body.decode(request, dict[str, Any]))

    def translated() -> dict[str, Any]:
        return translation.translated(asked, call.target.provider)

    return await chat.translated(call, head, arrival, translated, MessagesForm(call))
