"""The events of a message of Anthropic's as the chunks of a chat completion."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import msgspec
from msgspec import Struct

from inference.chunk import Chunk
from inference.cloud import answer, refusal
from inference.cloud.anthropic import thinking
from inference.cloud.anthropic.block import Block, arguments, known
from inference.cloud.anthropic.ending import Tokens, finish_reason
from inference.reasoning_details import TEXT
from settings_app.snapshot import Provider

KNOWN = (
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
)
DELTAS = ("text_delta", "thinking_delta", "signature_delta", "input_json_delta")


class _Start(Struct):
    id: str = ""
    model: str = ""
    usage: Tokens | None = None


class _Event(Struct):
    """Any of them; `index` is that of a block. What is in a block or a delta its type says."""

    type: str = ""
    index: int = 0
    message: _Start | None = None
    content_block: dict[str, Any] | None = None
    delta: dict[str, Any] | None = None
    usage: Tokens | None = None


class _Delta(Struct):
    """One of a block, of these types."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""


class _Ending(Struct):
    stop_reason: str | None = None
    stop_sequence: str | None = None


@dataclass
class _Call:
    """A call of a tool that is being said: its number among the calls, and whether its arguments have begun."""

    number: int
    input: Any
    begun: bool = False


@dataclass
class Translation:
    """One answer's. `is_over`: all was said; `finish_reason`: "" until it is known."""

    provider: Provider
    with_usage: bool
    is_over: bool = False
    finish_reason: str = ""
    _head: dict[str, Any] = field(default_factory=dict)
    _tokens: Tokens = field(default_factory=Tokens)
    _calls: dict[int, _Call] = field(default_factory=dict)  # by index of their block
    _numbers: Iterator[int] = field(default_factory=count)
    _thoughts: dict[int, int] = field(default_factory=dict)  # their numbers, by index of their block

    def take(self, found: Any) -> list[Chunk]:
        """The chunks that an event becomes; pings and what is not known are none. Raises ProviderFailed."""
        if isinstance(found, dict) and (found.get("type") == "error" or found.get("error")):
            raise refusal.said_inside(self.provider, found)
        if isinstance(found, dict) and found.get("type") not in KNOWN:
            return []
        try:
            return list(self._told(msgspec.convert(found, _Event)))
        except msgspec.ValidationError:
            raise answer.garbled(self.provider, "sent an event that is none of a message") from None

    def _told(self, event: _Event) -> Iterator[Chunk]:
        match event.type:
            case "message_start":
                yield self._start(event.message or _Start())
            case "content_block_start" if block := known(event.content_block or {}):
                yield from self._block(event.index, block)
            case "content_block_delta" if event.delta and event.delta.get("type") in DELTAS:
                yield from self._delta(event.index, msgspec.convert(event.delta, _Delta))
            case "content_block_stop" if event.index in self._calls:
                yield from self._call_ends(self._calls.pop(event.index))
            case "message_delta":
                yield from self._ending(msgspec.convert(event.delta or {}, _Ending), event.usage)
            case "message_stop":
                yield from self._last()

    def _start(self, message: _Start) -> Chunk:
        self._head = {
            "id": message.id,
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": message.model,
        }
        self._tokens = message.usage or Tokens()
        read = replace(self._tokens.usage, completion_tokens=0)  # it says 1 or so, before the first
        return replace(self._chunk({"role": "assistant", "content": ""}, made=0), usage=read)

    def _block(self, index: int, block: Block) -> Iterator[Chunk]:
        match block.type:
            case "tool_use":
                call = self._calls[index] = _Call(next(self._numbers), block.input)
                function = {"name": block.name, "arguments": ""}
                said = {"index": call.number, "id": block.id, "type": "function", "function": function}
                yield self._chunk({"tool_calls": [said]})
            case "text" if block.text:
                yield self._chunk({"content": block.text})
            case "thinking" | "redacted_thinking":
                number = self._thoughts[index] = len(self._thoughts)
                thought = {"reasoning_content": block.thinking} if block.thinking else {}
                detail = thinking.detail(number, block)
                made = 1 if block.thinking or block.data else 0
                yield self._chunk({**thought, "reasoning_details": [detail]}, made=made)

    def _delta(self, index: int, delta: _Delta) -> Iterator[Chunk]:
        match delta.type:
            case "text_delta" if delta.text:
                yield self._chunk({"content": delta.text})
            case "thinking_delta" if delta.thinking:
                more = self._detail(index, text=delta.thinking)
                yield self._chunk({"reasoning_content": delta.thinking, **more})
            case "signature_delta" if index in self._thoughts:
                yield self._chunk(self._detail(index, signature=delta.signature), made=0)
            case "input_json_delta" if delta.partial_json and index in self._calls:
                self._calls[index].begun = True
                yield self._arguments(self._calls[index], delta.partial_json)

    def _detail(self, index: int, **more: str) -> dict[str, Any]:
        """What is added to that of a block of thinking."""
        number = self._thoughts.get(index)
        return {} if number is None else {"reasoning_details": [{"type": TEXT, "index": number, **more}]}

    def _call_ends(self, call: _Call) -> Iterator[Chunk]:
        """A call without arguments is `{}` to OpenAI's clients, which parse what they got."""
        if not call.begun:
            yield self._arguments(call, arguments(call.input))

    def _ending(self, ending: _Ending, tokens: Tokens | None) -> Iterator[Chunk]:
        if tokens is not None:
            self._tokens = self._tokens.updated(tokens)
            yield Chunk(None, usage=self._tokens.usage)
        if ending.stop_reason and not self.finish_reason:
            self.finish_reason = finish_reason(ending.stop_reason)
            chunk = self._chunk({}, made=0, finish_reason=self.finish_reason)
            yield replace(chunk, stopped_by=ending.stop_sequence or "")

    def _last(self) -> Iterator[Chunk]:
        self.is_over = True
        if self.with_usage and self.finish_reason:
            yield Chunk({**self._head, "choices": [], "usage": self._tokens.told}, usage=self._tokens.usage)

    def _arguments(self, call: _Call, text: str) -> Chunk:
        return self._chunk({"tool_calls": [{"index": call.number, "function": {"arguments": text}}]})

    def _chunk(self, delta: dict[str, Any], *, made: int = 1, finish_reason: str = "") -> Chunk:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason or None}
        nothing_yet = {"usage": None} if self.with_usage else {}
        data = {**self._head, "choices": [choice], **nothing_yet}
        return Chunk(data, made=made, finish_reason=finish_reason)
