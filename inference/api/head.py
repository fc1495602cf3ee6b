"""What is looked at of a body before it is known who gets it."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


class HeadStreamOptions(Struct):
    include_usage: bool = False


class Head(Struct, kw_only=True):
    """All else is for the target to judge."""

    model: Annotated[str, Meta(min_length=1)]
    stream: bool | None = None
    stream_options: HeadStreamOptions | None = None
    timeout: Any = None
    on_deadline: Literal["error", "partial"] | None = None
