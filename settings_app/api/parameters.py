"""The parameters in a query: those that ninja does not know it would pass over."""

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from ninja import Schema


def check_names(request: HttpRequest, asked: type[Schema]) -> None:
    """Raises ValidationError for a parameter that `asked` has not, with those that it has."""
    known = asked.model_fields
    for name in request.GET:
        if name not in known:
            raise ValidationError({name: f"There is no such parameter. Known: {', '.join(known)}."})
