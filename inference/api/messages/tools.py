"""The tools that a model may call, and whether it must, in a chat's terms."""

from typing import Any, Literal

from msgspec import Struct

from inference.api import body
from inference.cloud.anthropic.tools import CHOICES
from inference.errors import InvalidRequest
from inference.tools import not_the_clients

_CHATS = {anthropics: chat for chat, anthropics in CHOICES.items()}


class Tool(Struct, forbid_unknown_fields=True):
    name: str
    input_schema: dict[str, Any]
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None
    # says nothing about the answer
    cache_control: dict[str, Any] | None = None


class Choice(Struct, forbid_unknown_fields=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


def tool(index: int, found: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidRequest, which names the place."""
    place = f"tools[{index}]"
    if found.get("type", "custom") not in ("custom", None):
        raise not_the_clients(place, found["type"])
    asked = body.convert(found, Tool, place)
    described = {"description": asked.description} if asked.description else {}
    strict = {"strict": True} if asked.strict else {}
    function = {"name": asked.name, **described, "parameters": asked.input_schema, **strict}
    return {"type": "function", "function": function}


def choice(asked: Choice | None) -> tuple[str | dict[str, Any] | None, bool | None]:
    """Whether tools are called, and whether several at once; None says nothing. Raises InvalidRequest."""
    if asked is None:
        return None, None
    parallel = False if asked.disable_parallel_tool_use else None
    if asked.type != "tool":
        return _CHATS[asked.type], parallel
    if asked.name is None:
        place = "tool_choice.name"
        raise InvalidRequest(f"{place} is required.", param=place, code="missing_required_parameter")
    return {"type": "function", "function": {"name": asked.name}}, parallel
