"""What is said when a request to /v1/responses fails: OpenAI's envelope, with the fields under their names here."""

from dataclasses import asdict
from typing import Any

from inference.api.field_names import named
from inference.errors import ApiError

FIELDS = {  # by a chat's names
    "tool_choice.function.name": "tool_choice.name",
    "tool_choice.allowed_tools.tools": "tool_choice.tools",
    "logprobs": "include",
    "messages": "input",
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
}


def body(error: ApiError, **more: Any) -> dict[str, Any]:
    return {"error": {**error.body(**more)["error"], **asdict(named(error, FIELDS))}}
