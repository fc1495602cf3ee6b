"""How a refusal or a failure is written: in the words of the API that was asked."""

from typing import Any

from inference.api.messages import errors as messages
from inference.api.responses import errors as responses
from inference.errors import ApiError


def body(path: str, request_id: str, error: ApiError) -> dict[str, Any]:
    match path:
        case "/v1/messages":
            return messages.body(request_id, error)
        case "/v1/responses":
            return responses.body(error)
        case _:
            return error.body()
