"""What /v1 answers, for its document: what the endpoints' wires write, which may have more fields than these."""

from typing import Any, Literal

from msgspec import Struct

Finish = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class PromptDetails(Struct, kw_only=True):
    cached_tokens: int


class Usage(Struct, kw_only=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails


class EmbeddingUsage(Struct, kw_only=True):
    prompt_tokens: int
    total_tokens: int


class AssistantMessage(Struct, kw_only=True):
    role: Literal["assistant"]
    content: str | None


class Choice(Struct, kw_only=True):
    index: int
    logprobs: dict[str, Any] | None
    finish_reason: Finish


class Completion(Struct, kw_only=True):
    id: str
    created: int
    model: str
    usage: Usage


class ChatChoice(Choice, kw_only=True):
    message: AssistantMessage


class ChatCompletion(Completion, kw_only=True):
    object: Literal["chat.completion"]
    choices: list[ChatChoice]


class TextChoice(Choice, kw_only=True):
    text: str


class TextCompletion(Completion, kw_only=True):
    object: Literal["text_completion"]
    choices: list[TextChoice]


class Embedding(Struct, kw_only=True):
    """`embedding`: numbers, or with `encoding_format: "base64"` float32, little-endian."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Embeddings(Struct, kw_only=True):
    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage


class Error(Struct, kw_only=True):
    """A deadline's, a cancellation's and a lack of memory's bear more, as `phase`, `elapsed` and `need_bytes`."""

    message: str
    type: str
    code: str | None
    param: str | None


class ErrorEnvelope(Struct, kw_only=True):
    error: Error


class ResponsesUsage(Struct, kw_only=True):
    input_tokens: int
    output_tokens: int
    total_tokens: int


class Response(Struct, kw_only=True):
    """`output`: items of the types message, reasoning and function_call."""

    id: str
    object: Literal["response"]
    created_at: int
    status: str
    model: str
    output: list[dict[str, Any]]
    usage: ResponsesUsage | None


class MessagesUsage(Struct, kw_only=True):
    input_tokens: int
    output_tokens: int


class AnthropicMessage(Struct, kw_only=True):
    """`content`: blocks of the types text, thinking and tool_use."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[dict[str, Any]]
    stop_reason: str | None
    stop_sequence: str | None
    usage: MessagesUsage


class AnthropicError(Struct, kw_only=True):
    type: Literal["error"]
    error: Error
    request_id: str


class TokenCount(Struct, kw_only=True):
    input_tokens: int


class InputTokens(TokenCount, kw_only=True):
    object: Literal["response.input_tokens"]
