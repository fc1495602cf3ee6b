"""A whole message of Anthropic's as a chat completion."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from inference.chunk import Chunk
from inference.cloud import answer, refusal
from inference.cloud.anthropic import thinking
from inference.cloud.anthropic.block import Block, arguments, known
from inference.cloud.anthropic.ending import Tokens, finish_reason
from settings_app.snapshot import Provider


class _Message(Struct):
    content: list[dict[str, Any]]
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
        blocks = [block for each in message.content if (block := known(each))]
    except msgspec.ValidationError:
        raise answer.garbled(provider, "answered with JSON that is no message") from None
    reason = finish_reason(message.stop_reason)
    choice = {"index": 0, "message": _written(blocks), "logprobs": None, "finish_reason": reason}
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


def _written(blocks: Sequence[Block]) -> dict[str, Any]:
    texts = [block.text for block in blocks if block.type == "text"]
    thoughts = [block for block in blocks if block.type in ("thinking", "redacted_thinking")]
    calls = [_call(block) for block in blocks if block.type == "tool_use"]
    written: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": None,
    }
    if thought := "".join(block.thinking for block in thoughts):
        written["reasoning_content"] = thought
    if thoughts:
        details = [thinking.detail(number, block) for number, block in enumerate(thoughts)]
        written["reasoning_details"] = details
    if calls:
        written["tool_calls"] = calls
    return written


def _call(block: Block) -> dict[str, Any]:
    function = {"name": block.name, "arguments": arguments(block.input)}
    return {"id": block.id, "type": "function", "function": function}
