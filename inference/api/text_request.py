"""The fields that the bodies of the two endpoints of OpenAI's that make text have in common."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from inference.api.sampling import SamplingFields
from inference.errors import InvalidRequest


class StreamOptions(Struct, forbid_unknown_fields=True):
    include_usage: bool = False
    include_obfuscation: Literal[False] | None = None


class TextRequest(SamplingFields, forbid_unknown_fields=True, kw_only=True):
    """A field that is not here is refused: none is taken and then ignored."""

    model: Annotated[str, Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    timeout: Any = None
    on_deadline: Literal["error", "partial"] | None = None
    # says nothing about the answer
    user: str | None = None
    # what clients send although it asks for nothing; anything else is refused
    n: Annotated[int, Meta(ge=1, le=1)] | None = None

    def check(self) -> None:
        """What no type says. Raises InvalidRequest."""
        if self.stream_options is not None and not self.stream:
            raise InvalidRequest("stream_options is only allowed with stream.", param="stream_options")
