"""What is asked in Anthropic's words of a provider that speaks its protocol: it is passed on as it came, both ways.

So nothing is lost that this version has no name for, and what the provider signed comes back to it unchanged.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx2

from inference.chunk import Chunk, Passed
from inference.cloud.anthropic import count as counts
from inference.cloud.anthropic.exchange import exchange
from settings_app.snapshot import Provider


async def ask(
    client: httpx2.AsyncClient, provider: Provider, body: dict[str, Any], betas: str, *, streamed: bool
) -> AsyncGenerator[Chunk, None]:
    """Raises ProviderFailed.

    What a stream says before its first word is held back until then: if it fails by then another target may answer, and
    no client can take two beginnings.
    """
    held: list[Chunk] = []
    begun = not streamed
    said = exchange(client, provider, _signed(body), streamed=streamed, betas=betas)
    async with aclosing(said):
        async for found, chunks in said:
            for chunk in chunks:
                yield replace(chunk, data=None)  # what it says about the request
            begun = begun or any(chunk.made for chunk in chunks)
            held += [Chunk(Passed(found))] if _can_be_told(found) else []
            if begun:
                for chunk in held:
                    yield chunk
                held.clear()
        for chunk in held:
            yield chunk


async def count(client: httpx2.AsyncClient, provider: Provider, body: dict[str, Any], betas: str) -> int:
    """Raises ProviderFailed."""
    return await counts.count(client, provider, _signed(body), betas)


def _signed(body: dict[str, Any]) -> dict[str, Any]:
    """Less what others thought that answered earlier turns: they do not sign it, and it would refuse the whole."""
    turns = body.get("messages")
    if not isinstance(turns, list):
        return body
    return {**body, "messages": [kept for turn in turns for kept in _kept(turn)]}


def _kept(turn: Any) -> list[Any]:
    """None of it if there is nothing else in it."""
    content = turn.get("content") if isinstance(turn, dict) else None
    if not isinstance(content, list):
        return [turn]
    kept = [block for block in content if not _is_unsigned(block)]
    return [{**turn, "content": kept}] if kept or not content else []


def _is_unsigned(block: Any) -> bool:
    """As this server tells what models think that sign nothing."""
    return isinstance(block, dict) and block.get("type") == "thinking" and block.get("signature") == ""


def _can_be_told(found: Any) -> bool:
    """Its type is the event's name, on a line of its own."""
    return isinstance(found, dict) and str(found.get("type", "")).isidentifier()
