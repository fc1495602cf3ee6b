"""The client that loads servers, in a process of its own: what it costs is measured beside them.

It keeps what comes and when, and reads it only when all of it is there.
"""

import asyncio
import re
import time
from typing import Any

import uvloop

from bench.client import CHAT, Answer, Client, chat, own_cost
from bench.moments import Told, moments, percentile
from bench.worker import answer

LONG_ROWS, SHORT_TOKENS = 8, 8
EVERY_SECONDS = 1 / 8
BEGIN_SECONDS = 1.0  # until those that decode meanwhile do so
_TEXT = re.compile(rb'"(?:content|text|reasoning_content)": ?"[^"]')
_USAGE = re.compile(rb'"completion_tokens": ?(\d+)')
_PROMPT = re.compile(rb'"prompt_tokens": ?(\d+)')
USAGE = {"stream_options": {"include_usage": True}}


def main() -> None:
    answer(_do)


def _do(job: dict[str, Any]) -> dict[str, Any]:
    before = time.process_time()
    found: dict[str, Any] = uvloop.run(globals()[f"_{job['do']}"](job))
    return {**found, "client_cpu_seconds": time.process_time() - before}


async def _bursts(job: dict[str, Any]) -> dict[str, Any]:
    """So many requests at once, and when all are answered the next so many. `seconds`: while there were any."""
    client = Client(job["url"])
    told: list[Told] = []
    seconds = 0.0
    for texts in job["bursts"]:
        began = time.monotonic()
        asked = [_ask(client, job, text, job["tokens"], began) for text in texts]
        came = await asyncio.gather(*asked)
        seconds += max(answer.pieces[-1][0] for _, answer in came) - began
        told += [_told(answer, sent, job["streamed"]) for sent, answer in came]
    return moments(told, seconds)


async def _arrivals(job: dict[str, Any]) -> dict[str, Any]:
    """Short requests, eight a second, first with nothing else to do and then while eight long ones decode."""
    client = Client(job["url"])
    idle = await _arriving(client, job, job["idle"])
    longs = [
        asyncio.create_task(_decode_forever(client, job, text)) for text in job["long"]
    ]  # their text is not kept
    await asyncio.sleep(BEGIN_SECONDS)
    try:
        busy = await _arriving(client, job, job["busy"])
    finally:
        for task in longs:
            task.cancel()
        await asyncio.gather(*longs, return_exceptions=True)
    return {
        f"{name}_p{percent}": percentile(values, percent)
        for name, values in (("idle", idle), ("busy", busy))
        for percent in (50, 99)
    }


async def _prefix(job: dict[str, Any]) -> dict[str, Any]:
    """Pairs of prompts that begin alike. The first one of a pair is new to the server."""
    client = Client(job["url"])
    took: tuple[list[float], list[float]] = ([], [])
    prompt_tokens = 0
    for pair in job["pairs"]:
        for text, values in zip(pair, took, strict=True):
            sent, answer = await _ask(client, {**job, "streamed": True}, text, SHORT_TOKENS, time.monotonic())
            values.append((_told(answer, sent, True).moments[0] - sent) * 1000)
            prompt_tokens = int(_PROMPT.findall(answer.raw)[-1])
    return {
        "first_ms": percentile(took[0], 50),
        "second_ms": percentile(took[1], 50),
        "prompt_tokens": prompt_tokens,
    }


async def _own_cost(job: dict[str, Any]) -> dict[str, Any]:
    return {"took_ms": [seconds * 1000 for seconds in await own_cost(job["count"])]}


async def _ask(
    client: Client, job: dict[str, Any], text: str, tokens: int, sent: float
) -> tuple[float, Answer]:
    streamed = {"stream": True, **USAGE} if job["streamed"] else {}
    answer = await client.post(CHAT, **chat(text), **streamed, max_tokens=tokens, model=job["model"])
    return sent, answer


async def _arriving(client: Client, job: dict[str, Any], texts: list[str]) -> list[float]:
    """Milliseconds until the first text of each."""
    asked = []
    for text in texts:
        sent = time.monotonic()
        asked.append(asyncio.create_task(_ask(client, {**job, "streamed": True}, text, SHORT_TOKENS, sent)))
        await asyncio.sleep(EVERY_SECONDS)
    return [
        (_told(answer, sent, True).moments[0] - sent) * 1000 for sent, answer in await asyncio.gather(*asked)
    ]


async def _decode_forever(client: Client, job: dict[str, Any], text: str) -> None:
    while True:
        await client.follow(CHAT, **chat(text), max_tokens=job["long_tokens"], model=job["model"])


def _told(answer: Answer, sent: float, streamed: bool) -> Told:
    raw = answer.raw
    if not raw.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")) or not _USAGE.search(raw):
        raise RuntimeError(f"no answer: {raw[:500]!r}")
    came = [at for at, data in answer.pieces if _TEXT.search(data)] if streamed else []
    return Told(sent, came or [answer.pieces[-1][0]], int(_USAGE.findall(raw)[-1]))


if __name__ == "__main__":
    main()
