"""The fields that say how tokens are chosen; most are OpenAI's, some vLLM's."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from inference.api import logit_bias
from inference.errors import InvalidRequest
from inference.messages import Sampling

MOST_STOPS = 64  # OpenAI takes 4, its other servers and Anthropic more; each is looked for at each token
MOST = 2**31 - 1  # of what is counted: more than any context, and a number that a frame can hold
Penalty = Annotated[float, Meta(ge=-2, le=2)]


class SamplingFields(Struct, kw_only=True):
    max_tokens: Annotated[int, Meta(ge=1, le=MOST)] | None = None
    min_tokens: Annotated[int, Meta(ge=0, le=MOST)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=-1, le=MOST)] | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Meta(ge=0.1, le=10)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Any] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: str | Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(max_length=MOST_STOPS)] | None = None

    def sampling(self, max_tokens: int | None, logprobs: int | None) -> Sampling:
        """`logprobs`: the alternatives to tell, None for nothing. Raises InvalidRequest."""
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        if max_tokens is not None and (self.min_tokens or 0) > max_tokens:
            raise InvalidRequest(
                f"min_tokens is {self.min_tokens}, more than the {max_tokens} tokens that may be made.",
                param="min_tokens",
                code="invalid_value",
            )
        return Sampling(
            max_tokens=max_tokens,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            seed=self.seed,
            stop=tuple(text for text in stop if text),
            top_k=self.top_k or 0,
            min_p=self.min_p or 0.0,
            min_tokens=self.min_tokens or 0,
            repetition_penalty=1.0 if self.repetition_penalty is None else self.repetition_penalty,
            presence_penalty=self.presence_penalty or 0.0,
            frequency_penalty=self.frequency_penalty or 0.0,
            logit_bias=logit_bias.read(self.logit_bias),
            logprobs=logprobs,
        )
