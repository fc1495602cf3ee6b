"""Every refusal and failure that a client of /v1 can meet: status and wire shape are decided here alone.

ApiError
├── Refusal                   the request was not begun; the log says "rejected"
│   ├── InvalidRequest    400   the body, or what it asks of this model
│   ├── Unauthorized      401
│   ├── Forbidden         403   another origin
│   ├── NotFound          404   unknown path or model
│   ├── MethodNotAllowed  405
│   ├── BodyTooLate       408   the only one that says the client was slow
│   ├── BodyTooLarge      413
│   ├── QueueFull         429
│   ├── Unattainable      503   the queue alone would take longer than the deadline
│   └── Draining          503   the server is going down
├── DeadlineExceeded      504   in-band once the stream has begun
├── RunnerFailed          503   in-band once the stream has begun
└── InternalError         500   in-band once the stream has begun
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar


class ApiError(Exception):
    """`extra` are keys beside OpenAI's own in the error object. `log_status` is one of RequestLog.Status."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    log_status: ClassVar[str] = "error"

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
        self.param = param
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def body(self, **more: Any) -> dict[str, Any]:
        """OpenAI's error envelope, the same in a JSON answer and inside a stream."""
        error = {"message": self.message, "type": self.type, "code": self.code, "param": self.param}
        return {"error": {**error, **self.extra, **more}}


class Refusal(ApiError):
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


class MethodNotAllowed(Refusal):
    status = 405


class BodyTooLate(Refusal):
    status = 408


class BodyTooLarge(Refusal):
    status = 413


class QueueFull(Refusal):
    """`retry_after`: seconds after which there should be a place."""

    status = 429
    type = "rate_limit_error"

    def __init__(self, message: str, *, retry_after: float) -> None:
        headers = {"retry-after": str(math.ceil(retry_after)), "x-should-retry": "true"}
        super().__init__(message, code="queue_full", headers=headers)


class Unattainable(Refusal):
    """Admission: better told now than after a wait. `retry_after`: seconds after which there should be time."""

    status = 503
    type = "overloaded_error"

    def __init__(self, message: str, *, retry_after: float) -> None:
        headers = {"retry-after": str(math.ceil(retry_after)), "x-should-retry": "true"}
        super().__init__(message, code="deadline_unattainable", headers=headers)


class Draining(Refusal):
    status = 503
    type = "overloaded_error"

    def __init__(self) -> None:
        headers = {"retry-after": "10", "x-should-retry": "true"}
        super().__init__(
            "The server is stopping. Try again when it is back.", code="draining", headers=headers
        )


class DeadlineExceeded(ApiError):
    """504 and not 408, which says that the client was slow. Official clients retry a 5xx unless told not to."""

    status = 504
    type = "timeout_error"
    log_status = "timeout"

    def __init__(self, message: str, *, extra: Mapping[str, Any]) -> None:
        super().__init__(message, code="deadline_exceeded", extra=extra, headers={"x-should-retry": "false"})


class RunnerFailed(ApiError):
    """The process that holds the model ended, or could not load it."""

    status = 503

    def __init__(self, message: str, *, retry: bool = True) -> None:
        headers = {"x-should-retry": "true" if retry else "false"}
        super().__init__(message, code="runner_failed", headers=headers)


class InternalError(ApiError):
    status = 500
