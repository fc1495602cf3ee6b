"""POST /v1/completions."""

from typing import Annotated, Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from msgspec import Meta

from inference import completion
from inference.api import body, logprobs, prompts, text
from inference.api.head import Head
from inference.api.prompts import Prompts
from inference.api.text import Choice, Made
from inference.api.text_request import TextRequest
from inference.arrival import Arrival
from inference.call import Call
from inference.completion import Asked
from inference.errors import InvalidRequest
from inference.messages import Add, TokenLogprob, ToolCall
from settings_app.endpoints import BY_KEY

ENDPOINT = BY_KEY["completions"]
DEFAULT_MAX_TOKENS = 16  # OpenAI's
MOST_PROMPTS = 128


class CompletionRequest(TextRequest, forbid_unknown_fields=True, kw_only=True):
    prompt: Prompts
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    # what clients send although it asks for nothing; anything else is refused
    best_of: Annotated[int, Meta(ge=1, le=1)] | None = None
    suffix: None = None

    def check(self) -> None:
        super().check()
        if self.echo and self.logprobs is not None:
            raise InvalidRequest(
                "logprobs of an echoed prompt are not told here: mlx-lm's batch reads a prompt without keeping how "
                "likely its tokens were. Leave out echo or logprobs.",
                param="logprobs",
                code="unsupported_parameter",
            )


async def create(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    head = body.decode(request, Head)
    call = arrival.begin(request, ENDPOINT, head.model, head.timeout, streamed=bool(head.stream))
    asked = Asked("text", lambda: _rows(request, call), lambda: body.for_provider(request))
    batches = completion.run(call, asked, arrival.settings)
    return await text.answer(call, head, batches, CompletionWire(call), arrival.settings.serving.keep_alive)


def _rows(request: HttpRequest, call: Call) -> list[Add]:
    asked = body.decode(request, CompletionRequest)
    asked.check()
    found = prompts.read(asked.prompt, "prompt", most=MOST_PROMPTS)
    max_tokens = DEFAULT_MAX_TOKENS if asked.max_tokens is None else asked.max_tokens
    sampling = asked.sampling(max_tokens, asked.logprobs)
    return [
        Add(f"{call.id}.{index}", call.deadline.at, prompt, sampling, bool(asked.echo))
        for index, prompt in enumerate(found)
    ]


class CompletionWire:
    def __init__(self, call: Call) -> None:
        self._call = call
        self._id = f"cmpl-{call.id.removeprefix('req_')}"

    @property
    def _head(self) -> dict[str, Any]:
        """The model is known when there is something to say: a fallback may serve."""
        call = self._call
        return {"id": self._id, "object": "text_completion", "created": call.created, "model": call.model}

    def opening(self) -> list[dict[str, Any]]:
        return []

    def made(self, index: int, item: Made) -> list[dict[str, Any]]:
        if isinstance(item, ToolCall) or not (item.text or item.logprobs):  # calls are made in chats alone
            return []
        return [{**self._head, "choices": [_choice(index, item.text, None, item.logprobs)]}]

    def empty(self) -> dict[str, Any]:
        return {**self._head, "choices": [_choice(0, "", None)]}

    def ending(self, index: int, finish_reason: str) -> dict[str, Any]:
        return {**self._head, "choices": [_choice(index, "", finish_reason)]}

    def usage(self) -> dict[str, Any]:
        return {**self._head, "choices": [], "usage": self._call.usage()}

    def whole(self, choices: list[Choice]) -> dict[str, Any]:
        written = [
            _choice(index, choice.text, choice.finish_reason, choice.logprobs)
            for index, choice in enumerate(choices)
        ]
        return {**self._head, "choices": written, "usage": self._call.usage()}


def _choice(
    index: int, text: str, finish_reason: str | None, told: list[TokenLogprob] | None = None
) -> dict[str, Any]:
    return {
        "index": index,
        "text": text,
        "logprobs": logprobs.of_completion(told),
        "finish_reason": finish_reason,
    }
