"""How many tokens a chat would be, by the count of whoever it would go to; nothing is made."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import astuple

from inference import completion
from inference.api import body, chat
from inference.api.chat import ChatRequest
from inference.arrival import Arrival
from inference.call import Call
from inference.chunk import Chunk
from inference.cloud import count
from inference.cloud.ask import Ask
from inference.completion import Asked
from inference.errors import OUR_FAULT, InternalError
from inference.messages import Count, Counted


async def tokens(
    call: Call, arrival: Arrival, asked: Callable[[], dict[str, Any]], ask: Ask = count.count
) -> int:
    """`asked`: the body for the target that the call has then, a chat for one of this machine; raises InvalidRequest.
    `ask`: has a provider count it. Raises ApiError.
    """
    rows = Asked("text", lambda: [_row(asked(), call)], asked, ask)
    found: int | None = None
    batches = completion.run(call, rows, arrival.settings)
    try:
        async for items in batches:
            for item in items:
                if isinstance(item, Counted):
                    found = item.tokens
                elif isinstance(item, Chunk) and isinstance(item.data, dict):
                    found = item.data[count.COUNTED]
    finally:
        await batches.aclose()
    if found is None:
        raise InternalError(OUR_FAULT)
    return found


def _row(asked: dict[str, Any], call: Call) -> Count:
    return Count(*astuple(chat.row(body.convert(asked, ChatRequest), call)))
