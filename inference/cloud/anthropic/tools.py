"""The tools that a model may call, and whether it must, in Anthropic's terms."""

from typing import Any

from inference.errors import InvalidRequest
from inference.tools import AllowedChoice, NamedChoice, Tool

CHOICES = {"auto": "auto", "none": "none", "required": "any"}


class CachedTool(Tool, forbid_unknown_fields=True):
    """`cache_control` is Anthropic's own, for whoever asks for it."""

    cache_control: dict[str, Any] | None = None


def tool(asked: CachedTool) -> dict[str, Any]:
    function = asked.function
    described = {"description": function.description} if function.description else {}
    schema = {"type": "object", **(function.parameters or {"properties": {}})}
    strict = {"strict": True} if function.strict else {}
    cached = {"cache_control": asked.cache_control} if asked.cache_control else {}
    return {"name": function.name, **described, "input_schema": schema, **strict, **cached}


def choice(
    asked: str | NamedChoice | AllowedChoice | None, parallel: bool | None, has_tools: bool
) -> dict[str, Any] | None:
    """None says nothing: the model may call what it likes. Raises InvalidRequest."""
    if not has_tools:
        if asked not in (None, "auto", "none"):
            raise InvalidRequest("tool_choice is only allowed with tools.", param="tool_choice")
        return None
    if isinstance(asked, AllowedChoice):
        asked = asked.allowed_tools.mode  # only these are sent
    if isinstance(asked, NamedChoice):
        found: dict[str, Any] = {"type": "tool", "name": asked.function.name}
    elif asked is not None:
        found = {"type": CHOICES[asked]}
    elif parallel is False:
        found = {"type": "auto"}
    else:
        return None
    one_at_a_time = parallel is False and found["type"] != "none"
    return {**found, "disable_parallel_tool_use": True} if one_at_a_time else found
