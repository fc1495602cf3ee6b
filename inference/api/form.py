"""The form in which a client gets an answer: OpenAI's chunks as they are, or what another API makes of them."""

from typing import Any, Protocol

from inference.api import sse
from inference.chunk import Data
from inference.errors import ApiError

Usage = dict[str, object]


class Form(Protocol):
    """One answer's. All but `whole` are bytes of its stream, perhaps none; `alive` says nothing but that it goes on.

    What is given is a chat completion, or a chunk of one, from a runner or a provider, unless its words are this form's
    own and are passed. Raises ApiError for a provider's that cannot be read.
    """

    def whole(self, answer: Data) -> Any: ...
    def chunk(self, chunk: Data) -> bytes: ...
    def failed(self, error: ApiError, usage: Usage) -> bytes: ...
    def last(self) -> bytes: ...
    def alive(self) -> bytes: ...


class OpenAIForm:
    """`empty`: makes a chunk that adds nothing."""

    def __init__(self, empty: dict[str, Any]) -> None:
        self._empty = empty

    def whole(self, answer: Data) -> Any:
        return answer

    def chunk(self, chunk: Data) -> bytes:
        return sse.event(chunk)

    def failed(self, error: ApiError, usage: Usage) -> bytes:
        return sse.event(error.body(partial=True, usage=usage))

    def last(self) -> bytes:
        return sse.DONE

    def alive(self) -> bytes:
        return sse.event(self._empty)
