"""What a request to a model would be told, in the shape of /api."""

from typing import Any

from django.http import HttpRequest
from ninja import NinjaAPI

from inference.errors import ApiError


def add_handler(api: NinjaAPI) -> None:
    def refused(request: HttpRequest, error: Any) -> Any:
        answer = api.create_response(request, {"detail": error.message}, status=error.status)
        for name, value in error.headers.items():
            answer[name] = value
        return answer

    api.add_exception_handler(ApiError, refused)
