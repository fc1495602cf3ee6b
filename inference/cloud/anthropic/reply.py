"""A whole message of Anthropic's as a chat completion."""

import time
from typing import Any

import msgspec
from msgspec import Struct

from inference.chunk import Chunk
from inference.cloud import answer, refusal
from inference.cloud.anthropic.ending import Tokens, finish_reason
from settings_app.snapshot import Provider


class Block(Struct):
    """A piece of a message, of one of several types; those that are not known are left out."""

    type: str
    text: str = ""
    thinking: str = ""
    id: str = ""
    name: str = ""
    input: Any = None


class _Message(Struct):
    content: list[Block]
    stop_reason: str
    stop_sequence: str | None = None
    id: str = ""
    model: str = ""
    usage: Tokens = msgspec.field(default_factory=Tokens)


def translated(provider: Provider, found: Any) -> Chunk:
    """Raises ProviderFailed."""
    if isinstance(found, dict) and found.get("type") == "error":
        raise refusal.said_inside(provider, found)
    try:
        message = msgspec.convert(found, _Message)
    except msgspec.ValidationError:
        raise answer.garbled(provider, "answered with JSON that is no message") from None
    reason = finish_reason(message.stop_reason)
    choice = {"index": 0, "message": _written(message), "logprobs": None, "finish_reason": reason}
    data = {
        "id": message.id,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": message.model,
        "choices": [choice],
        "usage": message.usage.told,
    }
    stopped_by = message.stop_sequence or ""
    return Chunk(data, finish_reason=reason, stopped_by=stopped_by, usage=message.usage.usage)


def arguments(given: Any) -> str:
    """A tool's input as OpenAI writes it: JSON in a text."""
    return msgspec.json.encode({} if given is None else given).decode()


def _written(message: _Message) -> dict[str, Any]:
    texts = [block.text for block in message.content if block.type == "text"]
    thoughts = [block.thinking for block in message.content if block.type == "thinking"]
    calls = [
        {
            "id": block.id,
            "type": "function",
            "function": {"name": block.name, "arguments": arguments(block.input)},
        }
        for block in message.content
        if block.type == "tool_use"
    ]
    written: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": None,
    }
    if thoughts:
        written["reasoning_content"] = "".join(thoughts)
    if calls:
        written["tool_calls"] = calls
    return written
