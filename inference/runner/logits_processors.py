"""What changes a row's logits before its next token is chosen."""

from collections.abc import Callable

import mlx.core as mx
from mlx_lm.sample_utils import make_logits_processors

from inference.messages import Sampling
from inference.runner.prompt import Unusable

Processor = Callable[[mx.array, mx.array], mx.array]
"""Takes the row's tokens so far, prompt and all that was made (n,), and its logits (1, vocabulary); gives logits.

Called once for each token, in order. The last of the tokens is not computed yet when it is called: to look at it
waits for the step before, and what stays lazy costs nothing.
"""


def processors_for(sampling: Sampling) -> list[Processor]:
    """In the order in which they change the logits."""
    processors: list[Processor] = make_logits_processors(logit_bias=dict(sampling.logit_bias))
    return processors


def check_bias(sampling: Sampling, vocabulary: int) -> None:
    """Raises Unusable for a token that the model does not have: mlx writes where it is told, bounds or not."""
    for token, _ in sampling.logit_bias:
        if not 0 <= token < vocabulary:
            message = f"logit_bias names the token {token}; this model's tokens are 0 to {vocabulary - 1}."
            raise Unusable("invalid_value", message, "logit_bias")
