"""Providers that speak OpenAI's protocol: what they say is passed through, once it is known to be whole and sound."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

import httpx2
import msgspec
from msgspec import Meta, Raw, Struct

from inference.chunk import Chunk, Usage
from inference.cloud import answer, connection, refusal
from inference.errors import ProviderFailed
from settings_app.endpoints import Endpoint
from settings_app.snapshot import Provider

DONE = b"[DONE]"
MOST_CHOICES = 1024  # in one answer; OpenAI's own limit is 128

_encode = msgspec.json.Encoder().encode

Count = Annotated[int, Meta(ge=0, lt=2**31)]  # as the log has room for


class _Details(Struct):
    cached_tokens: Count | None = None


class _Usage(Struct):
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    prompt_tokens_details: _Details | None = None


class _Choice(Struct):
    index: Annotated[int, Meta(ge=0, lt=MOST_CHOICES)] = 0
    delta: dict[str, Any] | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Said(Struct):
    """What is looked at of an answer or a piece of one; all of it is passed on. `data`: embeddings."""

    choices: list[_Choice] | None = None
    data: list[Raw] | None = None
    usage: _Usage | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Said).decode


def headers(provider: Provider) -> dict[str, str]:
    return {"authorization": f"Bearer {provider.api_key}"}


async def ask(
    client: httpx2.AsyncClient,
    provider: Provider,
    endpoint: Endpoint,
    body: dict[str, Any],
    *,
    streamed: bool,
) -> AsyncGenerator[Chunk, None]:
    """Raises ProviderFailed, also for a stream that ends before it said why."""
    path = endpoint.path.removeprefix("/v1")
    async with connection.send(client, provider, "POST", path, headers(provider), _encode(body)) as response:
        if not streamed:
            yield _whole(provider, endpoint, await answer.content(provider, response))
            return
        async with aclosing(answer.events(provider, response)) as events:
            preamble = answer.Preamble(provider)
            begun: set[int] = set()
            ended: set[int] = set()
            async for data in events:
                if data == DONE:
                    break
                piece, said = _piece(provider, data)
                begun |= {choice.index for choice in said.choices or ()}
                ended |= {choice.index for choice in said.choices or () if choice.finish_reason}
                preamble.take(data, piece.made)
                yield piece
            if not begun or begun - ended:
                raise answer.garbled(provider, "ended its answer without a finish reason")
            await answer.read_out(events)


def _whole(provider: Provider, endpoint: Endpoint, content: bytes) -> Chunk:
    """Passed on as it came: 58 MiB of numbers that are taken apart hold up everyone for 1.1 s, and else for 0.5."""
    try:
        content.decode()  # msgspec does not look into what it skips
        said = _decode(content)
    except msgspec.ValidationError:
        raise _no_answer(provider) from None
    except answer.NO_JSON:
        raise answer.no_json(provider) from None
    _check(provider, said)
    if not (said.data if endpoint.key == "embeddings" else said.choices):
        raise answer.garbled(provider, "answered without what was asked for")
    return Chunk(Raw(content), finish_reason=_finish_reason(said), usage=_usage(said))


def _piece(provider: Provider, data: bytes) -> tuple[Chunk, _Said]:
    found = answer.decoded(provider, data)
    try:
        said = msgspec.convert(found, _Said)
    except msgspec.ValidationError:
        raise _no_answer(provider) from None
    _check(provider, said)
    made = sum(1 for choice in said.choices or () if choice.text or _speaks(choice.delta))
    return Chunk(found, made=made, finish_reason=_finish_reason(said), usage=_usage(said)), said


def _check(provider: Provider, said: _Said) -> None:
    """Raises ProviderFailed for an error in the place of an answer."""
    if said.error:
        raise refusal.said_inside(provider, {"error": said.error})


def _no_answer(provider: Provider) -> ProviderFailed:
    return answer.garbled(provider, "answered with JSON that is no answer")


def _speaks(delta: dict[str, Any] | None) -> bool:
    """A role alone, or an empty text, is no token yet."""
    return any(value for name, value in (delta or {}).items() if name != "role")


def _finish_reason(said: _Said) -> str:
    return next((choice.finish_reason for choice in said.choices or () if choice.finish_reason), "")


def _usage(said: _Said) -> Usage | None:
    usage = said.usage
    if usage is None:
        return None
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    return Usage(usage.prompt_tokens or 0, cached or 0, usage.completion_tokens or 0)
