"""Providers that speak Anthropic's protocol: chats are translated there and back."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx2

from inference.chunk import Chunk
from inference.cloud.anthropic import request
from inference.cloud.anthropic.exchange import exchange
from inference.errors import InvalidRequest
from settings_app.endpoints import Endpoint
from settings_app.snapshot import Provider


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
    with_usage = asked.stream_options is not None and asked.stream_options.include_usage
    said = exchange(client, provider, request.translated(asked), streamed=streamed, with_usage=with_usage)
    async with aclosing(said):
        async for _, chunks in said:
            for chunk in chunks:
                yield chunk
