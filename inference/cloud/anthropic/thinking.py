"""Anthropic's blocks of thinking as the reasoning details of a chat, and back: it takes them only as it signed them."""

from collections.abc import Sequence
from typing import Any

from inference.cloud.anthropic.block import Block
from inference.reasoning_details import ENCRYPTED, TEXT, Detail, joined

FORMAT = "anthropic-claude-v1"  # OpenRouter's name for it


def detail(number: int, block: Block) -> dict[str, Any]:
    """Of a block as far as it is said. `number`: its place among those of thinking."""
    head = {"index": number, "format": FORMAT}
    if block.type == "redacted_thinking":
        return {"type": ENCRYPTED, **head, "data": block.data}
    return {"type": TEXT, **head, "text": block.thinking, "signature": block.signature}


def blocks(details: Sequence[Detail]) -> list[dict[str, Any]]:
    """What was signed there. It would refuse what was not, and what others thought is left out."""
    found: list[dict[str, Any]] = []
    for each in joined(details):
        if each.format not in (FORMAT, None):
            continue
        if each.type == TEXT and each.signature:
            found.append({"type": "thinking", "thinking": each.text or "", "signature": each.signature})
        elif each.type == ENCRYPTED and each.data:
            found.append({"type": "redacted_thinking", "data": each.data})
    return found
