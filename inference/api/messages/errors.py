"""What is said when a request to /v1/messages fails: Anthropic's envelope and types, with what OpenAI's has besides."""

from dataclasses import asdict
from typing import Any

from inference.api.field_names import named
from inference.cloud.refusal import ANTHROPICS
from inference.errors import ApiError

FIELDS = {  # by a chat's names
    "tool_choice.function.name": "tool_choice.name",
    "function.parameters": "input_schema",
    "max_completion_tokens": "max_tokens",
    "stop": "stop_sequences",
    "response_format": "output_config.format",
    "reasoning_effort": "output_config.effort",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "user": "metadata.user_id",
    "chat_template_kwargs": "thinking",
}
_TYPES = {status: type for type, status in ANTHROPICS.items()}


def body(request_id: str, error: ApiError, **more: Any) -> dict[str, Any]:
    found = {**error.body(**more)["error"], "type": _type(error), **asdict(named(error, FIELDS))}
    return {"type": "error", "error": found, "request_id": request_id}


def _type(error: ApiError) -> str:
    said = error.type if error.type in ANTHROPICS else "api_error"
    return _TYPES.get(error.status, said)
