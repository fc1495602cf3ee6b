"""POST /v1/chat/completions."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from msgspec import Meta, Struct

from inference import completion
from inference.api import body, sse
from inference.arrival import Arrival
from inference.call import Call
from inference.completion import End, Text
from inference.errors import ApiError, DeadlineExceeded, InternalError, InvalidRequest
from inference.messages import Add, ChatPrompt, Sampling
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


class StreamOptions(Struct, forbid_unknown_fields=True):
    include_usage: bool = False


class ChatRequest(Struct, forbid_unknown_fields=True):
    """What can be asked for. A field that is not here is refused: none is taken and then ignored."""

    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: str | Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(max_length=4)] | None = None
    n: Annotated[int, Meta(ge=1, le=1)] | None = None
    timeout: Any = None
    on_deadline: Literal["error", "partial"] | None = None
    # what says nothing about the answer's content
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None


async def create(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    asked = body.decode(request, ChatRequest)
    if asked.stream_options is not None and not asked.stream:
        raise InvalidRequest("stream_options is only allowed with stream.", param="stream_options")
    call = arrival.call(request, ENDPOINT, asked.model, asked.timeout)
    parts = completion.generate(call, arrival.folder(asked.model), _add(call, asked))
    if asked.stream:
        return await sse.stream(parts, lambda all_parts: _chunks(call, asked, all_parts))
    return await _whole(call, asked, parts)


def _add(call: Call, asked: ChatRequest) -> Add:
    limit = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    stop = (asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ())
    return Add(
        id=call.id,
        deadline=call.deadline.at,
        prompt=ChatPrompt([_message(index, message) for index, message in enumerate(asked.messages)]),
        sampling=Sampling(
            max_tokens=limit,
            temperature=1.0 if asked.temperature is None else asked.temperature,
            top_p=1.0 if asked.top_p is None else asked.top_p,
            seed=asked.seed,
            stop=tuple(text for text in stop if text),
        ),
    )


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


async def _whole(call: Call, asked: ChatRequest, parts: sse.Parts) -> HttpResponse:
    texts: list[str] = []
    ending: dict[str, Any] = {}
    try:
        async for part in parts:
            if isinstance(part, Text):
                texts.append(part.text)
            else:
                ending = {"finish_reason": part.finish_reason}
    except DeadlineExceeded as error:
        if not _partial(call, asked):
            raise
        ending = {"finish_reason": "length", "mlx": _mlx(error)}
    finally:
        await parts.aclose()
    message = {"role": "assistant", "content": "".join(texts), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": ending.pop("finish_reason")}
    return body.json_response(
        {**_head(call, "chat.completion"), "choices": [choice], "usage": call.usage(), **ending}
    )


async def _chunks(call: Call, asked: ChatRequest, parts: sse.Parts) -> AsyncIterator[bytes]:
    """The stream of one answer: done, deadline and failure all end it in so many words."""
    head = _head(call, "chat.completion.chunk")
    with_usage = asked.stream_options is not None and asked.stream_options.include_usage
    if with_usage:
        head["usage"] = None

    def chunk(delta: dict[str, str], finish_reason: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return sse.event({**head, "choices": [choice], **more})

    try:
        yield chunk({"role": "assistant", "content": ""})
        async for part in parts:
            match part:
                case Text():
                    yield chunk({"content": part.text})
                case End():
                    yield chunk({}, part.finish_reason)
    except ApiError as error:
        if isinstance(error, DeadlineExceeded) and _partial(call, asked):
            yield chunk({}, "length", mlx=_mlx(error))
        else:
            yield sse.event(error.body(partial=True, usage=call.usage()))
            with_usage = False
    except Exception:
        body.log_failure(call.id)
        yield sse.event(InternalError(body.OUR_FAULT).body(partial=True, usage=call.usage()))
        with_usage = False
    if with_usage:
        yield sse.event({**head, "choices": [], "usage": call.usage()})
    yield sse.DONE


def _head(call: Call, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{call.id.removeprefix('req_')}",
        "object": kind,
        "created": call.created,
        "model": call.model,
    }


def _partial(call: Call, asked: ChatRequest) -> bool:
    return asked.on_deadline == "partial" and call.completion_tokens > 0


def _mlx(error: DeadlineExceeded) -> dict[str, Any]:
    return {"deadline_exceeded": True, **error.extra}
