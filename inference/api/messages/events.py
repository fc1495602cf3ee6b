"""A chat completion as a message of /v1/messages, and its chunks as the events of one."""

import time
from typing import Any

from inference.api import sse
from inference.api.answer import Answer
from inference.api.messages import errors, reply
from inference.api.messages.passed import PassedEvents
from inference.api.parts import Begins, Ends, Grows, Part, Step
from inference.call import Call
from inference.chunk import Data, Passed
from inference.errors import OUR_FAULT, ApiError, InternalError

PING = sse.named("ping", {"type": "ping"})


class MessagesForm:
    """One answer's; see Form. Thinking that is not shown is a block with nothing in it.

    What is passed is told as it is. It may stop short, at a deadline, and is then ended here.
    """

    def __init__(self, call: Call, *, shows_thinking: bool = True) -> None:
        self._call = call
        self._shows_thinking = shows_thinking
        self._pinged = time.monotonic()
        self._answer = Answer(call)
        self._passed = PassedEvents()
        self._begun = False
        self._failed = False

    def whole(self, answer: Data) -> Any:
        if isinstance(answer, Passed):
            return answer.said
        self._answer.take_whole(answer)
        parts = self._answer.parts
        cut_call = self._answer.finish_reason == "length" and parts and parts[-1].kind == "call"
        return reply.message(
            self._call,
            content=[self._block(part) for part in (parts[:-1] if cut_call else parts)],
            usage=reply.usage(self._answer.usage),
            **reply.ending(self._call, self._answer.finish_reason, parts),
            **self._answer.mlx,
        )

    def chunk(self, chunk: Data) -> bytes:
        if isinstance(chunk, Passed):
            return self._passed.told(chunk.said)
        steps = self._answer.take(chunk)
        return self._opening() + b"".join(self._told(step) for step in steps)

    def alive(self) -> bytes:
        return PING

    def failed(self, error: ApiError, usage: dict[str, object]) -> bytes:
        self._failed = True
        return sse.named("error", errors.body(self._call.id, error, partial=True, usage=usage))

    def last(self) -> bytes:
        if self._failed or self._passed.are_over:
            return b""
        if not self._answer.finish_reason:
            return self.failed(InternalError(OUR_FAULT), self._call.usage())
        return (
            self._passed.closing()
            + self._event(
                "message_delta",
                delta=reply.ending(self._call, self._answer.finish_reason, self._answer.parts),
                usage=reply.usage(self._answer.usage),
                **self._answer.mlx,
            )
            + self._event("message_stop")
        )

    def _told(self, step: Step) -> bytes:
        index = step.part.number
        match step:
            case Begins(part):
                return self._event("content_block_start", index=index, content_block=reply.opened(part))
            case Grows(part) if self._hides(part):
                return self._still_there()
            case Grows(part, text):
                return self._event("content_block_delta", index=index, delta=reply.delta(part, text))
            case Ends():
                return self._event("content_block_stop", index=index)

    def _block(self, part: Part) -> dict[str, Any]:
        return reply.opened(part) if self._hides(part) else reply.block(self._call, part)

    def _hides(self, part: Part) -> bool:
        return part.kind == "reasoning" and not self._shows_thinking

    def _still_there(self) -> bytes:
        """A ping from time to time: to think may take minutes."""
        now = time.monotonic()
        if now - self._pinged < sse.KEEP_ALIVE_SECONDS:
            return b""
        self._pinged = now
        return PING

    def _opening(self) -> bytes:
        if self._begun or self._passed.have_begun:
            return b""
        self._begun = True
        begun = reply.message(self._call, usage={**reply.usage(self._answer.usage), "output_tokens": 0})
        return self._event("message_start", message=begun) + PING

    def _event(self, type: str, **said: Any) -> bytes:
        return sse.named(type, {"type": type, **said})
