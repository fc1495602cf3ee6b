"""JSON in, JSON out: what a body must look like, and what is said when it does not."""

import logging
import re
from typing import Any, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse

from inference.errors import InvalidRequest

log = logging.getLogger(__name__)
T = TypeVar("T")

OURS = ("timeout", "on_deadline")  # fields that no provider knows

_encode = msgspec.json.Encoder().encode
_PLACE = re.compile(r" - at `\$\.?(?P<place>[^`]*)`$")
_NAMED = re.compile(r"field `(?P<name>[^`]+)`")


def decode(request: HttpRequest, kind: type[T]) -> T:
    """The body as `kind`. Raises InvalidRequest, which names the field."""
    try:
        return msgspec.json.decode(request.body, type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is no valid JSON: {error}", code="invalid_json") from None
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply.", code="invalid_json") from None


def convert(found: object, kind: type[T], place: str = "") -> T:
    """What was decoded already, as `kind`. Raises InvalidRequest, which names the field. `place`: where it was."""
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), place) from None


def for_provider(request: HttpRequest) -> dict[str, Any]:
    """The body for a provider: as it came, less what is said to this server alone."""
    found: dict[str, Any] = decode(request, dict)
    return {name: value for name, value in found.items() if name not in OURS}


def json_response(data: Any, status: int = 200) -> HttpResponse:
    content = _encode(data)
    headers = {"content-length": str(len(content))}  # Django's CommonMiddleware, which sets it, is not passed
    return HttpResponse(content, status=status, content_type="application/json", headers=headers)


def log_failure(request_id: str) -> None:
    log.exception("%s failed", request_id)


def _invalid(text: str, above: str = "") -> InvalidRequest:
    """msgspec's "Expected `int`, got `str` - at `$.max_tokens`" in OpenAI's terms."""
    place = _PLACE.search(text)
    path = place["place"] if place else ""
    said = _PLACE.sub("", text)
    named = _NAMED.search(said)
    if named:
        path = f"{path}.{named['name']}" if path else named["name"]
    path = ".".join(filter(None, (above, path))).replace(".[", "[")
    if said.startswith("Object contains unknown field"):
        return InvalidRequest(
            f"{path} is not supported here. Leave it out.", param=path, code="unsupported_parameter"
        )
    if said.startswith(("Expected `null`", "Expected `float` <= 0.0")):
        return InvalidRequest(
            f"{path} is not supported here. Leave it out.", param=path, code="unsupported_parameter"
        )
    if said.startswith("Object missing required field"):
        return InvalidRequest(f"{path} is required.", param=path, code="missing_required_parameter")
    return InvalidRequest(f"{path or 'The body'}: {said}.", param=path or None, code="invalid_value")
