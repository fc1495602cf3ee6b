"""The functions that a model may call, and whether it must, in a chat's terms."""

from typing import Any, Literal

from msgspec import Struct

from inference.api import body
from inference.errors import InvalidRequest


class Function(Struct, forbid_unknown_fields=True):
    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class NamedChoice(Struct, forbid_unknown_fields=True):
    type: Literal["function"]
    name: str


def tool(index: int, found: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidRequest, which names the place."""
    place = f"tools[{index}]"
    if found.get("type") != "function":
        raise InvalidRequest(
            f"{place}.type: only functions are known here, which the client runs itself; no tool runs at this "
            f"server, and {str(found.get('type'))[:40]!r} is none of them. Leave it out.",
            param=f"{place}.type",
            code="unsupported_tool",
        )
    asked = body.convert(found, Function, place)
    said = {
        "name": asked.name,
        "description": asked.description,
        "parameters": asked.parameters,
        "strict": asked.strict,
    }
    return {"type": "function", "function": {key: value for key, value in said.items() if value is not None}}


def choice(asked: str | NamedChoice | None) -> str | dict[str, Any] | None:
    if isinstance(asked, NamedChoice):
        return {"type": "function", "function": {"name": asked.name}}
    return asked
