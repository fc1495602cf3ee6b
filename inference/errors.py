"""Every refusal and failure that a client of /v1 can meet: status and wire shape are decided here alone.

ApiError
├── Refusal                   the request was not begun; the log says "rejected"
│   ├── InvalidRequest    400   the body, or what it asks of this model
│   ├── Unauthorized      401
│   ├── Forbidden         403   another origin
│   ├── NotFound          404   unknown path
│   │   └── ModelNotFound       unknown model
│   ├── MethodNotAllowed  405
│   ├── BodyTooLate       408   the only one that says the client was slow
│   ├── BodyTooLarge      413
│   ├── ComeAgain               with a Retry-After
│   │   ├── QueueFull     429
│   │   ├── Unattainable  503   the queue alone would take longer than the deadline
│   │   ├── Busy          503   the event loop does not answer another thread
│   │   └── Draining      503   the server is going down
│   ├── InsufficientMemory 503  the model does not fit in the pool's memory
│   └── Unroutable        503   all rules that match name a provider that cannot be used
├── DeadlineExceeded      504   in-band once the stream has begun
├── Cancelled             410   by the operator; in-band once the stream has begun
├── RunnerFailed          503   in-band once the stream has begun
├── ProviderFailed        the provider's own status, or 502, 503, 504; in-band once the stream has begun
└── InternalError         500   in-band once the stream has begun
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

OUR_FAULT = "The server failed on this request; its log has the reason under the request id."


class ApiError(Exception):
    """`extra` are keys beside OpenAI's own in the error object. `log_status` is one of RequestLog.Status.

    `log_code` is what the log says of it: no word of a client or a provider that is not known to be harmless.
    `cause`: for which fallbacks of a routing rule it makes way (error, overload, timeout); "" is for none.
    """

    status: int = 500
    cause: str = "error"
    type: str = "server_error"
    log_status: str = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.log_code = code or ""
        self.param = param
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def body(self, **more: Any) -> dict[str, Any]:
        """OpenAI's error envelope, the same in a JSON answer and inside a stream."""
        error = {"message": self.message, "type": self.type, "code": self.code, "param": self.param}
        return {"error": {**error, **self.extra, **more}}


class Refusal(ApiError):
    cause = ""
    type = "invalid_request_error"
    log_status = "rejected"


class InvalidRequest(Refusal):
    status = 400


class Unauthorized(Refusal):
    status = 401


class Forbidden(Refusal):
    status = 403


class NotFound(Refusal):
    status = 404


class ModelNotFound(NotFound):
    """`known`: the names of the models that are there."""

    cause = "error"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = ", ".join(known) or "none; add one with manage.py add_model"
        super().__init__(
            f"The model {name[:200]!r} does not exist. Known: {names}.",
            code="model_not_found",
            param="model",
        )


class MethodNotAllowed(Refusal):
    status = 405


class BodyTooLate(Refusal):
    status = 408


class BodyTooLarge(Refusal):
    status = 413


class ComeAgain(Refusal):
    """It can be done later. `retry_after`: seconds after which there should be a place, or time, or a server."""

    status = 503
    type = "overloaded_error"
    word: str  # its code

    def __init__(self, message: str, *, retry_after: float) -> None:
        headers = {"retry-after": str(math.ceil(retry_after)), "x-should-retry": "true"}
        super().__init__(message, code=self.word, headers=headers)


class QueueFull(ComeAgain):
    cause = "overload"
    status = 429
    type = "rate_limit_error"
    word = "queue_full"


class Unattainable(ComeAgain):
    """Admission: better told now than after a wait."""

    cause = "overload"
    word = "deadline_unattainable"


class Busy(ComeAgain):
    """Met by pages and the API, which run beside the event loop and ask it."""

    word = "busy"

    def __init__(self) -> None:
        super().__init__("The server is too busy to answer. Nothing was changed; try again.", retry_after=5)


class Draining(ComeAgain):
    word = "draining"

    def __init__(self) -> None:
        super().__init__("The server is stopping. Try again when it is back.", retry_after=10)


class InsufficientMemory(Refusal):
    """The model does not fit beside what may not be unloaded. `extra`: need, have and holders."""

    cause = "overload"
    status = 503
    type = "overloaded_error"

    def __init__(self, message: str, *, extra: Mapping[str, Any]) -> None:
        headers = {"x-should-retry": "false"}
        super().__init__(message, code="insufficient_memory", extra=extra, headers=headers)


class Unroutable(Refusal):
    status = 503
    type = "server_error"

    def __init__(self, message: str) -> None:
        headers = {"x-should-retry": "false"}
        super().__init__(message, code="provider_unavailable", param="model", headers=headers)


class DeadlineExceeded(ApiError):
    """504 and not 408, which says that the client was slow. Official clients retry a 5xx unless told not to."""

    cause = "timeout"
    status = 504
    type = "timeout_error"
    log_status = "timeout"

    def __init__(self, message: str, *, extra: Mapping[str, Any]) -> None:
        super().__init__(message, code="deadline_exceeded", extra=extra, headers={"x-should-retry": "false"})


class Cancelled(ApiError):
    """The operator ended it. A 4xx, and none that anybody takes for a reason to try again: clients and proxies that do
    not know `x-should-retry` retry 408, 409, 425, 429 and 5xx by themselves; 499 says that the client left.
    """

    cause = ""
    status = 410
    type = "cancelled_error"
    log_status = "cancelled"

    def __init__(self, message: str, *, extra: Mapping[str, Any]) -> None:
        super().__init__(message, code="cancelled", extra=extra, headers={"x-should-retry": "false"})


class RunnerFailed(ApiError):
    """The process that holds the model ended, or could not load it."""

    status = 503

    def __init__(self, message: str, *, retry: bool = True) -> None:
        headers = {"x-should-retry": "true" if retry else "false"}
        super().__init__(message, code="runner_failed", headers=headers)


class ProviderFailed(ApiError):
    """A cloud provider refused, failed, or said what cannot be read. `provider_status`: its own; None if it gave none.

    No `cause`: it is the client's request that it cannot take.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        cause: str,
        status: int = 502,
        provider_status: int | None = None,
        type: str = "server_error",
        code: str = "provider_failed",
        log_code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        extra = {"provider": provider, "provider_status": provider_status}
        super().__init__(message, code=code, param=param, headers=headers, extra=extra)
        self.status = status
        self.provider_status = provider_status
        self.log_code = code if log_code is None else log_code
        self.type = type
        self.cause = cause
        self.log_status = "error" if cause else "rejected"


class InternalError(ApiError):
    status = 500
