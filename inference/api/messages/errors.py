"""What is said when a request to /v1/messages fails: Anthropic's envelope and types, with what OpenAI's has besides."""

from typing import Any

from inference.cloud.refusal import ANTHROPICS
from inference.errors import ApiError

# By a chat's name for it, under which whoever serves the request knows it.
FIELDS = {
    "max_completion_tokens": "max_tokens",
    "stop": "stop_sequences",
    "response_format": "output_config.format",
    "reasoning_effort": "output_config.effort",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "user": "metadata.user_id",
}
_TYPES = {status: type for type, status in ANTHROPICS.items()}


def body(request_id: str, error: ApiError, **more: Any) -> dict[str, Any]:
    found = {**error.body(**more)["error"], "type": _type(error)}
    found["param"] = FIELDS.get(error.param or "", error.param)
    return {"type": "error", "error": found, "request_id": request_id}


def _type(error: ApiError) -> str:
    said = error.type if error.type in ANTHROPICS else "api_error"
    return _TYPES.get(error.status, said)
