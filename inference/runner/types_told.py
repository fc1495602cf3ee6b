"""What mlx_lm's parsers are told of the types of arguments.

Those that read arguments from texts without quotes go by a property's `type` and see neither what a reference leads to
nor, some of them, what unions are made of: "5" for an integer or null would stay a text.
"""

from collections.abc import Callable
from typing import Any

from inference.runner.branches import branches_of
from inference.runner.members import NoForm

# These read "null" as null wherever it stands; to the others a text is a text.
NULL_ANYWHERE = {"qwen3_coder", "minimax_m2", "minicpm5"}


def tools_told(tools: list[dict[str, Any]], parser: Callable[..., Any]) -> list[dict[str, Any]]:
    """The tools, with the type of an argument where it has one and does not say it in so many words."""
    return [_tool(tool, parser) for tool in tools]


def told(property: Any, root: Any, parser: Callable[..., Any]) -> Any:
    """A property in the same way; `root`: where its references lead."""
    if not isinstance(property, dict) or isinstance(property.get("type"), str):
        return property
    try:
        types = set().union(*(branch.types for branch in branches_of(property, root, "")))
    except NoForm:
        return property
    if "null" in types and parser.__module__.rsplit(".", 1)[-1] not in NULL_ANYWHERE:
        return property
    types -= {"null", "integer"} if "number" in types else {"null"}
    return {"type": types.pop()} if len(types) == 1 and types != {"any"} else property


def _tool(tool: dict[str, Any], parser: Callable[..., Any]) -> dict[str, Any]:
    function = tool["function"]
    parameters = function.get("parameters")
    properties = (parameters or {}).get("properties")
    if not isinstance(properties, dict):
        return tool
    known = {name: told(property, parameters, parser) for name, property in properties.items()}
    return {**tool, "function": {**function, "parameters": {**parameters, "properties": known}}}
