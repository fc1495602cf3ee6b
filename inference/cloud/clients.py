"""The HTTP clients: one for the settings of each provider, so that no connection outlives what it was made under."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ssl import SSLContext

import httpcore2
import httpx2

from inference.cloud.network import CONNECT_SECONDS, CheckedNetwork
from settings_app import stored
from settings_app.snapshot import Provider

log = logging.getLogger(__name__)

KEPT_SECONDS = 30.0  # a connection that is not in use, for the next request
MOST_KEPT = 32  # of such, for each provider
LOOK_SECONDS = 1.0  # from a change to the end of connections that were made before it


@dataclass(eq=False)
class _Client:
    """`users`: requests that hold it. `used`: seconds of `time.monotonic()` when the last one let go."""

    made_for: Provider
    http: httpx2.AsyncClient
    users: int = 0
    used: float = 0.0


class Clients:
    """All belong to one event loop."""

    def __init__(self) -> None:
        self._held: dict[int, _Client] = {}
        self._replaced: set[_Client] = set()  # their last requests run on

    @asynccontextmanager
    async def lent(self, provider: Provider) -> AsyncGenerator[httpx2.AsyncClient, None]:
        """The client for a provider, as its settings are now."""
        client, outdated = self._held.get(provider.id), None
        if client is None or client.made_for != provider:
            outdated = client
            client = self._held[provider.id] = _Client(provider, make(provider))
        client.users += 1
        try:
            if outdated is not None:
                await self._retire(outdated)
            yield client.http
        finally:
            client.users -= 1
            client.used = time.monotonic()
            if client in self._replaced and not client.users:
                self._replaced.discard(client)
                await client.http.aclose()

    async def keep_to(self, providers: Mapping[int, Provider]) -> None:
        """Lets go of clients whose provider is gone or was changed, and of those that nobody has used for a while."""
        for client in list(self._held.values()):
            is_current = providers.get(client.made_for.id) == client.made_for
            is_fresh = client.users or time.monotonic() - client.used < KEPT_SECONDS
            if not (is_current and is_fresh):
                await self._retire(client)

    async def look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if self._held:
                    await self.keep_to((await stored.current()).providers)
            except Exception:
                log.exception("connections to providers could not be looked after; it is tried again")

    async def close(self) -> None:
        """All of them, whoever uses them."""
        for client in [*self._held.values(), *self._replaced]:
            await client.http.aclose()
        self._held.clear()
        self._replaced.clear()

    async def _retire(self, client: _Client) -> None:
        """The requests that hold it run on; the last one closes it."""
        if self._held.get(client.made_for.id) is client:
            del self._held[client.made_for.id]
        if client.users:
            self._replaced.add(client)
        else:
            await client.http.aclose()


clients = Clients()


def make(provider: Provider) -> httpx2.AsyncClient:
    """A client of its own, for whoever closes it. Only to connect has a time limit here: the deadline has the rest.

    No proxy of the environment, no redirect followed, no cookie kept, no limit to connections at once.
    """
    return httpx2.AsyncClient(
        transport=_Transport(provider),
        timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"accept-encoding": "identity", "user-agent": "mlx-manager"},
    )


class _Transport(httpx2.AsyncHTTPTransport):
    """httpx's own, over a pool whose network checks addresses; httpx has no argument for that."""

    def __init__(self, provider: Provider) -> None:
        network = CheckedNetwork(
            allow_private=provider.allow_private, encrypted=provider.base_url.startswith("https:")
        )
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_tls(),
            max_connections=None,
            max_keepalive_connections=MOST_KEPT,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=network,
        )


@cache
def _tls() -> SSLContext:
    """The system's authorities, or those of SSL_CERT_FILE; reading them takes some 20 ms."""
    return httpcore2.default_ssl_context()
