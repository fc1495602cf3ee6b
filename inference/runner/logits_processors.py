"""What changes a row's logits before its next token is chosen."""

from collections.abc import Callable, Iterable

import mlx.core as mx
from mlx_lm.sample_utils import (
    make_frequency_penalty,
    make_logits_processors,
    make_presence_penalty,
    make_repetition_penalty,
)

from inference.messages import Sampling
from inference.runner.unusable import Unusable

Processor = Callable[[mx.array, mx.array], mx.array]
"""Takes the row's tokens so far, prompt and all that was made (n,), and its logits (1, vocabulary); gives logits.

Called once for each token, in order. The last of the tokens is not computed yet when it is called: to look at it
waits for the step before, and what stays lazy costs nothing.
"""

ALL_TOKENS = 2**30  # mlx_lm looks at the last 20 unless told otherwise
NEVER = -1e4  # not -inf: where a grammar leaves only the end, it comes


def processors_for(sampling: Sampling, prompt_tokens: int, end_tokens: Iterable[int]) -> list[Processor]:
    """In the order in which they change the logits.

    The repetition penalty looks at the prompt and the answer, as it does elsewhere; the presence and frequency
    penalties look at the answer alone, as OpenAI's do.
    """
    found: list[Processor] = []
    if sampling.repetition_penalty != 1:
        found.append(make_repetition_penalty(sampling.repetition_penalty, ALL_TOKENS))
    if sampling.presence_penalty:
        found.append(_of_answer(make_presence_penalty(sampling.presence_penalty, ALL_TOKENS), prompt_tokens))
    if sampling.frequency_penalty:
        found.append(
            _of_answer(make_frequency_penalty(sampling.frequency_penalty, ALL_TOKENS), prompt_tokens)
        )
    found += make_logits_processors(logit_bias=dict(sampling.logit_bias))
    if sampling.min_tokens > 0:
        found.append(_no_end_before(prompt_tokens + sampling.min_tokens, end_tokens))
    return found


def check_bias(sampling: Sampling, vocabulary: int) -> None:
    """Raises Unusable for a token that the model does not have: mlx writes where it is told, bounds or not."""
    for token, _ in sampling.logit_bias:
        if not 0 <= token < vocabulary:
            message = f"logit_bias names the token {token}; this model's tokens are 0 to {vocabulary - 1}."
            raise Unusable("invalid_value", message, "logit_bias")


def _of_answer(processor: Processor, prompt_tokens: int) -> Processor:
    return lambda tokens, logits: processor(tokens[prompt_tokens:], logits)


def _no_end_before(count: int, end_tokens: Iterable[int]) -> Processor:
    """`count`: with the prompt's tokens."""
    ends = mx.array(sorted(end_tokens), dtype=mx.int32)

    def process(tokens: mx.array, logits: mx.array) -> mx.array:
        if len(tokens) < count:
            logits[:, ends] = NEVER
        return logits

    return process
