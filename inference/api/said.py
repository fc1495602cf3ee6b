"""What is said in a chat completion, or in a chunk of one, as it is read to be told in another API's words."""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from inference.call import Call
from inference.chunk import Data
from inference.cloud import answer
from inference.errors import OUR_FAULT, ApiError, InternalError


class Function(Struct):
    name: str | None = None
    arguments: str | None = None


class ToolCall(Struct):
    """`index` None: its place in the list."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Message(Struct):
    """One, or what a chunk adds to it."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None  # what some providers call the same
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None

    @property
    def thought(self) -> str:
        return self.reasoning_content or self.reasoning or ""


class Likely(Struct):
    """A token, and how likely it was; its text stands for bytes that are not told."""

    token: str
    logprob: float
    bytes: list[int] | None = None

    def __post_init__(self) -> None:
        if self.bytes is None:
            self.bytes = list(self.token.encode())


class Logprob(Likely):
    """One that was said, and those that could have been."""

    top_logprobs: list[Likely] = []


class Logprobs(Struct):
    content: list[Logprob] | None = None


class Choice(Struct):
    delta: Message | None = None
    message: Message | None = None
    finish_reason: str | None = None
    logprobs: Any = None  # Logprobs, for who asks for them

    @property
    def said(self) -> Message | None:
        return self.delta if self.message is None else self.message


class PromptDetails(Struct):
    cached_tokens: int | None = None
    cache_creation_tokens: int | None = None


class CompletionDetails(Struct):
    reasoning_tokens: int | None = None


class Usage(Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None

    @property
    def cached_tokens(self) -> int:
        return (self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens) or 0

    @property
    def cache_creation_tokens(self) -> int:
        return (self.prompt_tokens_details and self.prompt_tokens_details.cache_creation_tokens) or 0

    @property
    def reasoning_tokens(self) -> int:
        return (self.completion_tokens_details and self.completion_tokens_details.reasoning_tokens) or 0


class Said(Struct):
    """`mlx`: what this server says of it besides."""

    choices: list[Choice] = []
    usage: Usage | None = None
    mlx: dict[str, Any] | None = None

    @property
    def finish_reason(self) -> str:
        return next((choice.finish_reason for choice in self.choices if choice.finish_reason), "")


def read(call: Call, found: Data) -> Said:
    """Raises ApiError for what is no chat: a provider passes all kinds of things on."""
    try:
        return (
            msgspec.json.decode(found, type=Said) if isinstance(found, Raw) else msgspec.convert(found, Said)
        )
    except msgspec.ValidationError:
        raise garbled(call, "answered with JSON that is no chat") from None


def logprobs(call: Call, choice: Choice) -> list[Logprob]:
    """Of its text. Raises ApiError for what is none."""
    try:
        found = msgspec.convert(choice.logprobs, Logprobs | None)
    except msgspec.ValidationError:
        raise garbled(call, "answered with log-probabilities that are none") from None
    return (found and found.content) or []


def garbled(call: Call, what: str) -> ApiError:
    """The error for an answer that makes no sense, by whose fault it is."""
    provider = call.target.provider
    return InternalError(OUR_FAULT) if provider is None else answer.garbled(provider, what)
