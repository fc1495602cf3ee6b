"""The way out to a provider: its name is resolved once, and the connection goes to the address that was checked."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore2

from settings_app import addresses

CONNECT_SECONDS = (
    10.0  # to resolve the name and connect, and once more for TLS; what follows is the deadline's
)
MOST_ADDRESSES = 6  # of one name are tried, in the order that the resolver gives

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class AddressRefused(Exception):
    """The name has no address that may be connected to. The message says why."""


class NameUnknown(Exception):
    """The name has no address."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """TCP for one provider. TLS goes by the name, since httpcore gives it the name and not what was connected to."""

    def __init__(self, *, allow_private: bool, encrypted: bool, resolve: Resolve = resolve) -> None:
        self._allow_private = allow_private
        self._encrypted = encrypted
        self._resolve = resolve
        self._tcp = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raises AddressRefused, NameUnknown and httpcore's ConnectError and ConnectTimeout."""
        ends = time.monotonic() + (CONNECT_SECONDS if timeout is None else timeout)
        found = await self._resolved(host, port, ends)
        failure: Exception | None = None
        for index, address in enumerate(found):
            share = max(0.0, ends - time.monotonic()) / (len(found) - index)
            try:
                return await self._tcp.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure

    async def _resolved(self, host: str, port: int, ends: float) -> list[str]:
        """The addresses that may be connected to, at least one."""
        try:
            found = await asyncio.wait_for(self._resolve(host, port), ends - time.monotonic())
        except TimeoutError:
            raise httpcore2.ConnectTimeout(f"{host} was not resolved in time") from None
        except OSError:
            found = []
        if not found:
            raise NameUnknown(host)
        refused = [
            addresses.refusal(address, allow_private=self._allow_private, encrypted=self._encrypted)
            for address in found
        ]
        allowed = [address for address, said in zip(found, refused, strict=True) if not said]
        if not allowed:
            raise AddressRefused(refused[0])
        return allowed[:MOST_ADDRESSES]
