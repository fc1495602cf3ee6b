"""What is said when a request to /v1/responses fails: OpenAI's envelope, with the fields under their names here."""

from typing import Any

from inference.errors import ApiError

# By a chat's name for it, under which whoever serves the request knows it.
FIELDS = {
    "messages": "input",
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
}


def body(error: ApiError, **more: Any) -> dict[str, Any]:
    found = error.body(**more)
    name = error.param or ""
    for chat, here in FIELDS.items():
        if name == chat or name.startswith((f"{chat}.", f"{chat}[")):
            found["error"]["param"] = here
    return found
