"""The parts that an answer is made of, one after the other: what was thought, what is said, and calls of tools.

A chat completion has them side by side in one message; the other APIs have each begin, grow and end.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from inference.api.said import Logprob, Message, ToolCall, garbled
from inference.call import Call

Kind = Literal["reasoning", "text", "refusal", "call"]


@dataclass
class Part:
    """`number`: its place in the answer. `call_id` and `name` are those of a call; its text is the arguments.
    `logprobs`: of a text, if they are asked for.
    """

    kind: Kind
    number: int
    call_id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    logprobs: list[Logprob] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True)
class Begins:
    part: Part


@dataclass(frozen=True)
class Grows:
    part: Part
    text: str
    logprobs: Sequence[Logprob] = ()


@dataclass(frozen=True)
class Ends:
    part: Part


Step = Begins | Grows | Ends


class Parts:
    """One answer's. `all`: those that have begun; of them the last may still be growing."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._growing: Part | None = None
        self._calls: dict[int, Part] = {}
        self.all: list[Part] = []

    def take(self, said: Message, logprobs: Sequence[Logprob]) -> Iterator[Step]:
        """What a message, or a piece of one, does to the parts; `logprobs`: of its content. Raises ApiError."""
        if said.thought:
            yield from self._say("reasoning", said.thought)
        if said.content:
            yield from self._say("text", said.content, logprobs)
        elif logprobs and self._growing is not None and self._growing.kind == "text":
            yield self._grow(self._growing, "", logprobs)
        if said.refusal:
            yield from self._say("refusal", said.refusal)
        for place, called in enumerate(said.tool_calls or ()):
            yield from self._called(place if called.index is None else called.index, called)

    def end(self) -> Iterator[Step]:
        if self._growing is not None:
            yield Ends(self._growing)
            self._growing = None

    def _say(self, kind: Kind, text: str, logprobs: Sequence[Logprob] = ()) -> Iterator[Step]:
        part = self._growing
        if part is None or part.kind != kind:
            yield from self.end()
            part = self._begin(Part(kind, len(self.all)))
            yield Begins(part)
        yield self._grow(part, text, logprobs)

    def _called(self, index: int, called: ToolCall) -> Iterator[Step]:
        part = self._calls.get(index)
        function = called.function
        if part is None:
            yield from self.end()
            call_id = called.id or f"call_{secrets.token_hex(12)}"
            name = (function and function.name) or ""
            part = self._calls[index] = self._begin(Part("call", len(self.all), call_id, name))
            yield Begins(part)
        if function is not None and function.arguments:
            if part is not self._growing:
                raise garbled(self._call, "mixed up the calls of tools in its answer")
            yield self._grow(part, function.arguments)

    def _begin(self, part: Part) -> Part:
        self.all.append(part)
        self._growing = part
        return part

    def _grow(self, part: Part, text: str, logprobs: Sequence[Logprob] = ()) -> Grows:
        part.pieces.append(text)
        part.logprobs += logprobs
        return Grows(part, text, logprobs)
