"""The items of a conversation as the messages of a chat: what one turn of the assistant's is made of becomes one."""

from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct

from inference.api import body
from inference.api.responses.tools import joined
from inference.errors import InvalidRequest

Message = dict[str, Any]


class Part(Struct, forbid_unknown_fields=True):
    """A piece of content. `annotations` and `logprobs` come back with what a model said."""

    type: str
    text: str | None = None
    refusal: str | None = None
    annotations: Any = None
    logprobs: Any = None
    image_url: Any = None
    file_id: Any = None
    file_url: Any = None
    file_data: Any = None
    filename: Any = None
    detail: Any = None
    input_audio: Any = None


class MessageItem(Struct, forbid_unknown_fields=True):
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Part]
    type: Literal["message"] = "message"
    id: str | None = None
    status: str | None = None
    phase: str | None = None


class Called(Struct, forbid_unknown_fields=True):
    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str
    namespace: str | None = None
    id: str | None = None
    status: str | None = None


class Result(Struct, forbid_unknown_fields=True):
    type: Literal["function_call_output"]
    call_id: str
    output: str | list[Part]
    id: str | None = None
    status: str | None = None


class Thought(Struct, forbid_unknown_fields=True):
    """What was thought before. Only what is in the clear can be read: `encrypted_content` is another server's."""

    type: Literal["reasoning"]
    id: str | None = None
    summary: list[Part] | None = None
    content: list[Part] | None = None
    encrypted_content: str | None = None
    status: str | None = None


def messages(instructions: str | None, given: str | list[dict[str, Any]]) -> list[Message]:
    """Raises InvalidRequest, which names the item."""
    found = _Messages()
    if instructions:
        found.say("system", instructions)
    if isinstance(given, str):
        found.say("user", given)
    else:
        for index, item in enumerate(given):
            _take(found, f"input[{index}]", item)
    return [message if "content" in message else {**message, "content": ""} for message in found.all]


class _Messages:
    """Most models' templates want one system message, at the beginning: those that begin a chat become one."""

    def __init__(self) -> None:
        self.all: list[Message] = []

    def say(self, role: str, content: str) -> None:
        role = "system" if role == "developer" and self._only_system() else role
        last = self.all[-1] if self.all else {}
        if role == "system" and last and self._only_system():
            last["content"] += f"\n\n{content}"
        elif (
            role == "assistant" and last.get("role") == role and last.keys() == {"role", "reasoning_content"}
        ):
            last["content"] = content
        else:
            self.all.append({"role": role, "content": content})

    def think(self, text: str) -> None:
        self.all.append({"role": "assistant", "reasoning_content": text})

    def call(self, call: dict[str, Any]) -> None:
        if not self.all or self.all[-1]["role"] != "assistant":
            self.all.append({"role": "assistant"})
        self.all[-1].setdefault("content", None)
        self.all[-1].setdefault("tool_calls", []).append(call)

    def _only_system(self) -> bool:
        return all(message["role"] == "system" for message in self.all)


def _take(found: _Messages, place: str, item: dict[str, Any]) -> None:
    kind = item.get("type", "message")
    take = _KINDS.get(kind) if isinstance(kind, str) else None
    if take is None:
        stored = (
            " Nothing is stored here: have your client send store: false." if kind == "item_reference" else ""
        )
        raise InvalidRequest(
            f"{place}.type: an item of type {str(kind)[:40]!r} is not known here. Known: {', '.join(_KINDS)}.{stored}",
            param=f"{place}.type",
            code="unsupported_content",
        )
    take(found, place, {name: value for name, value in item.items() if value is not None})


def _message(found: _Messages, place: str, item: dict[str, Any]) -> None:
    said = body.convert(item, MessageItem, place)
    found.say(said.role, _text(f"{place}.content", said.content))


def _called(found: _Messages, place: str, item: dict[str, Any]) -> None:
    said = body.convert(item, Called, place)
    function = {"name": joined(said.namespace, said.name), "arguments": said.arguments}
    found.call({"id": said.call_id, "type": "function", "function": function})


def _result(found: _Messages, place: str, item: dict[str, Any]) -> None:
    said = body.convert(item, Result, place)
    content = _text(f"{place}.output", said.output)
    found.all.append({"role": "tool", "tool_call_id": said.call_id, "content": content})


def _thought(found: _Messages, place: str, item: dict[str, Any]) -> None:
    said = body.convert(item, Thought, place)
    text = _text(f"{place}.content", said.content or said.summary or "")
    if text:
        found.think(text)


_KINDS: dict[str, Callable[[_Messages, str, dict[str, Any]], None]] = {
    "message": _message,
    "function_call": _called,
    "function_call_output": _result,
    "reasoning": _thought,
}
_TEXTS = ("input_text", "output_text", "text", "reasoning_text", "summary_text")


def _text(place: str, content: str | list[Part]) -> str:
    if isinstance(content, str):
        return content
    return "".join(_part(f"{place}[{index}]", part) for index, part in enumerate(content))


def _part(place: str, part: Part) -> str:
    text = part.refusal if part.type == "refusal" else part.text
    if part.type not in (*_TEXTS, "refusal"):
        raise InvalidRequest(
            f"{place}: only text can be given here, not a content part of type {part.type[:40]!r}.",
            param=place,
            code="unsupported_content",
        )
    if text is None:
        name = "refusal" if part.type == "refusal" else "text"
        raise InvalidRequest(
            f"{place}.{name} is required.", param=f"{place}.{name}", code="missing_required_parameter"
        )
    return text
