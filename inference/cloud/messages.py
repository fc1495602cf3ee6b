"""What is asked in the words of Anthropic's API: who speaks them gets it as it came, all others get a chat."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from inference.chunk import Chunk
from inference.cloud import count as counts
from inference.cloud import protocols
from inference.cloud.anthropic import passing
from inference.cloud.ask import ask
from inference.cloud.clients import clients
from settings_app.endpoints import Endpoint
from settings_app.snapshot import Provider

Chunks = AsyncGenerator[Chunk, None]


def are_passed_to(provider: Provider | None) -> bool:
    return provider is not None and protocols.of(provider).takes_messages


@dataclass(frozen=True)
class Messages:
    """How one request is put to a provider: its body as it came, or as a chat. `betas`: what its header asks for."""

    betas: str = ""

    def ask(self, provider: Provider, endpoint: Endpoint, body: dict[str, Any], *, streamed: bool) -> Chunks:
        """Raises ApiError."""
        if are_passed_to(provider):
            return self._passed_on(provider, body, streamed=streamed)
        return ask(provider, endpoint, body, streamed=streamed)

    def count(
        self, provider: Provider, endpoint: Endpoint, body: dict[str, Any], *, streamed: bool
    ) -> Chunks:
        """As counts.count. Raises ApiError."""
        if are_passed_to(provider):
            return self._counted(provider, body)
        return counts.count(provider, endpoint, body, streamed=streamed)

    async def _passed_on(self, provider: Provider, body: dict[str, Any], *, streamed: bool) -> Chunks:
        async with (
            clients.lent(provider) as client,
            aclosing(passing.ask(client, provider, body, self.betas, streamed=streamed)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    async def _counted(self, provider: Provider, body: dict[str, Any]) -> Chunks:
        async with clients.lent(provider) as client:
            yield Chunk({counts.COUNTED: await passing.count(client, provider, body, self.betas)})
