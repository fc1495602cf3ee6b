"""The HTTP connections to providers, kept open between requests."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from inference.errors import ProviderFailed
from settings_app.snapshot import Provider

_client: httpx2.AsyncClient | None = None


@asynccontextmanager
async def post(
    provider: Provider, url: str, headers: dict[str, str], body: dict[str, Any]
) -> AsyncGenerator[httpx2.Response, None]:
    """The answer, its body unread. Raises ProviderFailed; no time of its own bounds it, the deadline does."""
    global _client
    if _client is None:
        _client = httpx2.AsyncClient(timeout=None, trust_env=False)
    try:
        async with _client.stream("POST", url, headers=headers, json=body) as response:
            if response.is_error:
                raise ProviderFailed(
                    f"Provider {provider.name} answered with {response.status_code}.",
                    provider=provider.name,
                    cause="overload" if response.status_code in (429, 503, 529) else "error",
                    status=response.status_code,
                )
            yield response
    except httpx2.HTTPError as error:
        raise ProviderFailed(
            f"Provider {provider.name} cannot be reached ({type(error).__name__}).",
            provider=provider.name,
            cause="timeout" if isinstance(error, httpx2.TimeoutException) else "error",
        ) from None
