"""Which tools a model here is offered, and whether it must call one."""

from typing import Literal

import msgspec

from inference.errors import InvalidRequest
from inference.messages import Tools
from inference.tools import AllowedChoice, NamedChoice, Tool, allowed

ToolChoice = Literal["none", "auto", "required"] | NamedChoice | AllowedChoice


def offered(tools: list[Tool] | None, choice: ToolChoice | None, parallel: bool | None) -> Tools | None:
    """None: the model is told of none. Raises InvalidRequest for what cannot be held to."""
    if not tools:
        if choice not in (None, "none", "auto"):
            raise InvalidRequest("tool_choice is only allowed with tools.", param="tool_choice")
        return None
    only = choice.function.name if isinstance(choice, NamedChoice) else None
    if only is not None and only not in [tool.function.name for tool in tools]:
        raise InvalidRequest(
            f"tool_choice names {only!r}, which is none of the tools.", param="tool_choice.function.name"
        )
    if choice == "none":
        return None
    mode: object = choice
    if isinstance(choice, AllowedChoice):
        mode, tools = choice.allowed_tools.mode, [tools[number] for number in allowed(tools, choice)]
    return Tools(
        [msgspec.to_builtins(tool) for tool in tools],
        parallel is not False and only is None,  # as OpenAI has it: exactly one call of the one that is named
        required=mode == "required" or only is not None,
        only=only,
    )
