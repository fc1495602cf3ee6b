"""The tools that a model may call, and whether it must, in Anthropic's terms."""

from typing import Any

from inference.errors import InvalidRequest
from inference.tools import NamedChoice, Tool

CHOICES = {"auto": "auto", "none": "none", "required": "any"}


def tool(asked: Tool) -> dict[str, Any]:
    function = asked.function
    described = {"description": function.description} if function.description else {}
    schema = {"type": "object", **(function.parameters or {"properties": {}})}
    strict = {"strict": True} if function.strict else {}
    return {"name": function.name, **described, "input_schema": schema, **strict}


def choice(asked: str | NamedChoice | None, parallel: bool | None, has_tools: bool) -> dict[str, Any] | None:
    """None says nothing: the model may call what it likes. Raises InvalidRequest."""
    if not has_tools:
        if asked not in (None, "auto", "none"):
            raise InvalidRequest("tool_choice is only allowed with tools.", param="tool_choice")
        return None
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
