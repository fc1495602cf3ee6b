"""What a cloud provider says, in OpenAI's form: a piece of a stream, or a whole answer."""

from dataclasses import dataclass
from typing import Any

from msgspec import Raw


@dataclass(frozen=True)
class Usage:
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Passed:
    """What is said in the words of the API that was asked, and so is told as it is: an answer, or an event of one."""

    said: dict[str, Any]


Data = dict[str, Any] | Raw | Passed
"""A chat completion or a chunk of one, unless it is passed."""


@dataclass(frozen=True)
class Chunk:
    """`data`: sent to the client as it is; None says something about the request and nothing to the client.

    `made`: pieces of output in it, text or tool calls; the first one ends the wait for the first token. `usage` counts
    for the whole request and replaces what was counted. `finish_reason` is OpenAI's, "" until it is known, and
    `stopped_by` the stop string that ended it, if the provider tells. `last`: the provider has said all.
    """

    data: Data | None
    made: int = 0
    finish_reason: str = ""
    stopped_by: str = ""
    usage: Usage | None = None
    last: bool = False
