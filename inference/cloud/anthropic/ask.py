"""Providers that speak Anthropic's protocol: chats are translated there and back."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx2
import msgspec

from inference.chunk import Chunk
from inference.cloud import answer, connection
from inference.cloud.anthropic import reply, request
from inference.cloud.anthropic.stream import Translation
from inference.errors import InvalidRequest
from settings_app.endpoints import Endpoint
from settings_app.snapshot import Provider

PATH = "/messages"
VERSION = "2023-06-01"  # of the protocol: the only one there is

_encode = msgspec.json.Encoder().encode


def headers(provider: Provider) -> dict[str, str]:
    return {"x-api-key": provider.api_key, "anthropic-version": VERSION}


async def ask(
    client: httpx2.AsyncClient,
    provider: Provider,
    endpoint: Endpoint,
    body: dict[str, Any],
    *,
    streamed: bool,
) -> AsyncGenerator[Chunk, None]:
    """Raises InvalidRequest for what cannot be translated, and ProviderFailed."""
    if endpoint.key != "chat":
        raise InvalidRequest(
            f"Provider {provider.name} speaks Anthropic's protocol, which has nothing like {endpoint.path}. "
            "Ask its models at /v1/chat/completions.",
            param="model",
            code="unsupported_endpoint",
        )
    asked = request.read(body)
    content = _encode(request.translated(asked))
    async with connection.send(client, provider, "POST", PATH, headers(provider), content) as response:
        if not streamed:
            yield reply.translated(provider, await answer.whole(provider, response))
            return
        with_usage = asked.stream_options is not None and asked.stream_options.include_usage
        translation = Translation(provider, with_usage)
        preamble = answer.Preamble(provider)
        async with aclosing(answer.events(provider, response)) as events:
            async for data in events:
                chunks = list(translation.take(data))
                preamble.take(data, sum(chunk.made for chunk in chunks))
                for chunk in chunks:
                    yield chunk
                if translation.is_over:
                    break
            if not (translation.finish_reason and translation.is_over):
                raise answer.garbled(provider, "ended its answer without a stop reason")
            await answer.read_out(events)
