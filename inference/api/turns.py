"""The messages of a conversation, from OpenAI's form to that of a chat template."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from inference import reasoning_details
from inference.errors import InvalidRequest
from inference.reasoning_details import Detail
from inference.tools import ToolCall, arguments


class Part(Struct, forbid_unknown_fields=True):
    """A piece of a message's content. Only text can be given to a text model. `cache_control` asks for nothing."""

    type: str
    text: str | None = None
    cache_control: dict[str, Any] | None = None
    image_url: Any = None
    input_audio: Any = None
    file: Any = None


class Message(Struct, forbid_unknown_fields=True):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    name: str | None = None
    reasoning_content: str | None = None
    reasoning_details: list[Detail] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    # what an answer holds that is sent back as it came
    refusal: None = None
    annotations: Annotated[list[Any], Meta(max_length=0)] | None = None
    audio: None = None
    function_call: None = None


def for_template(index: int, message: Message) -> dict[str, Any]:
    """The message of that number. Raises InvalidRequest, which names the place."""
    place = f"messages[{index}]"
    role = "system" if message.role == "developer" else message.role
    found: dict[str, Any] = {"role": role, "content": _content(place, message)}
    if message.name:
        found["name"] = message.name
    if thought := message.reasoning_content or reasoning_details.thought(message.reasoning_details or ()):
        _only(role == "assistant", f"{place}.reasoning_content", "only an assistant thinks")
        found["reasoning_content"] = thought
    if message.tool_calls:
        _only(role == "assistant", f"{place}.tool_calls", "only an assistant calls tools")
        found["tool_calls"] = [_call(f"{place}.tool_calls[{n}]", c) for n, c in enumerate(message.tool_calls)]
    if role == "tool" and not message.tool_call_id:
        raise _required(f"{place}.tool_call_id")
    if message.tool_call_id:
        _only(role == "tool", f"{place}.tool_call_id", "only a tool answers a call")
        found["tool_call_id"] = message.tool_call_id
    return found


def _content(place: str, message: Message) -> str:
    content = message.content
    if content is None:
        if not message.tool_calls:
            raise _required(f"{place}.content")
        return ""
    if isinstance(content, str):
        return content
    for part in content:
        if part.type != "text" or part.text is None:
            raise InvalidRequest(
                f"This model takes text only, not a content part of type {part.type!r}.",
                param=f"{place}.content",
            )
    return "".join(part.text or "" for part in content)


def _call(place: str, call: ToolCall) -> dict[str, Any]:
    """A template gets the arguments as a text that is known to be a JSON object."""
    function = call.function
    found = function.arguments if arguments(f"{place}.function.arguments", function.arguments) else "{}"
    return {"id": call.id, "type": "function", "function": {"name": function.name, "arguments": found}}


def _only(met: bool, place: str, why: str) -> None:
    if not met:
        raise InvalidRequest(f"{place}: {why}.", param=place, code="invalid_value")


def _required(place: str) -> InvalidRequest:
    return InvalidRequest(f"{place} is required.", param=place, code="missing_required_parameter")
