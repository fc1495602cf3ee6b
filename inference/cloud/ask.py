"""A request to a cloud provider, in OpenAI's form whatever the provider speaks."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

from inference.chunk import Chunk
from inference.cloud import protocols
from inference.cloud.clients import clients
from settings_app.endpoints import Endpoint
from settings_app.snapshot import Provider


class Ask(Protocol):
    """How a request is put to a provider."""

    def __call__(
        self, provider: Provider, endpoint: Endpoint, body: dict[str, Any], *, streamed: bool
    ) -> AsyncGenerator[Chunk, None]: ...


async def ask(
    provider: Provider, endpoint: Endpoint, body: dict[str, Any], *, streamed: bool
) -> AsyncGenerator[Chunk, None]:
    """The answer to `body`, whose `model` is the provider's name of it. Raises ApiError.

    Closing it closes the connection, so that the provider stops.
    """
    spoken = protocols.of(provider)
    async with (
        clients.lent(provider) as client,
        aclosing(spoken.ask(client, provider, endpoint, body, streamed=streamed)) as chunks,
    ):
        async for chunk in chunks:
            yield chunk
