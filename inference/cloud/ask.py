"""A request to a cloud provider, in OpenAI's form whatever the provider speaks."""

from collections.abc import AsyncGenerator
from typing import Any

from inference.chunk import Chunk
from inference.cloud import openai
from settings_app.endpoints import Endpoint
from settings_app.snapshot import Provider


def ask(
    provider: Provider, endpoint: Endpoint, body: dict[str, Any], *, streamed: bool
) -> AsyncGenerator[Chunk, None]:
    """The answer to `body`, whose `model` is the provider's name of it. Raises ApiError.

    Closing it closes the connection, so that the provider stops.
    """
    return openai.ask(provider, endpoint, body, streamed=streamed)
