"""What is read of a provider's answer, within bounds: JSON as a whole, or the data of server-sent events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec

from inference.cloud import refusal
from inference.errors import ProviderFailed
from settings_app.snapshot import Provider

MOST_BYTES = 128 * 2**20  # of a whole answer: 2,048 embeddings of 3,072 numbers are up to 116 MiB as text
MOST_EVENT_BYTES = 4 * 2**20
EVENT_WEIGHT = 256  # bytes that even an empty one takes here
LINE_WEIGHT = 64  # and a line of one in time: four million empty lines would take ten seconds
MOST_REFUSAL_BYTES = 64 * 2**10
REFUSAL_SECONDS = 2.0  # its status is known already; one whose words do not come is not waited for
LAST_SECONDS = 0.1
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_decode = msgspec.json.Decoder().decode


@dataclass
class Preamble:
    """What a stream says before its first word. It is held back until then, so it has a bound as an event has."""

    provider: Provider
    weight: int = 0
    is_over: bool = False

    def take(self, data: bytes, made: int) -> None:
        """An event and how much output is in it. Raises ProviderFailed."""
        self.is_over = self.is_over or made > 0
        if not self.is_over:
            self.weight += len(data) + EVENT_WEIGHT
            if self.weight > MOST_EVENT_BYTES:
                raise garbled(self.provider, "said a great deal, and not a word of its answer")


async def beginning(response: httpx2.Response) -> bytes:
    """The first bytes of a refusal: its words are in there, or it has none worth passing on."""
    found = bytearray()
    with suppress(TimeoutError):
        async with asyncio.timeout(REFUSAL_SECONDS), aclosing(response.aiter_raw()) as pieces:
            async for piece in pieces:
                found += piece
                if len(found) >= MOST_REFUSAL_BYTES:
                    break
    return bytes(found)


async def whole(provider: Provider, response: httpx2.Response) -> Any:
    """What the body says in JSON. Raises ProviderFailed."""
    return decoded(provider, await content(provider, response))


async def content(provider: Provider, response: httpx2.Response) -> bytes:
    """The body. Raises ProviderFailed."""
    _check_encoding(provider, response)
    found = bytearray()
    async with aclosing(response.aiter_raw()) as pieces:
        async for piece in pieces:
            found += piece
            if len(found) > MOST_BYTES:
                raise garbled(provider, f"answered with more than {MOST_BYTES // 2**20} MiB")
    return bytes(found)


async def events(provider: Provider, response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """The data of each event. Raises ProviderFailed."""
    _check_encoding(provider, response)
    await _check_stream(provider, response)
    data = bytearray()  # each line of it with a line feed
    weight = 0
    async with aclosing(_lines(provider, response)) as lines:
        async for line in lines:
            if line.startswith(b"data:"):
                data += line.removeprefix(b"data:").removeprefix(b" ") + b"\n"
                weight += len(line) + LINE_WEIGHT
                if weight > MOST_EVENT_BYTES:
                    raise _too_long(provider)
            elif not line and data:
                yield bytes(data[:-1])
                data.clear()
                weight = 0
    if data:
        yield bytes(data[:-1])


async def read_out(events: AsyncGenerator[bytes, None]) -> None:
    """Reads the end of a body after its last event, if it is there: such a connection can be used again."""
    with suppress(TimeoutError, ProviderFailed, httpx2.HTTPError):
        async with asyncio.timeout(LAST_SECONDS):
            async for _ in events:
                pass


def decoded(provider: Provider, text: bytes) -> Any:
    """Raises ProviderFailed."""
    try:
        return _decode(text)
    except NO_JSON:
        raise no_json(provider) from None


def no_json(provider: Provider) -> ProviderFailed:
    return garbled(provider, "answered with something that is no JSON, or not all of it")


def garbled(provider: Provider, what: str) -> ProviderFailed:
    return ProviderFailed(f"Provider {provider.name} {what}.", provider=provider.name, cause="error")


async def _lines(provider: Provider, response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """Split at line feeds alone: JSON may hold U+2028, where httpx's own lines end."""
    rest = bytearray()
    async with aclosing(response.aiter_raw()) as pieces:
        async for piece in pieces:
            head, *others = piece.split(b"\n")
            rest += head
            for other in others:
                yield bytes(rest.removesuffix(b"\r"))
                rest = bytearray(other)
            if len(rest) > MOST_EVENT_BYTES:
                raise _too_long(provider)
    if rest:
        yield bytes(rest)


def _too_long(provider: Provider) -> ProviderFailed:
    return garbled(provider, f"sent an event of more than {MOST_EVENT_BYTES // 2**20} MiB")


def _check_encoding(provider: Provider, response: httpx2.Response) -> None:
    """None was asked for: a few bytes of a compressed one can be made to fill the memory."""
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise garbled(provider, f"compressed its answer ({encoding[:20]}), which was not asked for")


async def _check_stream(provider: Provider, response: httpx2.Response) -> None:
    """Something else than a stream may be an error with a status of 200."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return
    found = decoded(provider, await beginning(response)) if kind == "application/json" else None
    if isinstance(found, dict) and found.get("error"):
        raise refusal.said_inside(provider, found)
    raise garbled(provider, f"answered with {kind[:60] or 'no content type'} where a stream was asked for")
