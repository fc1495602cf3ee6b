"""What goes wrong in /api, said in the shape that django-ninja gives its own errors: `{"detail": …}`."""

import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

log = logging.getLogger(__name__)


def add_handlers(api: NinjaAPI) -> None:
    """A refused setting is a 422 with a message per field; our own fault a 500 that tells the log, not the client."""

    def refused(request: HttpRequest, error: Any) -> HttpResponse:
        return api.create_response(request, {"detail": _details(error)}, status=422)

    def too_large(request: HttpRequest, error: Any) -> HttpResponse:
        return api.create_response(request, {"detail": "The body is too large."}, status=413)

    def failed(request: HttpRequest, error: Any) -> HttpResponse:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
        return api.create_response(
            request, {"detail": "The server failed; its log has the reason."}, status=500
        )

    api.add_exception_handler(ValidationError, refused)
    api.add_exception_handler(RequestDataTooBig, too_large)
    api.add_exception_handler(Exception, failed)


def _details(error: ValidationError) -> list[dict[str, object]]:
    by_field = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    return [
        {"type": "value_error", "loc": ["body", field], "msg": message}
        for field, messages in by_field.items()
        for message in messages
    ]
