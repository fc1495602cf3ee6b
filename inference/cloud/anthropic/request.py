"""A body of /v1/chat/completions as one of Anthropic's /messages.

What cannot be said there is refused by name: no field is taken and then ignored.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from inference.api import body
from inference.cloud.anthropic import tools, turns
from inference.cloud.anthropic.tools import CachedTool
from inference.cloud.anthropic.turns import Message
from inference.errors import InvalidRequest
from inference.tools import AllowedChoice, NamedChoice, allowed

DEFAULT_MAX_TOKENS = 8192  # Anthropic wants a limit and OpenAI's clients need not give one

Zero = Annotated[float, Meta(ge=0, le=0)]


class StreamOptions(Struct, forbid_unknown_fields=True):
    include_usage: bool = False
    include_obfuscation: Literal[False] | None = None


class TextFormat(Struct, forbid_unknown_fields=True):
    type: Literal["text"]


class ChatRequest(Struct, forbid_unknown_fields=True, kw_only=True):
    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    stop: str | list[str] | None = None
    tools: list[CachedTool] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedChoice | AllowedChoice | None = None
    parallel_tool_calls: bool | None = None
    user: str | None = None
    # Anthropic's own, for whoever asks for them
    top_k: Annotated[int, Meta(ge=0)] | None = None
    thinking: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None
    # say nothing about the answer
    metadata: dict[str, str] | None = None
    store: bool | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    # what clients send although it asks for nothing; anything else is refused
    n: Annotated[int, Meta(ge=1, le=1)] | None = None
    logprobs: Literal[False] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=0)] | None = None
    logit_bias: Annotated[dict[str, float], Meta(max_length=0)] | None = None
    frequency_penalty: Zero | None = None
    presence_penalty: Zero | None = None
    response_format: TextFormat | None = None
    modalities: Annotated[list[Literal["text"]], Meta(max_length=1)] | None = None
    reasoning_effort: Literal["none"] | None = None
    verbosity: Literal["medium"] | None = None
    service_tier: Literal["auto", "default", "standard_only"] | None = None


def read(found: dict[str, Any]) -> ChatRequest:
    """Raises InvalidRequest, which names the field. One that is null asks for nothing, whichever it is."""
    asked = body.convert({name: value for name, value in found.items() if value is not None}, ChatRequest)
    if asked.stream_options is not None and not asked.stream:
        raise InvalidRequest("stream_options is only allowed with stream.", param="stream_options")
    return asked


def translated(asked: ChatRequest) -> dict[str, Any]:
    """The body for /messages. Raises InvalidRequest, which names the place."""
    system, messages = turns.translated(asked.messages)
    limit = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    stop = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
    found: dict[str, Any] = {
        "model": asked.model,
        "max_tokens": DEFAULT_MAX_TOKENS if limit is None else limit,
        "messages": messages,
        "system": system or None,
        "stream": asked.stream or None,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "top_k": asked.top_k,
        "thinking": asked.thinking,
        "output_config": asked.output_config,
        "cache_control": asked.cache_control,
        "service_tier": asked.service_tier if asked.service_tier == "standard_only" else None,
        "stop_sequences": [text for text in stop if text] or None,
        "metadata": {"user_id": asked.user} if asked.user else None,
        "tools": [tools.tool(each) for each in _offered(asked)] or None,
        "tool_choice": tools.choice(asked.tool_choice, asked.parallel_tool_calls, bool(asked.tools)),
    }
    return {name: value for name, value in found.items() if value is not None}


def _offered(asked: ChatRequest) -> list[CachedTool]:
    tools, choice = asked.tools or [], asked.tool_choice
    if tools and isinstance(choice, AllowedChoice):
        return [tools[number] for number in allowed(tools, choice)]
    return tools
