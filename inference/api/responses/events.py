"""A chat completion as a response of /v1/responses, and its chunks as the events of one."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import msgspec

from inference.api import sse
from inference.api.answer import Answer
from inference.api.parts import Begins, Ends, Grows, Part, Step
from inference.api.responses import errors, reply
from inference.api.responses.request import ResponsesRequest
from inference.api.responses.tools import namespaced
from inference.api.said import Logprob, Usage
from inference.call import Call
from inference.chunk import Data
from inference.errors import OUR_FAULT, ApiError, InternalError

# The events of a part's text, and the name of the text where it is said as a whole.
_EVENTS = {
    "text": ("response.output_text", "text"),
    "reasoning": ("response.reasoning_text", "text"),
    "refusal": ("response.refusal", "refusal"),
    "call": ("response.function_call_arguments", "arguments"),
}


class ResponsesForm:
    """One answer's; see Form. Each event has the next number."""

    def __init__(self, call: Call, asked: ResponsesRequest) -> None:
        self._call = call
        self._asked = asked
        self._namespaced = namespaced(asked.tools or ())
        self._answer = Answer(call, with_logprobs=asked.with_logprobs)
        self._numbers = count()
        self._begun = False
        self._failed = False

    def whole(self, answer: Data) -> Any:
        self._answer.take_whole(answer)
        return self._ended()

    def chunk(self, chunk: Data) -> bytes:
        steps = self._answer.take(chunk)
        return self._opening() + b"".join(self._told(step) for step in steps)

    def alive(self) -> bytes:
        """What every stream begins with; and then what may come any number of times."""
        return self._opening() or self._lifecycle("response.in_progress")

    def failed(self, error: ApiError, usage: dict[str, object]) -> bytes:
        """Told twice: as this API has it, and so that the official client raises it."""
        self._failed = True
        envelope = errors.body(error, partial=True, usage=usage)["error"]
        found = self._response(
            "failed",
            error={"code": error.code or error.type, "message": envelope["message"]},
            output=self._output(last_status="incomplete"),
            usage=reply.usage(msgspec.convert(usage, Usage)),
        )
        alone = {name: envelope[name] for name in ("code", "message", "param")}
        return (
            self._opening()
            + self._event("response.failed", response=found)
            + self._event("error", **alone, error=envelope)
        )

    def last(self) -> bytes:
        if self._failed:
            return b""
        if not self._answer.finish_reason:
            return self.failed(InternalError(OUR_FAULT), self._call.usage())
        found = self._ended()
        return self._event(f"response.{found['status']}", response=found)

    def _told(self, step: Step) -> bytes:
        match step:
            case Begins(part):
                return self._begins(part)
            case Grows(part, text, logprobs):
                told = _logprobs(part, logprobs)
                return self._inside(part, f"{_EVENTS[part.kind][0]}.delta", delta=text, **told)
            case Ends(part):
                return self._ends(part)

    def _begins(self, part: Part) -> bytes:
        item = self._item(part, "in_progress")
        added = self._event("response.output_item.added", output_index=part.number, item=item)
        if part.kind == "call":
            return added
        return added + self._inside(part, "response.content_part.added", part=reply.written(part, begun=True))

    def _ends(self, part: Part) -> bytes:
        kind, name = _EVENTS[part.kind]
        done = self._inside(part, f"{kind}.done", **{name: part.text}, **_logprobs(part, part.logprobs))
        if part.kind != "call":
            done += self._inside(part, "response.content_part.done", part=reply.written(part))
        item = self._item(part, self._status_of(part))
        return done + self._event("response.output_item.done", output_index=part.number, item=item)

    def _status_of(self, part: Part) -> str:
        """Only the last one can have been cut."""
        cut = self._answer.finish_reason in reply.INCOMPLETE and part is self._answer.parts[-1]
        return "incomplete" if cut else "completed"

    def _inside(self, of: Part, type: str, /, **said: Any) -> bytes:
        """An event in a part's item."""
        where: dict[str, Any] = {"item_id": reply.item_id(self._call, of), "output_index": of.number}
        content = {} if of.kind == "call" else {"content_index": 0}
        return self._event(type, **where, **content, **said)

    def _opening(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._lifecycle("response.created") + self._lifecycle("response.in_progress")

    def _lifecycle(self, type: str) -> bytes:
        return self._event(type, response=self._response("in_progress"))

    def _ended(self) -> dict[str, Any]:
        """The response as it is at its end."""
        reason = reply.INCOMPLETE.get(self._answer.finish_reason)
        status = "incomplete" if reason else "completed"
        return self._response(
            status,
            incomplete_details={"reason": reason} if reason else None,
            output=self._output(last_status=status),
            usage=reply.usage(self._answer.usage),
            **self._answer.mlx,
        )

    def _output(self, last_status: str) -> list[dict[str, Any]]:
        parts = self._answer.parts
        return [self._item(part, last_status if part is parts[-1] else "completed") for part in parts]

    def _item(self, part: Part, status: str) -> dict[str, Any]:
        return reply.item(self._call, part, status, self._namespaced)

    def _response(self, status: str, **more: Any) -> dict[str, Any]:
        return reply.response(self._call, self._asked, status, **more)

    def _event(self, type: str, /, **said: Any) -> bytes:
        return sse.named(type, {"type": type, "sequence_number": next(self._numbers), **said})


def _logprobs(part: Part, told: Sequence[Logprob]) -> dict[str, Any]:
    """The client's type wants a list, also where none were asked for."""
    return {"logprobs": told} if part.kind == "text" else {}
