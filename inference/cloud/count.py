"""How many tokens a request would be, asked of the provider that would get it."""

from collections.abc import AsyncGenerator
from typing import Any

from inference.chunk import Chunk
from inference.cloud import protocols
from inference.cloud.clients import clients
from inference.errors import InvalidRequest
from settings_app.endpoints import Endpoint
from settings_app.snapshot import Provider

COUNTED = "input_tokens"


async def count(
    provider: Provider, endpoint: Endpoint, body: dict[str, Any], *, streamed: bool
) -> AsyncGenerator[Chunk, None]:
    """As `ask`, with one chunk that holds the number under the name COUNTED. Raises ApiError."""
    spoken = protocols.of(provider)
    if spoken.count is None:
        raise InvalidRequest(
            f"Provider {provider.name} speaks OpenAI's protocol, which counts no tokens ahead. Send the request: "
            "its answer says how many were read.",
            param="model",
            code="unsupported_endpoint",
        )
    async with clients.lent(provider) as client:
        yield Chunk({COUNTED: await spoken.count(client, provider, body)})
