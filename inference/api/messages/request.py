"""A body of /v1/messages as one of /v1/chat/completions, for those who do not know Anthropic's words.

What cannot be said there is refused by name: no field is taken and then ignored.
"""

from typing import Annotated, Any, Literal, TypeVar

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


class KeepsThinking(Struct, forbid_unknown_fields=True):
    """The one edit of a conversation that changes nothing."""

    type: Literal["clear_thinking_20251015"]
    keep: Literal["all"]


class ContextManagement(Struct, forbid_unknown_fields=True):
    edits: list[KeepsThinking] | None = None


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
    context_management: ContextManagement | None = None


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


USUAL_EFFORT = "high"  # as good as left out, at Anthropic; the templates of most models know no other one

Asked = TypeVar("Asked", bound=CountRequest)


def read(found: dict[str, Any], kind: type[Asked]) -> Asked:
    """Raises InvalidRequest, which names the field. One that is null asks for nothing, whichever it is."""
    return body.convert({name: value for name, value in found.items() if value is not None}, kind)


def shows_thinking(found: dict[str, Any]) -> bool:
    """Of a body that nobody has read yet."""
    thinking = found.get("thinking")
    return not isinstance(thinking, dict) or thinking.get("display") != "omitted"


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
    }
    return {name: value for name, value in found.items() if value is not None}


def conversation(asked: CountRequest, provider: Provider | None) -> dict[str, Any]:
    """As much of it as is counted. Raises InvalidRequest."""
    if asked.messages[-1].role == "assistant":
        raise InvalidRequest(
            "The last message is the assistant's, and this model cannot go on from it. End with the user's.",
            param="messages",
            code="unsupported_prefill",
        )
    picked, parallel = choice(asked.tool_choice)
    output = asked.output_config or OutputConfig()
    found: dict[str, Any] = {
        "model": asked.model,
        "messages": turns.translated(asked.system, asked.messages),
        "tools": [tool(index, each) for index, each in enumerate(asked.tools or ())] or None,
        "tool_choice": picked,
        "parallel_tool_calls": parallel,
        "chat_template_kwargs": _thinking(asked.thinking, provider),
        "response_format": _format(output.format),
        "reasoning_effort": None if provider is None and output.effort == USUAL_EFFORT else output.effort,
    }
    return {name: value for name, value in found.items() if value is not None}


def _thinking(asked: Thinking | None, provider: Provider | None) -> dict[str, Any] | None:
    """What has a model of this machine think or not; None says nothing, as "adaptive" does."""
    if asked is None or asked.type == "adaptive":
        return None
    if provider is None:
        return {"enable_thinking": asked.type == "enabled"}
    if asked.type == "enabled":
        raise InvalidRequest(
            f"thinking cannot be asked of provider {provider.name}, which speaks OpenAI's protocol. Leave it out.",
            param="thinking",
            code="unsupported_parameter",
        )
    return None


def _format(asked: Format | None) -> dict[str, Any] | None:
    if asked is None:
        return None
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": asked.schema, "strict": True}}
