"""Providers that speak OpenAI's protocol: what they say is passed through."""

import json
from collections.abc import AsyncGenerator
from typing import Any

from inference.chunk import Chunk, Usage
from inference.cloud import connection
from inference.errors import ProviderFailed
from settings_app.endpoints import Endpoint
from settings_app.snapshot import Provider


async def ask(
    provider: Provider, endpoint: Endpoint, body: dict[str, Any], *, streamed: bool
) -> AsyncGenerator[Chunk, None]:
    url = provider.base_url.rstrip("/") + endpoint.path.removeprefix("/v1")
    headers = {"authorization": f"Bearer {provider.api_key}"}
    async with connection.post(provider, url, headers, body) as response:
        if not streamed:
            yield _chunk(json.loads(await response.aread()))
            return
        async for line in response.aiter_lines():
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                return
            if line.startswith("data:"):
                yield _chunk(json.loads(data))
    raise ProviderFailed(
        f"Provider {provider.name} broke off its answer.", provider=provider.name, cause="error"
    )


def _chunk(data: dict[str, Any]) -> Chunk:
    choices = data.get("choices") or [{}]
    usage = data.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    return Chunk(
        data,
        made=sum(1 for choice in choices if choice.get("delta") or choice.get("text")),
        finish_reason=choices[0].get("finish_reason") or "",
        usage=Usage(
            usage.get("prompt_tokens", 0), details.get("cached_tokens", 0), usage.get("completion_tokens", 0)
        )
        if usage
        else None,
    )
