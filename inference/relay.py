"""A request at a cloud provider: what it says is passed on, counted, and cut when the client leaves."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from inference.call import Call
from inference.chunk import Chunk
from inference.cloud.ask import Ask
from inference.cloud.words import FINISH_REASONS
from inference.errors import OUR_FAULT, ApiError, InternalError
from inference.inbox import Item
from settings_app.phases import Phase
from settings_app.snapshot import Provider

log = logging.getLogger(__name__)

MOST_UNREAD = 64  # chunks, of 4 MiB at most; a provider that is faster than the client waits
LOOK_SECONDS = 0.5  # at a deadline that may have been moved
OTHER_REASON = "other"


async def events(
    call: Call, provider: Provider, model: str, body: dict[str, Any], ask: Ask
) -> AsyncGenerator[list[Item], None]:
    """The chunks of the provider's answer. Raises ApiError.

    Also yields nothing, when the deadline has moved: whoever bounds it looks at the new one.
    """
    call.row_ids = [call.id]
    call.enter(Phase.CLOUD)
    reader = asyncio.create_task(_read(call, provider, {**body, "model": model}, ask))
    call.abort = reader.cancel
    watch = asyncio.create_task(_watch(call))
    try:
        ended = False
        while not ended:
            items = await call.inbox.take()
            for item in items:
                if isinstance(item, Chunk):
                    _note(call, item)
                    ended = ended or item.last
            yield items
    finally:
        watch.cancel()
        reader.cancel()  # which closes the connection: the provider stops, and stops counting
        await asyncio.wait({reader})


async def _read(call: Call, provider: Provider, body: dict[str, Any], ask: Ask) -> None:
    try:
        async with aclosing(ask(provider, call.endpoint, body, streamed=call.streamed)) as chunks:
            async for chunk in chunks:
                await call.inbox.room(MOST_UNREAD)
                call.inbox.put(chunk)
        call.inbox.put(Chunk(None, last=True))
    except ApiError as error:
        call.inbox.fail(error)
    except Exception:
        call.inbox.fail(InternalError(OUR_FAULT))
        log.exception("%s: the answer of provider %s could not be passed on", call.id, provider.name)


async def _watch(call: Call) -> None:
    """Sees to the deadline while the client does not read, and so nobody asks for what comes; it may be moved."""
    while True:
        left = call.deadline.remaining()
        if left <= 0:
            call.expire()
            return
        await asyncio.sleep(min(left, LOOK_SECONDS))


def _note(call: Call, chunk: Chunk) -> None:
    if chunk.made:
        call.note_first_token()
        call.completion_tokens += chunk.made
    if chunk.finish_reason:
        call.stopped_by = chunk.stopped_by
        known = chunk.finish_reason in FINISH_REASONS
        call.finish_reason = chunk.finish_reason if known else OTHER_REASON
    if chunk.usage is not None:
        call.progress[call.id] = (chunk.usage.prompt_tokens, chunk.usage.cached_tokens)
        call.completion_tokens = chunk.usage.completion_tokens
