"""How a refusal or a failure is written: in the words of the API that was asked."""

from collections.abc import Container
from typing import Any

from inference.api.messages import errors as messages
from inference.api.responses import errors as responses
from inference.errors import ApiError
from settings_app.endpoints import BY_PATH

MESSAGES, RESPONSES = "/v1/messages", "/v1/responses"
VERSION = "anthropic-version"  # the header that Anthropic's clients send


def is_anthropics(path: str, headers: Container[str] = ()) -> bool:
    """Whether Anthropic's API was asked: by a path of its own, or by its client at one that is nobody's alone."""
    return _is_below(MESSAGES, path) or (path not in BY_PATH and VERSION in headers)


def body(path: str, request_id: str, error: ApiError, headers: Container[str] = ()) -> dict[str, Any]:
    if is_anthropics(path, headers):
        return messages.body(request_id, error)
    if _is_below(RESPONSES, path):
        return responses.body(error)
    return error.body()


def _is_below(root: str, path: str) -> bool:
    return path == root or path.startswith(f"{root}/")
