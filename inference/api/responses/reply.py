"""The response object of an answer, whole or as far as it has come, and the items in it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from inference.api.parts import Part
from inference.api.responses.request import ResponsesRequest
from inference.api.said import Usage
from inference.call import Call

# How an answer ended that is not all there; any other finish reason is its end.
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
PREFIXES = {"reasoning": "rs", "text": "msg", "refusal": "msg", "call": "fc"}


def item_id(call: Call, part: Part) -> str:
    return f"{PREFIXES[part.kind]}_{call.id.removeprefix('req_')}_{part.number}"


def item(call: Call, part: Part, status: str, namespaced: Mapping[str, dict[str, str]]) -> dict[str, Any]:
    """`part` as it stands; empty where it has only just begun. `namespaced`: how functions are named here that a chat
    has another name for.
    """
    head = {"id": item_id(call, part), "status": status}
    content = [written(part)] if part.pieces else []
    match part.kind:
        case "call":
            named = namespaced.get(part.name, {"name": part.name})
            return {**head, "type": "function_call", "call_id": part.call_id, **named, "arguments": part.text}
        case "reasoning":
            return {**head, "type": "reasoning", "summary": [], "content": content}
        case _:
            return {**head, "type": "message", "role": "assistant", "content": content}


def written(part: Part, *, begun: bool = False) -> dict[str, Any]:
    """The content of its item; nothing of it yet where it has only just begun."""
    text = "" if begun else part.text
    match part.kind:
        case "reasoning":
            return {"type": "reasoning_text", "text": text}
        case "refusal":
            return {"type": "refusal", "refusal": text}
        case _:
            told = [] if begun else part.logprobs
            return {"type": "output_text", "text": text, "annotations": [], "logprobs": told}


def usage(said: Usage) -> dict[str, Any]:
    return {
        "input_tokens": said.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": said.cached_tokens,
            "cache_write_tokens": said.cache_creation_tokens,
        },
        "output_tokens": said.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": said.reasoning_tokens},
        "total_tokens": said.prompt_tokens + said.completion_tokens,
    }


def response(call: Call, asked: ResponsesRequest, status: str, **more: Any) -> dict[str, Any]:
    """What was asked is told again, with what held where nothing was said."""
    said = msgspec.to_builtins(asked)
    told = ("instructions", "max_output_tokens", "user", "safety_identifier", "prompt_cache_key")
    given = {
        "temperature": 1.0,
        "top_p": 1.0,
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "metadata": {},
    }
    return {
        "id": f"resp_{call.id.removeprefix('req_')}",
        "object": "response",
        "created_at": call.created,
        "status": status,
        "model": call.model,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "output": [],
        "previous_response_id": None,
        "store": False,
        "truncation": "disabled",
        "top_logprobs": asked.top_logprobs or 0,
        "usage": None,
        **{name: said[name] for name in told},
        **{name: default if said[name] is None else said[name] for name, default in given.items()},
        "reasoning": said["reasoning"] or {"effort": None, "summary": None},
        "text": {"format": (said["text"] or {}).get("format") or {"type": "text"}},
        **more,
    }
