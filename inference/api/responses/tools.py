"""The functions that a model may call, and whether it must, in a chat's terms.

A chat knows no namespaces: there a function of one is called by both names.
"""

from collections.abc import Iterator, Sequence
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


class Namespace(Struct, forbid_unknown_fields=True):
    """Functions that a client keeps together, as Codex does with those of a server of tools."""

    type: Literal["namespace"]
    name: Annotated[str, Meta(min_length=1)]
    tools: list[dict[str, Any]]
    description: str | None = None


class NamedChoice(Struct, forbid_unknown_fields=True, tag_field="type", tag="function"):
    name: str


class AllowedFunction(Struct, forbid_unknown_fields=True):
    type: Literal["function"]
    name: str


class AllowedChoice(Struct, forbid_unknown_fields=True, tag_field="type", tag="allowed_tools"):
    mode: Literal["auto", "required"]
    tools: Annotated[list[AllowedFunction], Meta(min_length=1)]


def functions(asked: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Raises InvalidRequest, which names the place."""
    return [_function(joined(namespace, function.name), function) for namespace, function in _all(asked)]


def namespaced(asked: Sequence[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """The functions that are in a namespace, as a call of each names it, by the names that a chat has for them."""
    return {
        joined(namespace, function.name): {"name": function.name, "namespace": namespace}
        for namespace, function in _all(asked)
        if namespace
    }


def joined(namespace: str | None, name: str) -> str:
    if not namespace:
        return name
    return f"{namespace}{name}" if namespace.endswith("__") else f"{namespace}__{name}"


def _all(asked: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Function]]:
    """Each with the namespace it is in, if it is in one."""
    for index, found in enumerate(asked):
        place = f"tools[{index}]"
        if found.get("type") == "namespace":
            namespace = body.convert(found, Namespace, place)
            for number, inner in enumerate(namespace.tools):
                yield namespace.name, _read(f"{place}.tools[{number}]", inner)
        else:
            yield "", _read(place, found)


def _read(place: str, found: dict[str, Any]) -> Function:
    if found.get("type") != "function":
        raise not_the_clients(place, found.get("type"))
    return body.convert(found, Function, place)


def _function(name: str, asked: Function) -> dict[str, Any]:
    said = {
        "name": name,
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
