"""One exchange with a provider that speaks Anthropic's protocol: a body of its own is sent, and its answer is read."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx2
import msgspec

from inference.chunk import Chunk
from inference.cloud import answer, connection
from inference.cloud.anthropic import reply
from inference.cloud.anthropic.stream import Translation
from settings_app.snapshot import Provider

PATH = "/messages"
VERSION = "2023-06-01"  # of the protocol: the only one there is

_encode = msgspec.json.Encoder().encode


def headers(provider: Provider, betas: str = "") -> dict[str, str]:
    """`betas`: names of what a client asks for that is not in the protocol yet."""
    found = {"x-api-key": provider.api_key, "anthropic-version": VERSION}
    return {**found, "anthropic-beta": betas} if betas else found


async def exchange(
    client: httpx2.AsyncClient,
    provider: Provider,
    body: dict[str, Any],
    *,
    streamed: bool,
    with_usage: bool = False,
    betas: str = "",
) -> AsyncGenerator[tuple[Any, list[Chunk]], None]:
    """Each event of the answer, or all of it, and what it is in a chat. Raises ProviderFailed."""
    head, content = headers(provider, betas), _encode(body)
    async with connection.send(client, provider, "POST", PATH, head, content) as response:
        if not streamed:
            found = await answer.whole(provider, response)
            yield found, [reply.translated(provider, found)]
            return
        translation = Translation(provider, with_usage)
        preamble = answer.Preamble(provider)
        async with aclosing(answer.events(provider, response)) as events:
            async for data in events:
                found = answer.decoded(provider, data)
                chunks = translation.take(found)
                preamble.take(data, sum(chunk.made for chunk in chunks))
                yield found, chunks
                if translation.is_over:
                    break
            if not (translation.finish_reason and translation.is_over):
                raise answer.garbled(provider, "ended its answer without a stop reason")
            await answer.read_out(events)
