"""The frames between the server and a runner, both ways: msgpack over a socket pair, as `inference.frames` has it.

A frame to a runner is one `Command`; a frame from a runner is a list of `Event`s, what a turn of its loop had
to say. Times are seconds of `time.monotonic()`, which both processes share: they run on one machine.
"""

from typing import Any, Literal

import msgspec


class Sampling(msgspec.Struct, frozen=True, array_like=True):
    """How tokens are chosen, and how much is told of the choice.

    `max_tokens` None is as many as the context holds; before `min_tokens` are made nothing ends the row. `temperature`
    0 is greedy, `top_k` 0 and `min_p` 0 leave all tokens in. `logit_bias`: pairs of a token and what is added to its
    logit. `logprobs`: so many alternatives are told beside each token's log-probability; None tells nothing.
    """

    max_tokens: int | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    top_k: int = 0
    min_p: float = 0.0
    min_tokens: int = 0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    logprobs: int | None = None


class Tools(msgspec.Struct, frozen=True, array_like=True):
    """What a row may call: `functions` as OpenAI's clients send them. `parallel` False: it ends with its first call.

    `required`: it calls at least one; `only`: this one. Functions that say `strict` are called with what fits them.
    """

    functions: list[dict[str, Any]]
    parallel: bool = True
    required: bool = False
    only: str | None = None


class ChatPrompt(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Goes through the model's chat template, which gets `template_kwargs` too; it is refused if it knows them not."""

    messages: list[dict[str, Any]]
    tools: Tools | None = None
    template_kwargs: dict[str, Any] = {}
    reasoning_effort: str | None = None


class TextPrompt(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Is tokenized as it stands, with the tokens that the model begins every text with."""

    text: str


class TokenPrompt(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Is taken as it stands."""

    tokens: list[int]


class JsonFormat(msgspec.Struct, frozen=True, array_like=True):
    """What is made is JSON that fits the schema, itself JSON text. `param`: the request's field that asks for it."""

    schema: str
    param: str


class Add(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Generate, in a text model. `deadline`: drop the row when it is past. `echo`: the prompt's text comes first."""

    id: str
    deadline: float
    prompt: ChatPrompt | TextPrompt | TokenPrompt
    sampling: Sampling
    echo: bool = False
    format: JsonFormat | None = None


class Count(Add, frozen=True, tag=True, array_like=True):
    """Say how many tokens the prompt of such an Add has, also if they are too many; nothing is made."""


class Embed(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Embed each input, in an embedding model. `dimensions`: cut to so many and normalized again, if the model can."""

    id: str
    deadline: float
    inputs: list[TextPrompt | TokenPrompt]
    dimensions: int | None = None


class Abort(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Drop the row at the next step; answered with `Done(reason="aborted")` if it was still there."""

    id: str


class SetDeadline(msgspec.Struct, frozen=True, tag=True, array_like=True):
    id: str
    deadline: float


class Configure(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """What may change while the model is loaded: the most tokens of a prompt in one step, and what is kept of them."""

    prefill_chunk: int
    prompt_cache_bytes: int


class Stop(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Leave at once; rows that are still there are not answered."""


Command = Add | Count | Embed | Abort | SetDeadline | Configure | Stop


class Loading(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The process is up and reads weights: `bytes_done` of `bytes_total`, the size of their files.

    Done is the share of the parameters that are in memory, in the form in which they are computed with.
    """

    bytes_total: int
    bytes_done: int = 0


class Ready(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The model is loaded. `memory_bytes`: what mlx holds now. `context_tokens` None: the model does not say.

    `capabilities`: what it can be asked for, as `/v1/models` says it.
    """

    kind: Literal["text", "embedding"]
    context_tokens: int | None
    memory_bytes: int
    capabilities: tuple[str, ...] = ()


class LoadFailed(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The folder cannot be served; the process exits after it. `message` is fit for a client."""

    message: str


class Prefill(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Prompt tokens of a row that are computed so far, of them `cached_tokens` were known from an earlier one.

    The first one says that the row left the queue.
    """

    id: str
    done_tokens: int
    prompt_tokens: int
    cached_tokens: int = 0


class TokenLogprob(msgspec.Struct, frozen=True, array_like=True):
    """A token of an answer and how likely it was, by what it was chosen from before the temperature.

    `token`: its bytes, perhaps a part of a character. `likeliest`: the likeliest tokens there, best first.
    `offset`: where its text begins in the answer, in characters.
    """

    token: bytes
    logprob: float
    likeliest: list[tuple[bytes, float]] = []
    offset: int = 0


class Tokens(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """What one step added to a row: `count` tokens. `text` may be empty (half a character, half a stop string, a tag).

    `count` 0: an echoed prompt, what was held back when the row ended, or the rest of a step that said more than one
    thing. Tags of thinking count as thinking; of `tools`, and what stands between them, as content. `logprobs`: of the
    tokens whose text is out, for a row that asked; they come with the end of their text.
    """

    id: str
    text: str
    count: int
    logprobs: list[TokenLogprob] | None = None
    kind: Literal["content", "reasoning"] = "content"


class ToolCall(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """A whole call that a row made, its `number` from 0 on. `arguments` is a JSON object. It counts no tokens."""

    id: str
    number: int
    call_id: str
    name: str
    arguments: str


class Vectors(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Embeddings of the inputs from number `first` on: float32, little-endian, one after the other in each bytes."""

    id: str
    first: int
    values: list[bytes]


class Counted(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The prompt has so many tokens. It never was a row."""

    id: str
    tokens: int


class Done(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The row is gone and its memory given back.

    `reason` tool_calls: it stopped, and has made calls. `stop_latency`: seconds from the deadline, or from the
    arrival of the Abort, to the drop; None for the other reasons. `stopped_by`: the stop string that was met, if
    one was.
    """

    id: str
    reason: Literal["stop", "length", "tool_calls", "deadline", "aborted"]
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    stop_latency: float | None = None
    stopped_by: str = ""


class Refused(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The request cannot be served by this model, through a fault of the request (HTTP 400)."""

    id: str
    code: str
    param: str | None
    message: str


class Stats(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """What the process holds: when a row came or went, and once a second while it works.

    `memory_bytes`: what mlx holds (weights, caches, buffers in use and kept for use), `prompt_cache_bytes` of it for
    prompts that may come again. `decoding`, `prefilling`, `queued`: rows.
    """

    memory_bytes: int
    prompt_cache_bytes: int
    decoding: int
    prefilling: int
    queued: int


Event = (
    Loading | Ready | LoadFailed | Prefill | Tokens | ToolCall | Vectors | Counted | Done | Refused | Stats
)
ENDS = (Counted, Done, Refused)  # the last of a row; as a union `isinstance` takes five times as long
