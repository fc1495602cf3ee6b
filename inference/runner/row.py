"""One request inside the runner, from its arrival to its last text."""

from typing import Any, Literal

from inference.messages import Add, Done, Prefill, TokenLogprob
from inference.runner.held_logprobs import HeldLogprobs
from inference.runner.logits_processors import Processor
from inference.runner.sampling import Sampler, sampler_for
from inference.runner.stop_strings import StopStrings

Reason = Literal["stop", "length", "deadline", "aborted"]


class Row:
    """A prompt, the tokens made for it so far as text, and when it has to be gone."""

    def __init__(
        self,
        command: Add,
        prompt: list[int],
        max_tokens: int,
        processors: list[Processor],
        detokenizer: Any,
    ) -> None:
        self.id = command.id
        self.deadline = command.deadline
        self.prompt = prompt
        self.max_tokens = max_tokens
        self.sampler: Sampler = sampler_for(command.sampling)
        self.processors = processors
        self.alternatives = (
            command.sampling.logprobs
        )  # to tell beside each log-probability; None: tell nothing
        self.uid: int | None = None  # the generator's; None while it waits for a place
        self.prompt_done = 0  # of the prompt's tokens, with those that were cached
        self.cached_tokens = 0
        self.decoding = False
        self.completion_tokens = 0
        self._detokenizer = detokenizer
        self._min_tokens = command.sampling.min_tokens
        self._stop = StopStrings(command.sampling.stop)
        self._logprobs = HeldLogprobs()

    def take(self, token: int, logprob: TokenLogprob | None = None) -> tuple[str, bool]:
        """The text that a token completes, perhaps none, and whether a stop string was met."""
        if logprob is not None:
            self._logprobs.add(logprob)
        self._detokenizer.add_token(token)
        return self._feed(self._detokenizer.last_segment)

    def tail(self) -> tuple[str, bool]:
        """As `take`, for the text that waited for tokens that will not come."""
        self._detokenizer.finalize()
        text, stopped = self._feed(self._detokenizer.last_segment)
        if stopped:
            return text, True
        self._logprobs.release()
        return text + self._stop.flush(), False

    def logprobs(self) -> list[TokenLogprob] | None:
        """Those that can be told since it was last asked; None if the row is not to tell any."""
        return None if self.alternatives is None else self._logprobs.taken()

    def prefill(self) -> Prefill:
        return Prefill(self.id, self.prompt_done, len(self.prompt), self.cached_tokens)

    def done(self, reason: Reason, stop_latency: float | None = None) -> Done:
        return Done(
            self.id, reason, len(self.prompt), self.completion_tokens, self.cached_tokens, stop_latency
        )

    def _feed(self, made: str) -> tuple[str, bool]:
        """Text on its way out. Of the first `min_tokens` nothing ends the row."""
        bound = self.completion_tokens <= self._min_tokens
        sent, stopped = (made, False) if bound else self._stop.feed(made)
        if self.alternatives is not None:
            self._logprobs.pass_on(made, sent, stopped)
        return sent, stopped
