"""Validation errors of the settings in the shape that django-ninja gives its own: 422, a message per field."""

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI


def add_handlers(api: NinjaAPI) -> None:
    def refused(request: HttpRequest, error: ValidationError) -> HttpResponse:
        return api.create_response(request, {"detail": _details(error)}, status=422)

    api.add_exception_handler(ValidationError, refused)


def _details(error: ValidationError) -> list[dict[str, object]]:
    by_field = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    return [
        {"type": "value_error", "loc": ["body", field], "msg": message}
        for field, messages in by_field.items()
        for message in messages
    ]
