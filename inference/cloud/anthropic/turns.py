"""A conversation as Anthropic keeps it: the system's words apart, and users' and assistants' turns that take turns."""

from typing import Any, Literal

from msgspec import Struct

from inference.cloud.anthropic import thinking
from inference.errors import InvalidRequest
from inference.reasoning_details import Detail
from inference.tools import ToolCall, arguments

Block = dict[str, Any]


class Part(Struct, forbid_unknown_fields=True):
    """A piece of a message's content. `cache_control` is Anthropic's own, for whoever asks for it."""

    type: str
    text: str | None = None
    refusal: str | None = None
    cache_control: dict[str, Any] | None = None
    image_url: Any = None
    input_audio: Any = None
    file: Any = None


class Message(Struct, forbid_unknown_fields=True):
    """Of what was thought before only `reasoning_details` are sent: Anthropic takes its thinking back as it signed it.
    `cache_control` is Anthropic's own: of its last block.
    """

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning_details: list[Detail] | None = None
    cache_control: dict[str, Any] | None = None
    name: None = None
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None


def translated(messages: list[Message]) -> tuple[list[Block], list[dict[str, Any]]]:
    """The system's blocks, wherever they stood, and the turns; those of one role in a row are one.

    Raises InvalidRequest, which names the message.
    """
    system: list[Block] = []
    turns: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        if message.role in ("system", "developer"):
            system += _marked(_content(place, message), message)
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _tool_result(place, message) if message.role == "tool" else _content(place, message)
        blocks = _marked([*_thinking(place, message), *blocks, *_tool_uses(place, message)], message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise InvalidRequest(
            "There is no message to answer: all are empty or the system's.", param="messages"
        )
    return system, turns


def _marked(blocks: list[Block], message: Message) -> list[Block]:
    if not blocks or not message.cache_control:
        return blocks
    return [*blocks[:-1], {**blocks[-1], "cache_control": message.cache_control}]


def _content(place: str, message: Message) -> list[Block]:
    """Empty text is left out: Anthropic refuses it, and it says nothing."""
    content = message.content
    parts = [Part("text", content)] if isinstance(content, str) else content or []
    if message.refusal:
        parts = [*parts, Part("refusal", refusal=message.refusal)]
    blocks = [_block(f"{place}.content[{index}]", part) for index, part in enumerate(parts)]
    return [block for block in blocks if block["text"]]


def _block(place: str, part: Part) -> Block:
    if part.type not in ("text", "refusal"):
        raise InvalidRequest(
            f"Only text can be sent to this provider, not a content part of type {part.type[:40]!r}.",
            param=place,
            code="unsupported_content",
        )
    text = part.text if part.type == "text" else part.refusal
    if text is None:
        raise InvalidRequest(
            f"{place}.{part.type} is required.", param=place, code="missing_required_parameter"
        )
    cached = {"cache_control": part.cache_control} if part.cache_control else {}
    return {"type": "text", "text": text, **cached}


def _thinking(place: str, message: Message) -> list[Block]:
    if message.reasoning_details and message.role != "assistant":
        raise InvalidRequest(f"{place}: only an assistant thinks.", param=f"{place}.reasoning_details")
    return thinking.blocks(message.reasoning_details or ())


def _tool_uses(place: str, message: Message) -> list[Block]:
    if message.tool_calls and message.role != "assistant":
        raise InvalidRequest(f"{place}: only an assistant calls tools.", param=f"{place}.tool_calls")
    return [
        {
            "type": "tool_use",
            "id": call.id,
            "name": call.function.name,
            "input": arguments(f"{place}.tool_calls[{index}].function.arguments", call.function.arguments),
        }
        for index, call in enumerate(message.tool_calls or ())
    ]


def _tool_result(place: str, message: Message) -> list[Block]:
    if not message.tool_call_id:
        param = f"{place}.tool_call_id"
        raise InvalidRequest(f"{param} is required.", param=param, code="missing_required_parameter")
    content = _content(place, message)
    said = {"content": content} if content else {}
    return [{"type": "tool_result", "tool_use_id": message.tool_call_id, **said}]
