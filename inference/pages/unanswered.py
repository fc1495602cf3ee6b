"""What a page says when the event loop, where requests and models live, does not answer it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from inference.errors import Busy, Draining


class UnansweredMiddleware:
    """503 and when to come again, for any page that asks the loop."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Busy | Draining):
            return None
        answer = render(request, "503.html", {"why": exception.message}, status=exception.status)
        answer["retry-after"] = exception.headers["retry-after"]
        return answer
