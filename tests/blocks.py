"""The blocks of Anthropic's messages, as the test's provider says them, signs them, and takes them back."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

Block = dict[str, Any]

MESSAGE: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "large"}
USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 5,
    "cache_read_input_tokens": 20,
    "output_tokens": 8,
    "service_tier": "standard",
}
REDACTED: Block = {"type": "redacted_thinking", "data": "sealed-7f3a"}


def signature(thought: str) -> str:
    return f"signed-{hashlib.sha256(thought.encode()).hexdigest()[:16]}"


def thinking(thought: str, *, shown: bool = True) -> Block:
    """`shown` False: only who signed it knows what was thought."""
    return {"type": "thinking", "thinking": thought if shown else "", "signature": signature(thought)}


def text(said: str, **more: Any) -> Block:
    return {"type": "text", "text": said, **more}


def use(id: str, name: str = "weather", **given: Any) -> Block:
    return {"type": "tool_use", "id": id, "name": name, "input": given}


def result(id: str, said: str) -> Block:
    return {"type": "tool_result", "tool_use_id": id, "content": said}


def message(blocks: Sequence[Block], stop_reason: str, **more: Any) -> list[bytes]:
    """A whole answer, as a provider's `body`."""
    said = {**MESSAGE, "content": blocks, "stop_reason": stop_reason, "stop_sequence": None, "usage": USAGE}
    return [json.dumps({**said, **more}).encode()]


def events(blocks: Sequence[Block], stop_reason: str) -> list[Any]:
    """The same in a stream, as a provider's `events`."""
    begun = {**MESSAGE, "content": [], "stop_reason": None, "stop_sequence": None, "usage": USAGE}
    ending = {"stop_reason": stop_reason, "stop_sequence": None}
    grown = [event for index, block in enumerate(blocks) for event in grows(index, *_pieces(block))]
    return [
        {"type": "message_start", "message": begun},
        {"type": "ping"},
        *grown,
        {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 44}},
        {"type": "message_stop"},
    ]


def grows(index: int, block: Block, *deltas: Block) -> list[Block]:
    """The events of one block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def refusal(asked: dict[str, Any]) -> str:
    """What Anthropic says to a conversation whose thinking is not as it signed it; "" to all others."""
    turns = [turn for turn in asked.get("messages", ()) if isinstance(turn["content"], list)]
    for place, turn in enumerate(asked.get("messages", ())):
        for index, block in enumerate(turn["content"] if turn in turns else ()):
            if not _is_its_own(block):
                where = f"messages.{place}.content.{index}"
                return f"{where}: Invalid `signature` in `{block['type']}` block"
    thinks = asked.get("thinking", {}).get("type") in ("enabled", "adaptive")
    answers = turns and turns[-1]["role"] == "user" and turns[-1]["content"][0]["type"] == "tool_result"
    if not (thinks and answers):
        return ""
    place, last = max((n, turn) for n, turn in enumerate(asked["messages"]) if turn["role"] == "assistant")
    first = last["content"][0]["type"]
    if first in ("thinking", "redacted_thinking"):
        return ""
    return (
        f"messages.{place}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When "
        "`thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost "
        "set of `tool_use` and `tool_result` blocks)."
    )


def _is_its_own(block: Block) -> bool:
    if block["type"] == "redacted_thinking":
        return bool(block == REDACTED)
    if block["type"] != "thinking":
        return True
    signed = str(block.get("signature", ""))
    return signed == signature(block["thinking"]) or (
        block["thinking"] == "" and signed.startswith("signed-")
    )


def _pieces(block: Block) -> list[Block]:
    """A block as it begins, and what it grows by."""
    match block["type"]:
        case "thinking":
            halves = [{"type": "thinking_delta", "thinking": half} for half in _halves(block["thinking"])]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return [{**block, "thinking": "", "signature": ""}, *halves, signed]
        case "text":
            cited = [{"type": "citations_delta", "citation": each} for each in block.get("citations", ())]
            halves = [{"type": "text_delta", "text": half} for half in _halves(block["text"])]
            return [{"type": "text", "text": ""}, *cited, *halves]
        case "tool_use":
            given = [{"type": "input_json_delta", "partial_json": half} for half in _json(block["input"])]
            return [{**block, "input": {}}, *given]
    return [block]


def _json(given: Any) -> list[str]:
    return ["", *_halves(json.dumps(given))] if given else [""]


def _halves(text: str) -> list[str]:
    middle = len(text) // 2
    return [half for half in (text[:middle], text[middle:]) if half]
