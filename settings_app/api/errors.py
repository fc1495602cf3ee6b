"""What goes wrong in /api, said in the shape that django-ninja gives its own errors: `{"detail": …}`."""

import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

log = logging.getLogger(__name__)

REFUSAL = {
    "title": "Refusal",
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "description": "A sentence; or for a value that is refused one for each field, named by `loc`.",
            "anyOf": [
                {"type": "string"},
                {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["loc", "msg"],
                        "properties": {"loc": {"type": "array"}, "msg": {"type": "string"}},
                    },
                },
            ],
        }
    },
}
ANY = {
    401: "Nobody is signed in, and no administrator's key was sent.",
    403: "The CSRF token is missing.",
    422: "A value is refused.",
    500: "The server failed; its log has the reason.",
    503: "What runs cannot be asked now.",
}
WITH_BODY = {400: "The body is no JSON.", 413: "The body is too large."}


def add_handlers(api: NinjaAPI) -> None:
    """A refused setting is a 422 with a message per field; our own fault a 500 that tells the log, not the client."""

    def refused(request: HttpRequest, error: Any) -> HttpResponse:
        return api.create_response(request, {"detail": _details(request, error)}, status=422)

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


def describe(document: dict[str, Any]) -> None:
    """Puts into an OpenAPI document what any call may be refused with; ninja knows only what calls say themselves."""
    document["components"]["schemas"]["Refusal"] = REFUSAL
    for path, operations in document["paths"].items():
        for operation in operations.values():
            reasons = {
                **ANY,
                **(WITH_BODY if "requestBody" in operation else {}),
                **({404: "There is no such row."} if "{" in path else {}),
            }
            for status, reason in reasons.items():
                operation["responses"].setdefault(status, refusal(reason))


def refusal(reason: str) -> dict[str, Any]:
    """A response of an OpenAPI document; for what but a few calls answer, in their `openapi_extra`."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {"description": reason, "content": content}


def _details(request: HttpRequest, error: ValidationError) -> list[dict[str, object]]:
    where = "query" if request.method == "GET" else "body"
    by_field = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    return [
        {"type": "value_error", "loc": [where, field], "msg": message}
        for field, messages in by_field.items()
        for message in messages
    ]
