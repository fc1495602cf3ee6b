"""What a provider that speaks OpenAI's protocol says, piece by piece, and the official clients of both APIs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic

from tests.protocols import OpenAI
from tests.provider import Provider
from tests.server import Server

USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
PIECE = OpenAI().piece
THINKS = [
    PIECE({"role": "assistant", "content": ""}),
    *(PIECE({"reasoning_content": t}) for t in ("Let", " me")),
]
SAYS = [PIECE({"content": "Look"}), PIECE({"content": "ing."})]


def called(index: int, name: str, *arguments: str) -> list[Any]:
    """A call of a tool, its arguments in pieces."""
    head = {
        "index": index,
        "id": f"call_{index}",
        "type": "function",
        "function": {"name": name, "arguments": ""},
    }
    rest = [{"index": index, "function": {"arguments": text}} for text in arguments]
    return [PIECE({"tool_calls": [call]}) for call in (head, *rest)]


CALLS = [*called(0, "weather", '{"place":', ' "Oslo"}'), *called(1, "clock", "{}")]


def ended(finish_reason: str) -> list[Any]:
    return [PIECE({}, finish_reason), {**PIECE({}), "choices": [], "usage": USAGE}, "[DONE]"]


def whole(message: dict[str, Any], finish_reason: str) -> list[bytes]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    found = {"id": "afar", "object": "chat.completion", "created": 1, "model": "large", "choices": [choice]}
    return [json.dumps({**found, "usage": USAGE}).encode()]


ALL = {
    "reasoning_content": "Let me",
    "content": "Looking.",
    "tool_calls": [
        {
            "id": "call_0",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"place": "Oslo"}'},
        },
        {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": "{}"}},
    ],
}


def turn(arguments: str) -> dict[str, Any]:
    """ALL as a chat has it in an earlier turn; `arguments`: how the weather's are written."""
    functions = [("weather", arguments), ("clock", "{}")]
    calls = [
        {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": given}}
        for number, (name, given) in enumerate(functions)
    ]
    return {"role": "assistant", **ALL, "tool_calls": calls}


def tell(afar: Provider, *, streamed: bool) -> None:
    """Has the provider think, speak and call two tools."""
    if streamed:
        afar.events = [*THINKS, *SAYS, *CALLS, *ended("tool_calls")]
    else:
        afar.body = whole(ALL, "tool_calls")


@contextmanager
def claude(server: Server, **options: Any) -> Iterator[anthropic.Anthropic]:
    options = {"api_key": "not-needed", "max_retries": 0, **options}
    with anthropic.Anthropic(base_url=server.url, **options) as client:
        yield client
