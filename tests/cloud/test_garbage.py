"""Whatever a provider says, it is passed on or refused as its fault: nothing else comes of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx2
import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inference.chunk import Chunk
from inference.cloud import answer, openai, refusal
from inference.cloud.anthropic import reply
from inference.cloud.anthropic.stream import KNOWN, Translation
from inference.errors import ProviderFailed
from settings_app.endpoints import BY_KEY
from settings_app.snapshot import Provider
from tests.provider import KEY

AFAR = Provider(1, "Afar", "openai", "https://api.example.com", KEY, False, "")
NAMES = st.sampled_from(
    [
        *(
            "choices",
            "delta",
            "message",
            "content",
            "text",
            "finish_reason",
            "index",
            "usage",
            "error",
            "code",
            "type",
        ),
        *(
            "prompt_tokens",
            "completion_tokens",
            "prompt_tokens_details",
            "cached_tokens",
            "data",
            "detail",
            "param",
        ),
        *(
            "content_block",
            "stop_reason",
            "input_tokens",
            "output_tokens",
            "partial_json",
            "input",
            "id",
            "name",
        ),
    ]
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
KINDS = st.sampled_from(
    [*KNOWN, "error", "text", "tool_use", "thinking", "text_delta", "input_json_delta", "ping"]
)
SAID = st.recursive(
    PLAIN | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


def encoded(said: Any) -> bytes:
    return msgspec.json.encode(said)


def passed_on(*chunks: Chunk) -> None:
    for chunk in chunks:
        sent = msgspec.json.decode(msgspec.json.encode(chunk.data))
        assert sent is None if chunk.data is None else isinstance(sent, dict)
        assert chunk.made >= 0
        assert isinstance(chunk.finish_reason, str)
        assert chunk.usage is None or min(vars(chunk.usage).values()) >= 0


@settings(deadline=None)
@given(SAID, st.booleans())
@example({"choices": [{"index": -1}]}, False)
@example({"data": [1], "choices": [{}]}, True)
def test_of_openais_protocol(said: Any, streamed: bool) -> None:
    try:
        if streamed:
            passed_on(openai._piece(AFAR, encoded(said))[0])
        else:
            passed_on(openai._whole(AFAR, BY_KEY["chat"], encoded(said)))
    except ProviderFailed as failed:
        assert 400 <= failed.status < 600
        assert KEY not in encoded(failed.body()).decode()


@settings(deadline=None)
@given(st.lists(SAID, max_size=4), st.booleans())
@example([{"type": "content_block_start", "content_block": {"type": "tool_use", "input": [1]}}], True)
@example([{"type": "message_start"}, {"type": "message_delta", "usage": {}}, {"type": "message_stop"}], True)
def test_of_anthropics_protocol(said: list[Any], with_usage: bool) -> None:
    translation = Translation(AFAR, with_usage)
    try:
        for event in said:
            passed_on(*translation.take(encoded(event)))
        for whole in said:
            passed_on(reply.translated(AFAR, whole))
    except ProviderFailed as failed:
        assert 400 <= failed.status < 600


@settings(deadline=None)
@given(
    st.integers(200, 599), SAID | st.just({"error": {"message": KEY, "type": KEY, "code": KEY, "param": KEY}})
)
def test_of_a_refusal(status: int, said: Any) -> None:
    failed = refusal.refused(
        AFAR, status, {"location": f"https://{KEY}.example/", "retry-after": KEY}, encoded(said)
    )
    assert 400 <= failed.status < 600
    assert failed.cause in ("", "error", "overload", "timeout")
    assert KEY not in encoded(failed.body()).decode() + str(failed.headers)
    assert len(encoded(failed.body())) < 20_000


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([b"data: a", b"data:b", b"data", b":c", b"event: x", b"", b"\r", b"d\xff"]),
        max_size=9,
    ),
    st.lists(st.integers(1, 9), max_size=9),
)
def test_events_are_the_same_however_they_are_cut(lines: list[bytes], cuts: list[int]) -> None:
    sent = b"\n".join(lines)
    pieces = []
    rest = sent
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    assert asyncio.run(read([*pieces, rest])) == asyncio.run(read([sent]))


async def read(pieces: list[bytes]) -> list[bytes]:
    async def body() -> AsyncGenerator[bytes, None]:
        for piece in pieces:
            yield piece

    response = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body())
    async with aclosing(answer.events(AFAR, response)) as events:
        return [event async for event in events]
