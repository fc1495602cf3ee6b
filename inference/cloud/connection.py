"""One request to a provider, up to the head of its answer; and what went wrong on the way."""

import os
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import httpx2

from inference.cloud import refusal
from inference.cloud.answer import beginning
from inference.cloud.network import CONNECT_SECONDS, AddressRefused, NameUnknown
from inference.errors import ProviderFailed
from settings_app.snapshot import Provider

FAILURES = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    UnicodeEncodeError,  # a header that is not ASCII: the key is the only one that is not ours
    OSError,
    AddressRefused,
    NameUnknown,
)


@asynccontextmanager
async def send(
    client: httpx2.AsyncClient,
    provider: Provider,
    method: str,
    path: str,
    headers: Mapping[str, str],
    content: bytes | None = None,
) -> AsyncGenerator[httpx2.Response, None]:
    """The answer to a request that was taken, its body unread. Raises ProviderFailed, also for what goes wrong inside.

    `path`: below the base URL. Leaving it closes the connection, unless the body was read to its end.
    """
    try:
        async with client.stream(
            method,
            provider.base_url.rstrip("/") + path,
            headers={"content-type": "application/json", **headers},
            content=content,
        ) as response:
            if not response.is_success:
                said = await beginning(response)
                raise refusal.refused(provider, response.status_code, response.headers, said)
            yield response
    except FAILURES as error:
        raise _failed(provider, error) from None


def _failed(provider: Provider, error: Exception) -> ProviderFailed:
    message = f"Provider {provider.name} {_trouble(error)}"
    if isinstance(error, AddressRefused):
        return ProviderFailed(
            message,
            provider=provider.name,
            cause="error",
            status=503,
            code="provider_address_refused",
            headers={"x-should-retry": "false"},
        )
    cause = "timeout" if isinstance(error, httpx2.TimeoutException) else "error"
    return ProviderFailed(message, provider=provider.name, cause=cause)


def _trouble(error: Exception) -> str:
    """What went wrong, in words that follow "provider X"."""
    match error:
        case AddressRefused():
            return f"was not asked: {error}"
        case NameUnknown():
            return f"cannot be reached: the name {error} cannot be resolved."
        case httpx2.ConnectTimeout():
            return f"cannot be reached: no connection within {CONNECT_SECONDS:g} s."
        case httpx2.ConnectError():
            return f"cannot be reached: {_reason(error)}."
        case httpx2.RemoteProtocolError() | httpx2.NetworkError() | OSError():
            return "broke off its answer."
        case httpx2.LocalProtocolError() | UnicodeEncodeError():
            return "has an API key that cannot be sent: there are signs in it that no key has."
        case httpx2.InvalidURL():
            return "has a base URL that cannot be used."
    return f"cannot be reached ({type(error).__name__})."


def _reason(error: BaseException) -> str:
    """What lies under httpx's error: a certificate that does not hold, or what the system said."""
    under: BaseException | None = error
    while under is not None:
        if isinstance(under, ssl.SSLCertVerificationError):
            reason = getattr(under, "verify_message", "")  # which macOS's own check need not give
            return f"its TLS certificate does not hold{f' ({reason})' if reason else ''}"
        if isinstance(under, ssl.SSLError):
            return f"TLS failed ({under.reason or 'the other side does not speak it'})"
        if isinstance(under, OSError) and under.errno:
            return os.strerror(under.errno).lower()
        under = under.__cause__ or under.__context__
    return "the connection was refused or broke off"
