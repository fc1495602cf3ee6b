"""A body of /v1/responses as one of /v1/chat/completions.

What cannot be said there is refused by name: no field is taken and then ignored.
"""

from typing import Annotated, Any, Literal, TypeVar

from msgspec import Meta, Struct

from inference.api import body
from inference.api.responses import items
from inference.api.responses.tools import AllowedChoice, NamedChoice, choice, functions
from inference.errors import InvalidRequest

LOGPROBS = "message.output_text.logprobs"
NOT_STORED = "Nothing is stored here. Leave it out, and send the whole conversation as input each time."
REFUSED = {
    "previous_response_id": NOT_STORED,
    "conversation": NOT_STORED,
    "prompt": "No prompts are stored here. Leave it out, and send the instructions and the input themselves.",
    "max_tool_calls": "It bounds tools that run at the server, and none does here. Leave it out.",
}


class StreamOptions(Struct, forbid_unknown_fields=True):
    include_obfuscation: Literal[False] | None = None


class Format(Struct, forbid_unknown_fields=True):
    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class Text(Struct, forbid_unknown_fields=True):
    format: Format | None = None
    verbosity: Literal["medium"] | None = None


class Reasoning(Struct, forbid_unknown_fields=True):
    """`summary`: reasoning is given as it is, where there is any."""

    effort: str | None = None
    summary: Literal["auto"] | None = None


class InputTokensRequest(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is read before an answer, and counted at /v1/responses/input_tokens."""

    model: str
    input: str | Annotated[list[dict[str, Any]], Meta(min_length=1)]
    instructions: str | None = None
    text: Text | None = None
    reasoning: Reasoning | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedChoice | AllowedChoice | None = None
    parallel_tool_calls: bool | None = None
    timeout: Any = None
    # what clients send although it asks for nothing; anything else is refused
    truncation: Literal["disabled"] | None = None
    previous_response_id: Any = None
    conversation: Any = None

    def check(self) -> None:
        """What no type says. Raises InvalidRequest, which says what to do."""
        for name, remedy in REFUSED.items():
            if getattr(self, name, None) is not None:
                raise _refused(name, remedy)


class ResponsesRequest(InputTokensRequest, forbid_unknown_fields=True, kw_only=True):
    """`include`: reasoning is given in the clear, and there is nothing to encrypt."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    include: list[Literal["message.output_text.logprobs", "reasoning.encrypted_content"]] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    user: str | None = None
    on_deadline: Literal["error", "partial"] | None = None
    # say nothing about the answer
    metadata: dict[str, str] | None = None
    client_metadata: dict[str, Any] | None = None  # what Codex says of itself
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    # what clients send although it asks for nothing; anything else is refused
    store: bool | None = None
    background: bool | None = None
    service_tier: Literal["auto", "default"] | None = None
    prompt: Any = None
    max_tool_calls: Any = None

    @property
    def with_logprobs(self) -> bool:
        return LOGPROBS in (self.include or ())

    def check(self) -> None:
        super().check()
        if self.store:
            raise _refused("store", NOT_STORED)
        if self.background:
            raise _refused("background", "Leave it out, and stream the answer if it takes long.")
        if self.top_logprobs and not self.with_logprobs:
            raise InvalidRequest(
                f'top_logprobs is only allowed with include: ["{LOGPROBS}"].',
                param="top_logprobs",
                code="invalid_value",
            )


Asked = TypeVar("Asked", bound=InputTokensRequest)


def read(found: dict[str, Any], kind: type[Asked]) -> Asked:
    """Raises InvalidRequest, which names the field."""
    asked = body.convert(found, kind)
    asked.check()
    return asked


def translated(asked: ResponsesRequest) -> dict[str, Any]:
    """The body for /v1/chat/completions. Raises InvalidRequest, which names the place."""
    found = {
        **conversation(asked),
        "stream": asked.stream,
        "stream_options": {"include_usage": True} if asked.stream else None,
        "max_completion_tokens": asked.max_output_tokens,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "logprobs": asked.with_logprobs or None,
        "top_logprobs": asked.top_logprobs if asked.with_logprobs else None,
        "user": asked.user,
    }
    return {name: value for name, value in found.items() if value is not None}


def conversation(asked: InputTokensRequest) -> dict[str, Any]:
    """As much of it as is counted. Raises InvalidRequest, which names the place."""
    found: dict[str, Any] = {
        "model": asked.model,
        "messages": items.messages(asked.instructions, asked.input),
        "response_format": _format(asked.text),
        "reasoning_effort": asked.reasoning.effort if asked.reasoning else None,
        "tools": functions(asked.tools or ()) or None,
        "tool_choice": choice(asked.tool_choice),
        "parallel_tool_calls": asked.parallel_tool_calls if asked.tools else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _format(text: Text | None) -> dict[str, Any] | None:
    """None for text, which is what comes anyway."""
    asked = text.format if text else None
    if asked is None or asked.type == "text":
        return None
    if asked.type == "json_object":
        return {"type": "json_object"}
    for name in ("name", "schema"):
        if getattr(asked, name) is None:
            place = f"text.format.{name}"
            raise InvalidRequest(f"{place} is required.", param=place, code="missing_required_parameter")
    said = {
        "name": asked.name,
        "schema": asked.schema,
        "description": asked.description,
        "strict": asked.strict,
    }
    return {
        "type": "json_schema",
        "json_schema": {key: value for key, value in said.items() if value is not None},
    }


def _refused(name: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(f"{name} is not supported here. {remedy}", param=name, code="unsupported_parameter")
