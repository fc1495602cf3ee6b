"""One request inside the runner, from its arrival to its last text."""

from typing import Any, Literal

from inference.messages import Add, Done, Prefill
from inference.runner.logits_processors import processors_for
from inference.runner.sampling import Sampler, sampler_for
from inference.runner.stop_strings import StopStrings

Reason = Literal["stop", "length", "deadline", "aborted"]


class Row:
    """A prompt, the tokens made for it so far as text, and when it has to be gone."""

    def __init__(self, command: Add, prompt: list[int], max_tokens: int, detokenizer: Any) -> None:
        self.id = command.id
        self.deadline = command.deadline
        self.prompt = prompt
        self.max_tokens = max_tokens
        self.sampler: Sampler = sampler_for(command.sampling)
        self.processors = processors_for(command.sampling)
        self.uid: int | None = None  # the generator's; None while it waits for a place
        self.prompt_done = 0  # of the prompt's tokens, with those that were cached
        self.cached_tokens = 0
        self.decoding = False
        self.completion_tokens = 0
        self._detokenizer = detokenizer
        self._stop = StopStrings(command.sampling.stop)

    def take(self, token: int) -> tuple[str, bool]:
        """The text that a token completes, perhaps none, and whether a stop string was met."""
        self._detokenizer.add_token(token)
        return self._stop.feed(self._detokenizer.last_segment)

    def tail(self) -> tuple[str, bool]:
        """As `take`, for the text that waited for tokens that will not come."""
        self._detokenizer.finalize()
        text, stopped = self._stop.feed(self._detokenizer.last_segment)
        return (text, True) if stopped else (text + self._stop.flush(), False)

    def prefill(self) -> Prefill:
        return Prefill(self.id, self.prompt_done, len(self.prompt), self.cached_tokens)

    def done(self, reason: Reason, stop_latency: float | None = None) -> Done:
        return Done(
            self.id, reason, len(self.prompt), self.completion_tokens, self.cached_tokens, stop_latency
        )
