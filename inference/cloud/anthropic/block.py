"""The pieces of a message of Anthropic's that have a place in a chat."""

from typing import Any

import msgspec
from msgspec import Struct

KNOWN = ("text", "thinking", "redacted_thinking", "tool_use")


class Block(Struct):
    """One of these types."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Any = None


def known(found: dict[str, Any]) -> Block | None:
    """None for one of another type, in which there may be anything. Raises msgspec.ValidationError."""
    return msgspec.convert(found, Block) if found.get("type") in KNOWN else None


def arguments(given: Any) -> str:
    """A tool's input as OpenAI writes it: JSON in a text."""
    return msgspec.json.encode({} if given is None else given).decode()
