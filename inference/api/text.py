"""How an answer of text is sent: whole, or as a stream."""

import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.http.response import HttpResponseBase

from inference.api import body, sse
from inference.api.form import Form, OpenAIForm
from inference.api.head import Head
from inference.call import Call
from inference.chunk import Chunk
from inference.completion import Batches
from inference.errors import OUR_FAULT, ApiError, DeadlineExceeded, InternalError
from inference.messages import Done, TokenLogprob, Tokens, ToolCall

Made = Tokens | ToolCall


@dataclass
class Choice:
    texts: list[Tokens] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    logprobs: list[TokenLogprob] | None = None
    finish_reason: str | None = None

    @property
    def text(self) -> str:
        return "".join(tokens.text for tokens in self.texts if tokens.kind == "content")

    @property
    def reasoning(self) -> str:
        return "".join(tokens.text for tokens in self.texts if tokens.kind == "reasoning")

    def add(self, tokens: Tokens) -> None:
        self.texts.append(tokens)
        if tokens.logprobs is not None:
            self.logprobs = self.logprobs or []
            self.logprobs += tokens.logprobs


class Wire(Protocol):
    """How an endpoint writes what is made; all but `whole` are chunks of a stream."""

    def opening(self) -> list[dict[str, Any]]: ...
    def made(self, index: int, item: Made) -> list[dict[str, Any]]: ...
    def empty(self) -> dict[str, Any]: ...
    def ending(self, index: int, finish_reason: str) -> dict[str, Any]: ...
    def usage(self) -> dict[str, Any]: ...
    def whole(self, choices: list[Choice]) -> dict[str, Any]: ...


async def answer(
    call: Call, asked: Head, batches: Batches, wire: Wire, keep_alive: str, form: Form | None = None
) -> HttpResponseBase:
    """One choice for each row of the call, streamed if the client asked so; in OpenAI's form unless in another."""
    call.takes_partial = asked.on_deadline == "partial"
    form = OpenAIForm(wire.empty()) if form is None else form
    if not asked.stream:
        return await _whole(call, batches, wire, form)
    with_usage = asked.stream_options is not None and asked.stream_options.include_usage
    alive = {"comment": lambda: sse.COMMENT, "chunk": form.alive}.get(keep_alive)
    return await sse.stream(
        call, batches, lambda all_batches: _chunks(call, all_batches, wire, form, with_usage, alive), alive
    )


async def _whole(call: Call, batches: Batches, wire: Wire, form: Form) -> HttpResponseBase:
    choices: dict[int, Choice] = defaultdict(Choice)
    relayed: Any = None
    more: dict[str, Any] = {}
    try:
        async for index, item in _by_choice(call, batches):
            if isinstance(item, Chunk):
                relayed = relayed if item.data is None else form.whole(item.data)
            elif isinstance(item, Tokens):
                choices[index].add(item)
            elif isinstance(item, ToolCall):
                choices[index].tool_calls.append(item)
            else:
                choices[index].finish_reason = item.reason
    except DeadlineExceeded as error:
        if not call.is_partial(error):
            raise
        more = {"mlx": _mlx(error)}
        for index in range(len(call.row_ids)):
            choices[index].finish_reason = choices[index].finish_reason or "length"
    except ApiError as error:
        call.failed(error)  # unless it has an ending already
        raise
    except Exception:
        call.failed(InternalError(OUR_FAULT))
        raise
    finally:
        await batches.aclose()
    if relayed is not None:
        return body.json_response(relayed)
    made = wire.whole([choices[index] for index in sorted(choices)])
    return body.json_response(form.whole({**made, **more}))


async def _chunks(
    call: Call,
    batches: Batches,
    wire: Wire,
    form: Form,
    with_usage: bool,
    alive: Callable[[], bytes] | None,
) -> AsyncIterator[bytes]:
    """The stream of one answer: done, deadline and failure all end it in so many words.

    A long call of a tool is silent until it is complete, so it gives signs of life.
    """
    nulls: dict[str, Any] = {"usage": None} if with_usage else {}
    ended: set[int] = set()
    opened = False
    spoke = time.monotonic()
    try:
        async for index, item in _by_choice(call, batches):
            if isinstance(item, Chunk):
                with_usage = False  # the provider says it itself
                if item.data is not None:
                    yield form.chunk(item.data)
                continue
            if not opened:
                opened = True
                for chunk in wire.opening():
                    yield form.chunk({**chunk, **nulls})
            if isinstance(item, Done):
                ended.add(index)
                yield form.chunk({**wire.ending(index, item.reason), **nulls})
            elif chunks := wire.made(index, item):
                spoke = time.monotonic()
                for chunk in chunks:
                    yield form.chunk({**chunk, **nulls})
            elif alive is not None and time.monotonic() - spoke > sse.KEEP_ALIVE_SECONDS:
                spoke = time.monotonic()
                yield alive()
    except ApiError as error:
        if isinstance(error, DeadlineExceeded) and call.is_partial(error):
            for index in set(range(len(call.row_ids))) - ended:
                yield form.chunk({**wire.ending(index, "length"), **nulls, "mlx": _mlx(error)})
        else:
            call.failed(error)  # unless it has an ending already
            with_usage = False
            yield form.failed(error, call.usage())
    except Exception:
        with_usage = False
        call.failed(InternalError(OUR_FAULT))
        body.log_failure(call.id)
        yield form.failed(InternalError(OUR_FAULT), call.usage())
    if with_usage:
        yield form.chunk(wire.usage())
    yield form.last()


async def _by_choice(call: Call, batches: Batches) -> AsyncGenerator[tuple[int, Made | Done | Chunk], None]:
    """What was made, and endings, by the choice they belong to; the texts of one kind in a batch are one.

    A provider's chunk names its choices itself.
    """
    async for items in batches:
        index_of = {row_id: index for index, row_id in enumerate(call.row_ids)}
        made: dict[int, list[Made]] = defaultdict(list)
        for item in items:
            if isinstance(item, Chunk):
                yield 0, item
            elif isinstance(item, (Tokens, ToolCall)):
                _join(made[index_of[item.id]], item)
            elif isinstance(item, Done):
                index = index_of[item.id]
                for each in made.pop(index, ()):
                    yield index, each
                yield index, item
        for index, each_made in made.items():
            for each in each_made:
                yield index, each


def _join(made: list[Made], item: Made) -> None:
    """In the order in which it was made."""
    last = made[-1] if made else None
    if isinstance(item, Tokens) and isinstance(last, Tokens) and last.kind == item.kind:
        logprobs = item.logprobs if last.logprobs is None else last.logprobs + (item.logprobs or [])
        made[-1] = Tokens(item.id, last.text + item.text, last.count + item.count, logprobs, item.kind)
    else:
        made.append(item)


def _mlx(error: DeadlineExceeded) -> dict[str, Any]:
    return {"deadline_exceeded": True, **error.extra}
