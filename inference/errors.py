"""Every refusal and failure that a client of /v1 can meet: status and wire shape are decided here alone.

ApiError
├── InvalidRequest      400   the body, or what it asks of this model
├── Unauthorized        401
├── Forbidden           403   another origin
├── NotFound            404   unknown path or model
├── MethodNotAllowed    405
├── DeadlineExceeded    504   in-band once the stream has begun
├── RunnerFailed        503   in-band once the stream has begun
└── InternalError       500
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class ApiError(Exception):
    """`extra` are keys beside OpenAI's own in the error object."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"

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


class InvalidRequest(ApiError):
    status = 400
    type = "invalid_request_error"


class Unauthorized(ApiError):
    status = 401
    type = "invalid_request_error"


class Forbidden(ApiError):
    status = 403
    type = "invalid_request_error"


class NotFound(ApiError):
    status = 404
    type = "invalid_request_error"


class MethodNotAllowed(ApiError):
    status = 405
    type = "invalid_request_error"


class DeadlineExceeded(ApiError):
    """504 and not 408, which says that the client was slow. Official clients retry a 5xx unless told not to."""

    status = 504
    type = "timeout_error"

    def __init__(self, message: str, *, extra: Mapping[str, Any]) -> None:
        super().__init__(message, code="deadline_exceeded", extra=extra, headers={"x-should-retry": "false"})


class RunnerFailed(ApiError):
    """The process that holds the model ended, or could not load it."""

    status = 503
    type = "server_error"

    def __init__(self, message: str, *, retry: bool = True) -> None:
        headers = {"x-should-retry": "true" if retry else "false"}
        super().__init__(message, code="runner_failed", headers=headers)


class InternalError(ApiError):
    status = 500
