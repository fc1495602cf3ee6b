"""How many tokens a provider that speaks Anthropic's protocol counts, in a chat or in what is asked in its words."""

from typing import Any

import httpx2
import msgspec
from msgspec import Struct

from inference.cloud import answer, connection, refusal
from inference.cloud.anthropic import request
from inference.cloud.anthropic.ending import Count
from inference.cloud.anthropic.exchange import PATH, headers
from settings_app.snapshot import Provider

TAKEN = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control")


class _Counted(Struct):
    input_tokens: Count


async def of_chat(client: httpx2.AsyncClient, provider: Provider, body: dict[str, Any]) -> int:
    """Raises InvalidRequest for what cannot be translated, and ProviderFailed."""
    asked = request.translated(request.read(body))
    return await count(client, provider, {name: asked[name] for name in TAKEN if name in asked})


async def count(client: httpx2.AsyncClient, provider: Provider, body: dict[str, Any], betas: str = "") -> int:
    """Raises ProviderFailed."""
    head, content = headers(provider, betas), msgspec.json.encode(body)
    async with connection.send(client, provider, "POST", f"{PATH}/count_tokens", head, content) as response:
        found = await answer.whole(provider, response)
    if isinstance(found, dict) and found.get("type") == "error":
        raise refusal.said_inside(provider, found)
    try:
        return msgspec.convert(found, _Counted).input_tokens
    except msgspec.ValidationError:
        raise answer.garbled(provider, "answered with JSON that is no count of tokens") from None
