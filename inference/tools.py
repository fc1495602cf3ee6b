"""Tools in OpenAI's words: what a model may call, and what it has called; as clients send them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from inference.errors import InvalidRequest


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


class NamedChoice(Struct, forbid_unknown_fields=True):
    type: Literal["function"]
    function: Named


class Called(Struct, forbid_unknown_fields=True):
    name: str
    arguments: str


class ToolCall(Struct, forbid_unknown_fields=True):
    """What an assistant called in an earlier turn."""

    id: str
    function: Called
    type: Literal["function"] = "function"
    index: int | None = None  # clients that put a stream together keep it


def arguments(place: str, text: str) -> dict[str, Any]:
    """A call's, at that place of the body. Raises InvalidRequest if they are no JSON object."""
    try:
        found = msgspec.json.decode(text) if text.strip() else {}
    except (msgspec.DecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidRequest(f"{place} is no JSON object.", param=place, code="invalid_value")
    return found
