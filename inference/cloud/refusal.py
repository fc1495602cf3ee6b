"""What a provider says when it refuses or fails: its status and words, in OpenAI's envelope."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from inference.cloud.words import log_code
from inference.errors import ProviderFailed
from settings_app.snapshot import Provider

# Our client sent what the provider cannot take: the next provider would say the same, or something worse.
CLIENTS_FAULT = frozenset({400, 413, 414, 415, 422, 431})
# Of the key or the account that this server has there; the client has neither.
OPERATORS = {
    401: "refused the API key that this server has for it",
    402: "wants payment from the account of this server",
    403: "forbids this to the API key that this server has for it",
    407: "is behind a proxy that wants a password",
}
OVERLOAD = frozenset({429, 503, 529})
TIMEOUT = frozenset({408, 504, 524})
RETRY_HEADERS = ("retry-after", "retry-after-ms", "x-should-retry")

ANTHROPICS = {  # types of errors, and their statuses
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_STATUS = {  # of an error that comes where an answer should, under a status of 200
    **ANTHROPICS,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_error": 500,
}

LONGEST = {"message": 2000, "type": 60, "code": 60, "param": 200}  # characters
_TYPES = {429: "rate_limit_error", 503: "overloaded_error", 529: "overloaded_error"}


def refused(provider: Provider, status: int, headers: Mapping[str, str], content: bytes) -> ProviderFailed:
    """The error for an answer whose status is not 2xx. `content`: the beginning of its body."""
    if status < 400:
        return _redirected(provider, status, headers)
    return said(provider, status, _decoded(content), headers)


def said(
    provider: Provider, status: int, body: object, headers: Mapping[str, str] | None = None
) -> ProviderFailed:
    """The error for a status and the object that came with it, in whichever of the known shapes."""
    retry = {
        name: _clean(provider, headers[name], 60) for name in RETRY_HEADERS if headers and name in headers
    }
    if status in OPERATORS:
        return ProviderFailed(
            f"Provider {provider.name} {OPERATORS[status]} ({status}). The key of this request has no part in it; "
            "whoever runs this server can mend it in the settings.",
            provider=provider.name,
            provider_status=status,
            cause="error",
            code="provider_auth_failed",
            headers={"x-should-retry": "false"},
        )
    if status in TIMEOUT:
        retry.setdefault(
            "x-should-retry", "false"
        )  # or official clients run it twice more, as long each time
    found = {name: _clean(provider, text, LONGEST[name]) for name, text in _fields(body).items()}
    message = found.get("message", "")
    code = found.get("code") or "provider_failed"
    return ProviderFailed(
        f"Provider {provider.name} answered with {status}{f': {message}' if message else '.'}",
        provider=provider.name,
        provider_status=status,
        status=_ours(status),
        cause=_cause(status),
        type=found.get("type") or _type(status),
        code=code,
        log_code=log_code(code),
        param=found.get("param"),
        headers=retry,
    )


def said_inside(provider: Provider, body: object) -> ProviderFailed:
    """The error for an object that came where an answer should."""
    fields = _fields(body)
    number = fields.get("code", "")
    if len(number) == 3 and number.isdecimal() and 400 <= int(number) < 600:
        return said(provider, int(number), body)
    known = (_STATUS.get(fields.get(name, "")) for name in ("type", "code"))
    return said(provider, next((status for status in known if status), 502), body)


def _redirected(provider: Provider, status: int, headers: Mapping[str, str]) -> ProviderFailed:
    """It is not followed: the key is for the host that the operator named."""
    try:
        target = urlsplit(_clean(provider, headers.get("location", ""), 1000))
        where = f"{target.scheme}://{target.hostname}" if target.hostname else "another path"
    except ValueError:
        where = "nowhere that can be read"
    return ProviderFailed(
        f"Provider {provider.name} answered with {status}, which points to {where[:200]}. Redirects are "
        "not followed: set its base URL to where it is.",
        provider=provider.name,
        provider_status=status,
        cause="error",
        headers={"x-should-retry": "false"},
    )


def _ours(status: int) -> int:
    """408 would say that our client was slow; from 600 on (some proxies say 999) HTTP knows no status."""
    return 504 if status == 408 else status if status < 600 else 502


def _cause(status: int) -> str:
    if status in CLIENTS_FAULT:
        return ""
    if status in OVERLOAD:
        return "overload"
    return "timeout" if status in TIMEOUT else "error"


def _type(status: int) -> str:
    if status in TIMEOUT:
        return "timeout_error"
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")


def _fields(body: object) -> dict[str, str]:
    """`{"error": {…}}` as OpenAI and Anthropic say it, `{"error": "…"}`, `{"message": …}`, `{"detail": "…"}`."""
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return {}
    error = body.get("error")
    if isinstance(error, str):
        return {"message": error}
    found: dict[str, Any] = error if isinstance(error, dict) else body
    if "message" not in found and isinstance(body.get("detail"), str):
        return {"message": body["detail"]}
    if not isinstance(found.get("message"), str):
        found = {**found, "message": ""}
    return {name: str(found[name]) for name in LONGEST if isinstance(found.get(name), str | int)}


def _clean(provider: Provider, text: str, longest: int) -> str:
    """Bounded, on one line, and without the key, which some repeat."""
    if provider.api_key:
        text = text.replace(provider.api_key, "[key]")
    letters = (letter if letter.isprintable() else " " for letter in text[: longest * 2])
    text = " ".join("".join(letters).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _decoded(content: bytes) -> object:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
