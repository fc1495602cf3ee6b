"""A body of /v1/messages as one of /v1/chat/completions.

What cannot be said there is refused by name: no field is taken and then ignored.
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from inference.api import body
from inference.api.messages import turns
from inference.api.messages.tools import Choice, choice, tool
from inference.api.messages.turns import Block, Turn
from inference.errors import InvalidRequest
from settings_app.snapshot import Provider


class Metadata(Struct, forbid_unknown_fields=True):
    user_id: str | None = None


class Thinking(Struct, forbid_unknown_fields=True):
    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Annotated[int, Meta(ge=1)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class Format(Struct, forbid_unknown_fields=True):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(Struct, forbid_unknown_fields=True):
    format: Format | None = None
    effort: str | None = None


class CountRequest(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is read before an answer, and counted at /v1/messages/count_tokens."""

    model: str
    messages: Annotated[list[Turn], Meta(min_length=1)]
    system: str | list[Block] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Choice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    timeout: Any = None
    # says nothing about the answer
    cache_control: dict[str, Any] | None = None


class MessagesRequest(CountRequest, forbid_unknown_fields=True, kw_only=True):
    max_tokens: Annotated[int, Meta(ge=1)]
    stream: bool | None = None
    stop_sequences: list[Annotated[str, Meta(min_length=1)]] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    metadata: Metadata | None = None
    on_deadline: Literal["error", "partial"] | None = None
    # says nothing about the answer
    service_tier: Literal["auto", "standard_only"] | None = None

    @property
    def shows_thinking(self) -> bool:
        return self.thinking is None or self.thinking.display != "omitted"


Asked = TypeVar("Asked", bound=CountRequest)


def read(found: dict[str, Any], kind: type[Asked]) -> Asked:
    """Raises InvalidRequest, which names the field. One that is null asks for nothing, whichever it is."""
    return body.convert({name: value for name, value in found.items() if value is not None}, kind)


def translated(asked: MessagesRequest, provider: Provider | None) -> dict[str, Any]:
    """The body for /v1/chat/completions, for a model here or at `provider`. Raises InvalidRequest."""
    found = {
        **conversation(asked, provider),
        "stream": asked.stream,
        "stream_options": {"include_usage": True} if asked.stream else None,
        "max_completion_tokens": asked.max_tokens,
        "stop": asked.stop_sequences or None,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "top_k": asked.top_k,
        "user": asked.metadata.user_id if asked.metadata else None,
        "service_tier": asked.service_tier if _is_anthropics(provider) else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def conversation(asked: CountRequest, provider: Provider | None) -> dict[str, Any]:
    """As much of it as is counted. Raises InvalidRequest."""
    anthropics = _is_anthropics(provider)
    if asked.messages[-1].role == "assistant" and not anthropics:
        raise InvalidRequest(
            "The last message is the assistant's, and this model cannot go on from it. End with the user's.",
            param="messages",
            code="unsupported_prefill",
        )
    picked, parallel = choice(asked.tool_choice)
    tools = [tool(index, each, with_cache_control=anthropics) for index, each in enumerate(asked.tools or ())]
    found: dict[str, Any] = {
        "model": asked.model,
        "messages": turns.translated(asked.system, asked.messages, with_cache_control=anthropics),
        "tools": tools or None,
        "tool_choice": picked,
        "parallel_tool_calls": parallel,
        **_thinking(asked.thinking, provider),
        **_output(asked.output_config or OutputConfig(), anthropics),
        "cache_control": asked.cache_control if anthropics else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _is_anthropics(provider: Provider | None) -> bool:
    """One that is told in its own words what a chat has none for."""
    return provider is not None and provider.protocol == "anthropic"


def _thinking(asked: Thinking | None, provider: Provider | None) -> dict[str, Any]:
    """What has a model think or not: each knows its own word for it."""
    if asked is None:
        return {}
    if _is_anthropics(provider):
        said = {"type": asked.type, "budget_tokens": asked.budget_tokens, "display": asked.display}
        return {"thinking": {name: value for name, value in said.items() if value is not None}}
    if provider is None:
        thinks = {"enabled": True, "disabled": False}.get(asked.type)
        return {} if thinks is None else {"chat_template_kwargs": {"enable_thinking": thinks}}
    if asked.type == "enabled":
        raise InvalidRequest(
            f"thinking cannot be asked of provider {provider.name}, which speaks OpenAI's protocol. Leave it out.",
            param="thinking",
            code="unsupported_parameter",
        )
    return {}


def _output(asked: OutputConfig, anthropics: bool) -> dict[str, Any]:
    if not anthropics:
        return {"response_format": _format(asked.format), "reasoning_effort": asked.effort}
    said = {"format": msgspec.to_builtins(asked.format), "effort": asked.effort}
    return {"output_config": {name: value for name, value in said.items() if value is not None} or None}


def _format(asked: Format | None) -> dict[str, Any] | None:
    if asked is None:
        return None
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": asked.schema, "strict": True}}
