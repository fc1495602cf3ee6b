"""POST /v1/messages, and POST /v1/messages/count_tokens."""

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.api import body, chat, count
from inference.api.messages import request as translation
from inference.api.messages.events import MessagesForm
from inference.api.messages.request import CountRequest, MessagesRequest
from inference.arrival import Arrival
from inference.call import Call
from inference.cloud import messages
from inference.cloud.messages import Messages
from inference.errors import InvalidRequest

Body = dict[str, Any]

BETAS = "anthropic-beta"  # the header
_CAN_BE_SENT = re.compile(r"[ -~]{0,2000}")


async def create(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    call, head = chat.begin(request, arrival)
    found = body.decode(request, dict[str, Any])
    form = MessagesForm(call, shows_thinking=translation.shows_thinking(found))

    def as_chat() -> dict[str, Any]:
        return translation.translated(translation.read(found, MessagesRequest), call.target.provider)

    asked = _for_target(request, call, as_chat)
    return await chat.translated(call, head, arrival, asked, form, Messages(_betas(request)).ask)


async def count_tokens(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    call, _ = chat.begin(request, arrival)
    found = body.decode(request, dict[str, Any])

    def as_chat() -> dict[str, Any]:
        return translation.conversation(translation.read(found, CountRequest), call.target.provider)

    asked = _for_target(request, call, as_chat)
    tokens = await count.tokens(call, arrival, asked, Messages(_betas(request)).count)
    return body.json_response({"input_tokens": tokens})


def _for_target(request: HttpRequest, call: Call, as_chat: Callable[[], Body]) -> Callable[[], Body]:
    """The body for the target that the call has then: as it came for those that know these words."""
    return lambda: body.for_provider(request) if messages.are_passed_to(call.target.provider) else as_chat()


def _betas(request: HttpRequest) -> str:
    """What the client asks for that is not in Anthropic's API yet. Raises InvalidRequest."""
    asked = request.headers.get(BETAS, "")
    if not _CAN_BE_SENT.fullmatch(asked):
        raise InvalidRequest(
            f"The header {BETAS} cannot be passed on: give names of letters, digits and hyphens, with commas between "
            "them, in up to 2000 characters.",
            param=BETAS,
            code="invalid_value",
        )
    return asked
