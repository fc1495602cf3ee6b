"""A request for embeddings inside the runner, from its texts to its last vector."""

from inference.messages import Done, Embed, TextPrompt, TokenPrompt
from inference.runner.encoder import Dimensions, Encoder
from inference.runner.row import Reason
from inference.runner.text_tokens import TooLong
from inference.runner.unusable import Unusable

SLICE_CHARACTERS = 50_000  # tokenized at a time: 15 ms


class EmbedRow:
    """Its inputs as tokens, which of them are still to be done, and when it has to be gone."""

    def __init__(self, command: Embed, encoder: Encoder) -> None:
        self.id = command.id
        self.deadline = command.deadline
        self.dimensions = command.dimensions
        self.tokens: list[list[int]] = []
        self.pending: list[int] = []  # numbers of inputs, the longest last; filled when all are tokens
        self.admitted = False
        self.done_tokens = 0
        self.prompt_tokens = 0
        self._inputs = command.inputs
        self._encoder = encoder

    @property
    def tokenized(self) -> bool:
        return len(self.tokens) == len(self._inputs)

    def check(self) -> None:
        """What can be said before the inputs are tokens. Raises Unusable."""
        if not self._inputs:
            raise Unusable("invalid_value", "There is no input.", "input")
        known = self._encoder.dimensions
        if self.dimensions not in (None, known.size, *known.shortened):
            raise Unusable(
                "unsupported_dimensions",
                f"This model makes embeddings of {_listed(known)} dimensions. It cannot make {self.dimensions}.",
                "dimensions",
            )

    def tokenize(self) -> None:
        """The next slice of the inputs. Raises Unusable."""
        inputs = self._slice()
        for number, prompt in enumerate(inputs, len(self.tokens)):
            self._check_length(prompt, number)
        texts = [prompt.text for prompt in inputs if isinstance(prompt, TextPrompt)]
        encoded = iter(self._encoder.tokens(texts) if texts else [])
        for prompt in inputs:
            tokens = next(encoded) if isinstance(prompt, TextPrompt) else prompt.tokens
            self._check_input(prompt, tokens)
            self.tokens.append(tokens)
        if self.tokenized:
            self.prompt_tokens = sum(map(len, self.tokens))
            self.pending = sorted(range(len(self.tokens)), key=lambda number: len(self.tokens[number]))

    def done(self, reason: Reason, stop_latency: float | None = None) -> Done:
        return Done(self.id, reason, self.prompt_tokens, 0, stop_latency=stop_latency)

    def _slice(self) -> list[TextPrompt | TokenPrompt]:
        inputs: list[TextPrompt | TokenPrompt] = []
        characters = 0
        for prompt in self._inputs[len(self.tokens) :]:
            inputs.append(prompt)
            characters += len(prompt.text if isinstance(prompt, TextPrompt) else prompt.tokens)
            if characters >= SLICE_CHARACTERS:
                break
        return inputs

    def _check_length(self, prompt: TextPrompt | TokenPrompt, number: int) -> None:
        try:
            if isinstance(prompt, TextPrompt):
                self._encoder.check_length(prompt.text)
        except TooLong as error:
            raise self._exceeded(self._name(number), f"more than {error.tokens}") from None

    def _check_input(self, prompt: TextPrompt | TokenPrompt, tokens: list[int]) -> None:
        name = self._name(len(self.tokens))
        if not tokens or (isinstance(prompt, TextPrompt) and not prompt.text):
            raise Unusable("invalid_value", f"There is nothing to embed: {name} is empty.", "input")
        most = self._encoder.context_tokens
        if most is not None and len(tokens) > most:
            raise self._exceeded(name, str(len(tokens)))
        last = self._encoder.vocabulary - 1
        if min(tokens) < 0 or max(tokens) > last:
            raise Unusable("invalid_value", f"In {name} are tokens that are not from 0 to {last}.", "input")

    def _name(self, number: int) -> str:
        return f"input[{number}]" if len(self._inputs) > 1 else "the input"

    def _exceeded(self, name: str, tokens: str) -> Unusable:
        most = self._encoder.context_tokens
        return Unusable(
            "context_length_exceeded",
            f"This model's maximum context length is {most} tokens. However, {name} has {tokens} tokens.",
            "input",
        )


def _listed(known: Dimensions) -> str:
    if not known.shortened:
        return str(known.size)
    fewer = sorted(known.shortened - {known.size})
    if len(fewer) == known.size - 1:
        return f"1 to {known.size}"
    return f"{', '.join(map(str, fewer))} or {known.size}"
