"""POST /v1/chat/completions."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from msgspec import Meta, Struct

from inference import completion
from inference.api import body, logprobs, text
from inference.api.text import Choice, Head, TextRequest
from inference.arrival import Arrival
from inference.call import Call
from inference.completion import Asked
from inference.errors import InvalidRequest
from inference.messages import Add, ChatPrompt, TokenLogprob
from settings_app.endpoints import BY_KEY

ENDPOINT = BY_KEY["chat"]


class Part(Struct, forbid_unknown_fields=True):
    """A piece of a message's content. Only text can be given to a text model."""

    type: str
    text: str | None = None
    image_url: Any = None
    input_audio: Any = None
    file: Any = None


class Message(Struct, forbid_unknown_fields=True):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]
    name: str | None = None
    refusal: None = None


class ChatRequest(TextRequest, forbid_unknown_fields=True, kw_only=True):
    messages: Annotated[list[Message], Meta(min_length=1)]
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    # say nothing about the answer
    metadata: dict[str, str] | None = None
    store: bool | None = None
    # what clients send although it asks for nothing; anything else is refused
    tools: None = None
    tool_choice: Literal["none", "auto"] | None = None

    def check(self) -> None:
        super().check()
        if self.top_logprobs and not self.logprobs:
            raise InvalidRequest(
                "top_logprobs is only allowed with logprobs: true.",
                param="top_logprobs",
                code="invalid_value",
            )


async def create(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    head = body.decode(request, Head)
    call = arrival.begin(request, ENDPOINT, head.model, head.timeout, streamed=bool(head.stream))
    asked = Asked("text", lambda: [_row(request, call)], lambda: body.for_provider(request))
    batches = completion.run(call, asked, arrival.settings)
    return await text.answer(call, head, batches, ChatWire(call), arrival.settings.serving.keep_alive)


def _row(request: HttpRequest, call: Call) -> Add:
    asked = body.decode(request, ChatRequest)
    asked.check()
    limit = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    alternatives = (asked.top_logprobs or 0) if asked.logprobs else None
    prompt = ChatPrompt([_message(index, message) for index, message in enumerate(asked.messages)])
    return Add(call.id, call.deadline.at, prompt, asked.sampling(limit, alternatives))


class ChatWire:
    def __init__(self, call: Call) -> None:
        self._call = call
        self._id = f"chatcmpl-{call.id.removeprefix('req_')}"

    @property
    def _head(self) -> dict[str, Any]:
        """The model is known when there is something to say: a fallback may serve."""
        call = self._call
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": call.created,
            "model": call.model,
        }

    def opening(self) -> list[dict[str, Any]]:
        return [self._chunk(0, {"role": "assistant", "content": ""})]

    def text(self, index: int, text: str, told: list[TokenLogprob] | None) -> dict[str, Any]:
        return self._chunk(index, {"content": text}, told=told)

    def ending(self, index: int, finish_reason: str) -> dict[str, Any]:
        return self._chunk(index, {}, finish_reason)

    def usage(self) -> dict[str, Any]:
        return {**self._head, "choices": [], "usage": self._call.usage()}

    def whole(self, choices: list[Choice]) -> dict[str, Any]:
        written = [
            {
                "index": index,
                "message": {"role": "assistant", "content": choice.text, "refusal": None},
                "logprobs": logprobs.of_chat(choice.logprobs),
                "finish_reason": choice.finish_reason,
            }
            for index, choice in enumerate(choices)
        ]
        return {
            **self._head,
            "object": "chat.completion",
            "choices": written,
            "usage": self._call.usage(),
        }

    def _chunk(
        self,
        index: int,
        delta: dict[str, str],
        finish_reason: str | None = None,
        told: list[TokenLogprob] | None = None,
    ) -> dict[str, Any]:
        choice = {
            "index": index,
            "delta": delta,
            "logprobs": logprobs.of_chat(told),
            "finish_reason": finish_reason,
        }
        return {**self._head, "choices": [choice]}


def _message(index: int, message: Message) -> dict[str, Any]:
    content = message.content
    if not isinstance(content, str):
        for part in content:
            if part.type != "text" or part.text is None:
                raise InvalidRequest(
                    f"This model takes text only, not a content part of type {part.type!r}.",
                    param=f"messages[{index}].content",
                )
        content = "".join(part.text or "" for part in content)
    role = "system" if message.role == "developer" else message.role
    return {"role": role, "content": content} | ({"name": message.name} if message.name else {})
