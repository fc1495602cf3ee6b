"""POST /v1/completions."""

from typing import Annotated, Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from msgspec import Meta

from inference import completion
from inference.api import body, prompts, text
from inference.api.text import Choice, TextRequest
from inference.arrival import Arrival
from inference.call import Call
from inference.messages import Add
from settings_app.endpoints import BY_KEY

ENDPOINT = BY_KEY["completions"]
DEFAULT_MAX_TOKENS = 16  # OpenAI's
MOST_PROMPTS = 128


class CompletionRequest(TextRequest, forbid_unknown_fields=True, kw_only=True):
    prompt: Any
    echo: bool | None = None
    # what clients send although it asks for nothing; anything else is refused
    best_of: Annotated[int, Meta(ge=1, le=1)] | None = None
    logprobs: None = None
    suffix: None = None


async def create(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    asked = body.decode(request, CompletionRequest)
    asked.check()
    found = prompts.read(asked.prompt, "prompt", most=MOST_PROMPTS)
    model = arrival.model(asked.model, "text")
    call = arrival.begin(request, ENDPOINT, model, asked.timeout, streamed=bool(asked.stream))
    sampling = asked.sampling(DEFAULT_MAX_TOKENS if asked.max_tokens is None else asked.max_tokens)
    rows = [
        Add(f"{call.id}.{index}", call.deadline.at, prompt, sampling, bool(asked.echo))
        for index, prompt in enumerate(found)
    ]
    serving = arrival.settings.serving
    batches = completion.run(call, model, rows, serving)
    return await text.answer(call, asked, batches, CompletionWire(call), serving.keep_alive)


class CompletionWire:
    def __init__(self, call: Call) -> None:
        self._call = call
        self._head = {
            "id": f"cmpl-{call.id.removeprefix('req_')}",
            "object": "text_completion",
            "created": call.created,
            "model": call.model,
        }

    def opening(self) -> list[dict[str, Any]]:
        return []

    def text(self, index: int, text: str) -> dict[str, Any]:
        return {**self._head, "choices": [_choice(index, text, None)]}

    def ending(self, index: int, finish_reason: str) -> dict[str, Any]:
        return {**self._head, "choices": [_choice(index, "", finish_reason)]}

    def usage(self) -> dict[str, Any]:
        return {**self._head, "choices": [], "usage": self._call.usage()}

    def whole(self, choices: list[Choice]) -> dict[str, Any]:
        written = [_choice(index, choice.text, choice.finish_reason) for index, choice in enumerate(choices)]
        return {**self._head, "choices": written, "usage": self._call.usage()}


def _choice(index: int, text: str, finish_reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}
