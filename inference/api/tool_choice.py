"""Which tools a model here is offered, and whether it must call one."""

from typing import Literal

import msgspec

from inference.errors import InvalidRequest
from inference.messages import Tools
from inference.tools import NamedChoice, Tool

ToolChoice = Literal["none", "auto", "required"] | NamedChoice


def offered(tools: list[Tool] | None, choice: ToolChoice | None, parallel: bool | None) -> Tools | None:
    """None: the model is told of none. Raises InvalidRequest for what cannot be held to."""
    if not tools:
        if choice not in (None, "none", "auto"):
            raise InvalidRequest("tool_choice is only allowed with tools.", param="tool_choice")
        return None
    _check_choice(choice)
    for index, tool in enumerate(tools):
        _check_strict(index, tool)
    if choice == "none":
        return None
    return Tools([msgspec.to_builtins(tool) for tool in tools], parallel is not False)


def _check_choice(choice: ToolChoice | None) -> None:
    if choice not in (None, "none", "auto"):
        raise InvalidRequest(
            'A model here calls a tool when it sees fit: tool_choice can be "auto" or "none".',
            param="tool_choice",
            code="unsupported_value",
        )


def _check_strict(index: int, tool: Tool) -> None:
    if tool.function.strict:
        place = f"tools[{index}].function.strict"
        raise InvalidRequest(
            f"{place}: a model here is not held to the schema of its arguments. Leave it out, or set it to false.",
            param=place,
            code="unsupported_value",
        )
