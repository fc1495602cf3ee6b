"""POST /v1/chat/completions."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from msgspec import Meta
from msgspec.structs import replace

from inference import completion
from inference.api import body, logprobs, text, turns
from inference.api.form import Form
from inference.api.head import Head, HeadStreamOptions
from inference.api.response_format import ResponseFormat, json_format
from inference.api.sampling import MOST
from inference.api.text import Choice, Made
from inference.api.text_logprobs import TextLogprobs
from inference.api.text_request import TextRequest
from inference.api.tool_choice import ToolChoice, offered
from inference.api.turns import Message
from inference.arrival import Arrival
from inference.call import Call
from inference.cloud.ask import Ask, ask
from inference.completion import Asked
from inference.errors import InvalidRequest
from inference.messages import Add, ChatPrompt, TokenLogprob, Tokens, ToolCall
from inference.tools import AllowedChoice, Tool, allowed
from settings_app.endpoints import BY_KEY

ENDPOINT = BY_KEY["chat"]


class ChatRequest(TextRequest, forbid_unknown_fields=True, kw_only=True):
    messages: Annotated[list[Message], Meta(min_length=1)]
    max_completion_tokens: Annotated[int, Meta(ge=1, le=MOST)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    response_format: ResponseFormat | None = None
    # say nothing about the answer
    metadata: dict[str, str] | None = None
    store: bool | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    # what clients send although it asks for nothing; anything else is refused
    service_tier: Literal["auto", "default"] | None = None
    verbosity: Literal["medium"] | None = None
    modalities: Annotated[list[Literal["text"]], Meta(min_length=1, max_length=1)] | None = None

    def check(self) -> None:
        super().check()
        if self.top_logprobs and not self.logprobs:
            raise InvalidRequest(
                "top_logprobs is only allowed with logprobs: true.",
                param="top_logprobs",
                code="invalid_value",
            )


async def create(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    call, head = begin(request, arrival)
    asked = Asked(
        "text", lambda: [row(body.decode(request, ChatRequest), call)], lambda: body.for_provider(request)
    )
    batches = completion.run(call, asked, arrival.settings)
    return await text.answer(call, head, batches, ChatWire(call), arrival.settings.serving.keep_alive)


def begin(request: HttpRequest, arrival: Arrival) -> tuple[Call, Head]:
    head = body.decode(request, Head)
    return arrival.begin(request, ENDPOINT, head.model, head.timeout, streamed=bool(head.stream)), head


async def translated(
    call: Call,
    head: Head,
    arrival: Arrival,
    chat: Callable[[], dict[str, Any]],
    form: Form,
    ask: Ask = ask,
) -> HttpResponseBase:
    """A chat that was asked for in another API's words, and is answered in its form. `chat`: the body for the target
    that the call has then, which `ask` puts to a provider; raises InvalidRequest.
    """
    asked = Asked("text", lambda: [row(body.convert(chat(), ChatRequest), call)], chat, ask)
    batches = completion.run(call, asked, arrival.settings)
    with_usage = replace(head, stream_options=HeadStreamOptions(include_usage=True))
    keep_alive = arrival.settings.serving.keep_alive
    return await text.answer(call, with_usage, batches, TextWire(call), keep_alive, form)


def row(asked: ChatRequest, call: Call) -> Add:
    asked.check()
    tools = offered(asked.tools, asked.tool_choice, asked.parallel_tool_calls)
    if isinstance(asked.tool_choice, AllowedChoice):
        call.tool_numbers = allowed(asked.tools or (), asked.tool_choice)
    _check_numbers("chat_template_kwargs", asked.chat_template_kwargs)
    for number, tool in enumerate(asked.tools or ()):
        _check_numbers(f"tools[{number}].function.parameters", tool.function.parameters)
    limit = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    alternatives = (asked.top_logprobs or 0) if asked.logprobs else None
    prompt = ChatPrompt(
        [turns.for_template(index, message) for index, message in enumerate(asked.messages)],
        tools,
        asked.chat_template_kwargs or {},
        asked.reasoning_effort,
    )
    sampling = asked.sampling(limit, alternatives)
    return Add(call.id, call.deadline.at, prompt, sampling, format=json_format(asked.response_format))


def _check_numbers(place: str, said: dict[str, Any] | None) -> None:
    """What a client may say as it likes has to go into a frame. Raises InvalidRequest."""
    try:
        msgspec.msgpack.encode(said)
    except OverflowError:
        raise InvalidRequest(
            f"{place} holds a whole number of more than 64 bits. Write a smaller one, or one with a fraction.",
            param=place,
            code="invalid_value",
        ) from None


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

    def made(self, index: int, item: Made) -> list[dict[str, Any]]:
        if isinstance(item, ToolCall):
            return [self._chunk(index, {"tool_calls": [delta]}) for delta in _deltas(item)]
        if not item.text and not item.logprobs:
            return []
        field = "reasoning_content" if item.kind == "reasoning" else "content"
        return [self._chunk(index, {field: item.text}, told=item.logprobs)]

    def empty(self) -> dict[str, Any]:
        return self._chunk(0, {"content": ""})

    def ending(self, index: int, finish_reason: str) -> dict[str, Any]:
        return self._chunk(index, {}, finish_reason)

    def usage(self) -> dict[str, Any]:
        return {**self._head, "choices": [], "usage": self._call.usage()}

    def whole(self, choices: list[Choice]) -> dict[str, Any]:
        written = [
            {
                "index": index,
                "message": _message(choice),
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
        delta: dict[str, Any],
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


class TextWire(ChatWire):
    """For an API that tells log-probabilities beside the text that they are of, and not of all that was made."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._logprobs = TextLogprobs()

    def made(self, index: int, item: Made) -> list[dict[str, Any]]:
        if isinstance(item, Tokens) and item.logprobs is not None:
            item = replace(item, logprobs=self._logprobs.of(item))
        return super().made(index, item)

    def whole(self, choices: list[Choice]) -> dict[str, Any]:
        for choice in choices:
            if choice.logprobs is not None:
                choice.logprobs = [one for tokens in choice.texts for one in self._logprobs.of(tokens)]
        return super().whole(choices)


def _message(choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None}
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    if choice.tool_calls:
        message["content"] = choice.text or None
        message["tool_calls"] = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in choice.tool_calls
        ]
    return message


def _deltas(call: ToolCall) -> list[dict[str, Any]]:
    """As OpenAI's clients expect them: what is called, and then with what."""
    opening = {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    return [
        {"index": call.number, **opening},
        {"index": call.number, "function": {"arguments": call.arguments}},
    ]
