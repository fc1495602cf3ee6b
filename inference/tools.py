"""Tools in OpenAI's words: what a model may call, and what it has called; as clients send them."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from inference.errors import InvalidRequest

_PLACE = re.compile(r"tools\[(\d+)\]")


class Function(Struct, forbid_unknown_fields=True, omit_defaults=True):
    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Struct, forbid_unknown_fields=True):
    type: Literal["function"]
    function: Function


class Named(Struct, forbid_unknown_fields=True):
    name: str


class NamedChoice(Struct, forbid_unknown_fields=True, tag_field="type", tag="function"):
    function: Named


class AllowedTool(Struct, forbid_unknown_fields=True):
    type: Literal["function"]
    function: Named


class Allowed(Struct, forbid_unknown_fields=True):
    mode: Literal["auto", "required"]
    tools: Annotated[list[AllowedTool], Meta(min_length=1)]


class AllowedChoice(Struct, forbid_unknown_fields=True, tag_field="type", tag="allowed_tools"):
    """Of all tools these, this time: as the model sees fit, or at least one of them."""

    allowed_tools: Allowed


class Called(Struct, forbid_unknown_fields=True):
    name: str
    arguments: str


class ToolCall(Struct, forbid_unknown_fields=True):
    """What an assistant called in an earlier turn."""

    id: str
    function: Called
    type: Literal["function"] = "function"
    index: int | None = None  # clients that put a stream together keep it


def allowed(tools: Sequence[Tool], choice: AllowedChoice) -> list[int]:
    """The numbers of those that may be called. Raises InvalidRequest."""
    names = [tool.function.name for tool in tools]
    wanted = [tool.function.name for tool in choice.allowed_tools.tools]
    if unknown := [name for name in wanted if name not in names]:
        place = "tool_choice.allowed_tools.tools"
        raise InvalidRequest(f"{place} names {unknown[0]!r}, which is none of the tools.", param=place)
    return [number for number, name in enumerate(names) if name in wanted]


def placed(text: str, numbers: Sequence[int]) -> str:
    """A text that may begin with the place of a tool among some: with its place among all, if `numbers` says it."""
    place = _PLACE.match(text)
    return f"tools[{numbers[int(place[1])]}]{text[place.end() :]}" if place and numbers else text


def not_the_clients(place: str, kind: object) -> InvalidRequest:
    """The error for a tool that would have to run at the server."""
    return InvalidRequest(
        f"{place}.type: only tools that the client runs itself are known here, of its own making; no tool runs at this "
        f"server, and none is built in like {str(kind)[:40]!r}. Leave it out.",
        param=f"{place}.type",
        code="unsupported_tool",
    )


def arguments(place: str, text: str) -> dict[str, Any]:
    """A call's, at that place of the body. Raises InvalidRequest if they are no JSON object."""
    try:
        found = msgspec.json.decode(text) if text.strip() else {}
    except (msgspec.DecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidRequest(f"{place} is no JSON object.", param=place, code="invalid_value")
    return found
