"""One request inside the runner, from its arrival to its last text."""

from typing import Any, Literal

from inference.messages import Add, Done, Prefill, TokenLogprob, Tokens
from inference.runner.grammar import Grammar
from inference.runner.held_logprobs import HeldLogprobs
from inference.runner.logits_processors import Processor
from inference.runner.reply import Ending, Reply, Said
from inference.runner.sampling import Sampler, sampler_for
from inference.runner.unusable import Unusable

Reason = Literal["stop", "length", "tool_calls", "deadline", "aborted"]


class Row:
    """A prompt, the tokens made for it so far, what they say, and when it has to be gone."""

    def __init__(
        self,
        command: Add,
        prompt: list[int],
        max_tokens: int,
        processors: list[Processor],
        detokenizer: Any,
        reply: Reply,
    ) -> None:
        self.id = command.id
        self.deadline = command.deadline
        self.prompt = prompt
        self.max_tokens = max_tokens
        self.sampler: Sampler = sampler_for(command.sampling)
        self.processors = processors
        # To tell beside each log-probability; None: tell nothing.
        self.alternatives = command.sampling.logprobs
        self.grammar: Grammar | None = None
        self.complete = True  # False while its grammar is compiled
        self.uid: int | None = None  # the generator's; None while it waits for a place
        self.prompt_done = 0  # of the prompt's tokens, with those that were cached
        self.cached_tokens = 0
        self.decoding = False
        self.completion_tokens = 0
        self._detokenizer = detokenizer
        self._min_tokens = command.sampling.min_tokens
        self._reply = reply
        self._logprobs = HeldLogprobs()

    @property
    def failure(self) -> Unusable | None:
        """Why the row cannot go on, although its request could be taken."""
        return self.grammar.failure if self.grammar is not None else None

    def hold_to(self, grammar: Grammar) -> None:
        """Last of all processors: what it forbids stays forbidden."""
        self.grammar, self.complete = grammar, True
        self.processors.append(grammar)

    def take(self, token: int, logprob: TokenLogprob | None = None) -> tuple[list[Said], bool]:
        """What a token completes, perhaps nothing, and whether the row is to end with it."""
        if logprob is not None:
            self._logprobs.add(logprob)
        self._detokenizer.add_token(token)
        text = self._detokenizer.last_segment
        # Of the first `min_tokens` no stop string ends the row.
        said, stopped = self._reply.feed(text, stops=self.completion_tokens > self._min_tokens)
        if self.alternatives is not None:
            self._logprobs.pass_on(len(text), self._reply.passed, stopped)
        return said, stopped

    def tail(self, ending: Ending) -> tuple[list[Said], bool]:
        """As `take`, for what waited for tokens that will not come."""
        self._detokenizer.finalize()
        text = self._detokenizer.last_segment
        said, stopped = self._reply.end(text, ending)
        if self.alternatives is not None:
            self._logprobs.pass_on(len(text), self._reply.passed, stopped)
            if not stopped:
                self._logprobs.release()
        return said, stopped

    def counted(self, said: list[Said]) -> list[Said]:
        """What a step brought forth, with its token counted, and the log-probabilities that can be told with it."""
        kind: Literal["content", "reasoning"] = "reasoning" if self._reply.thinking else "content"
        match said:
            case [Tokens(text=text, kind=made)] if made == kind:
                return [Tokens(self.id, text, 1, self._told(), kind)]
        return [Tokens(self.id, "", 1, self._told(), kind), *said]

    def left(self, said: list[Said]) -> list[Said]:
        """What was held back when the row was dropped, in the same way; it counts no token."""
        told = self._told()
        return [*said, Tokens(self.id, "", 0, told)] if told else said

    def prefill(self) -> Prefill:
        return Prefill(self.id, self.prompt_done, len(self.prompt), self.cached_tokens)

    def done(self, reason: Reason, stop_latency: float | None = None) -> Done:
        if reason == "stop" and self._reply.calls:
            reason = "tool_calls"
        return Done(
            self.id,
            reason,
            len(self.prompt),
            self.completion_tokens,
            self.cached_tokens,
            stop_latency,
            self._reply.stopped_by if reason == "stop" else "",
        )

    def _told(self) -> list[TokenLogprob] | None:
        """Those that can be told since it was last asked; None if the row is not to tell any."""
        return None if self.alternatives is None else self._logprobs.taken()
