"""The message of an answer, whole or as it begins, and the blocks in it."""

from typing import Any

import msgspec

from inference.api import said
from inference.api.parts import Part
from inference.api.said import Usage
from inference.call import Call
from inference.cloud.anthropic.ending import FINISH_REASONS

# Anthropic's first word for each of OpenAI's.
STOP_REASONS = {finish: stop for stop, finish in reversed(FINISH_REASONS.items())}


def message(call: Call, **more: Any) -> dict[str, Any]:
    return {
        "id": f"msg_{call.id.removeprefix('req_')}",
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        **more,
    }


def usage(found: Usage) -> dict[str, Any]:
    """What came from a cache or went into one is counted apart there."""
    cached, created = found.cached_tokens, found.cache_creation_tokens
    return {
        "input_tokens": max(found.prompt_tokens - cached - created, 0),
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": created,
        "output_tokens": found.completion_tokens,
        "output_tokens_details": {"thinking_tokens": found.reasoning_tokens},
    }


def ending(call: Call, finish_reason: str, parts: list[Part]) -> dict[str, Any]:
    """Why it stopped. One that is not known is an end like any other; some say `stop` where a tool was called."""
    stop_reason = STOP_REASONS.get(finish_reason, "end_turn")
    if stop_reason == "end_turn" and any(part.kind == "call" for part in parts):
        stop_reason = "tool_use"
    if stop_reason == "end_turn" and call.stopped_by:
        return {"stop_reason": "stop_sequence", "stop_sequence": call.stopped_by}
    return {"stop_reason": stop_reason, "stop_sequence": None}


def opened(part: Part) -> dict[str, Any]:
    """A block with nothing in it yet."""
    match part.kind:
        case "call":
            return {"type": "tool_use", "id": part.call_id, "name": part.name, "input": {}}
        case "reasoning":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case _:
            return {"type": "text", "text": ""}


def block(call: Call, part: Part) -> dict[str, Any]:
    """All of it. Raises ApiError for a tool's arguments that are none."""
    match part.kind:
        case "call":
            return {**opened(part), "input": _input(call, part)}
        case "reasoning":
            return {**opened(part), "thinking": part.text}
        case _:
            return {**opened(part), "text": part.text}


def delta(part: Part, text: str) -> dict[str, Any]:
    match part.kind:
        case "call":
            return {"type": "input_json_delta", "partial_json": text}
        case "reasoning":
            return {"type": "thinking_delta", "thinking": text}
        case _:
            return {"type": "text_delta", "text": text}


def _input(call: Call, part: Part) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(part.text) if part.text.strip() else {}
    except (msgspec.DecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise said.garbled(call, "called a tool with arguments that are no JSON object")
    return found
