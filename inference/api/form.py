"""The form in which a client gets an answer: OpenAI's chunks as they are, or what another API makes of them."""

from typing import Any, Protocol

from msgspec import Raw

from inference.api import sse
from inference.errors import ApiError

Usage = dict[str, object]


class Form(Protocol):
    """One answer's. All but `whole` are bytes of its stream, perhaps none; `alive` says nothing but that it goes on.

    What is given is a chat completion, or a chunk of one, from a runner or a provider. Raises ApiError for a
    provider's that cannot be read.
    """

    def whole(self, answer: dict[str, Any] | Raw) -> Any: ...
    def chunk(self, chunk: dict[str, Any] | Raw) -> bytes: ...
    def failed(self, error: ApiError, usage: Usage) -> bytes: ...
    def last(self) -> bytes: ...
    def alive(self) -> bytes: ...


class OpenAIForm:
    """`empty`: makes a chunk that adds nothing."""

    def __init__(self, empty: dict[str, Any]) -> None:
        self._empty = empty

    def whole(self, answer: dict[str, Any] | Raw) -> Any:
        return answer

    def chunk(self, chunk: dict[str, Any] | Raw) -> bytes:
        return sse.event(chunk)

    def failed(self, error: ApiError, usage: Usage) -> bytes:
        return sse.event(error.body(partial=True, usage=usage))

    def last(self) -> bytes:
        return sse.DONE

    def alive(self) -> bytes:
        return sse.event(self._empty)
