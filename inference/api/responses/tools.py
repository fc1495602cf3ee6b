"""The functions that a model may call, and whether it must, in a chat's terms."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from inference.api import body
from inference.tools import not_the_clients


class Function(Struct, forbid_unknown_fields=True):
    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class NamedChoice(Struct, forbid_unknown_fields=True, tag_field="type", tag="function"):
    name: str


class AllowedFunction(Struct, forbid_unknown_fields=True):
    type: Literal["function"]
    name: str


class AllowedChoice(Struct, forbid_unknown_fields=True, tag_field="type", tag="allowed_tools"):
    mode: Literal["auto", "required"]
    tools: Annotated[list[AllowedFunction], Meta(min_length=1)]


def tool(index: int, found: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidRequest, which names the place."""
    place = f"tools[{index}]"
    if found.get("type") != "function":
        raise not_the_clients(place, found.get("type"))
    asked = body.convert(found, Function, place)
    said = {
        "name": asked.name,
        "description": asked.description,
        "parameters": asked.parameters,
        "strict": asked.strict,
    }
    return {"type": "function", "function": {key: value for key, value in said.items() if value is not None}}


def choice(asked: str | NamedChoice | AllowedChoice | None) -> str | dict[str, Any] | None:
    match asked:
        case NamedChoice(name):
            return _named(name)
        case AllowedChoice(mode, tools):
            allowed = {"mode": mode, "tools": [_named(tool.name) for tool in tools]}
            return {"type": "allowed_tools", "allowed_tools": allowed}
    return asked


def _named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}
