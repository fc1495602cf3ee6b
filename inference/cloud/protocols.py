"""The protocols that providers speak, by the name in their settings."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import httpx2

from inference.chunk import Chunk
from inference.cloud import openai
from inference.cloud.anthropic import ask as anthropic
from inference.cloud.anthropic import count, exchange
from settings_app.endpoints import Endpoint
from settings_app.snapshot import Provider


class Ask(Protocol):
    def __call__(
        self,
        client: httpx2.AsyncClient,
        provider: Provider,
        endpoint: Endpoint,
        body: dict[str, Any],
        *,
        streamed: bool,
    ) -> AsyncGenerator[Chunk, None]: ...


class Count(Protocol):
    async def __call__(self, client: httpx2.AsyncClient, provider: Provider, body: dict[str, Any]) -> int: ...


@dataclass(frozen=True)
class Spoken:
    """`headers`: what says to a provider who asks. `chat_path`: below its base URL. `count`: of the tokens in a chat,
    if there is a way to ask for it. `takes_messages`: what is asked at /v1/messages is in its own words.
    """

    ask: Ask
    headers: Callable[[Provider], dict[str, str]]
    chat_path: str
    count: Count | None = None
    takes_messages: bool = False


_BY_NAME = {
    "openai": Spoken(openai.ask, openai.headers, "/chat/completions"),
    "anthropic": Spoken(anthropic.ask, exchange.headers, exchange.PATH, count.of_chat, takes_messages=True),
}


def of(provider: Provider) -> Spoken:
    return _BY_NAME[provider.protocol]
