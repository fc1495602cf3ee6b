"""The log-probabilities of tokens that were chosen, and of those that could have been."""

import math
from typing import Any, NamedTuple

import mlx.core as mx

from inference.messages import TokenLogprob
from inference.runner.token_bytes import TokenBytes


class Chosen(NamedTuple):
    """A token of a row that asked, the log-probabilities that it was chosen by (vocabulary,), and how many to tell."""

    token: int
    logprobs: mx.array
    alternatives: int


def told(chosen: dict[int, Chosen], bytes_of: TokenBytes) -> dict[int, TokenLogprob]:
    """One for each, by the same number; all rows of a step in one computation."""
    if not chosen:
        return {}
    logprobs = mx.stack([one.logprobs for one in chosen.values()])
    if logprobs.dtype != mx.float32:  # rounded, the probabilities do not sum up to 1
        logprobs = logprobs.astype(mx.float32)
        logprobs -= mx.logsumexp(logprobs, axis=-1, keepdims=True)
    own: Any = mx.take_along_axis(logprobs, mx.array([[one.token] for one in chosen.values()]), axis=-1)
    best = _likeliest(logprobs, max(one.alternatives for one in chosen.values()))
    return {
        number: TokenLogprob(
            bytes_of(one.token),
            logprob,
            [(bytes_of(token), value) for value, token in pairs[: max(0, one.alternatives)]],
        )
        for (number, one), [logprob], pairs in zip(chosen.items(), own.tolist(), best, strict=True)
    }


def _likeliest(logprobs: mx.array, count: int) -> list[list[tuple[float, int]]]:
    """For each row the best tokens with their log-probabilities, best first; none that cannot come."""
    rows, vocabulary = logprobs.shape
    count = min(count, vocabulary)
    if count < 1:
        return [[] for _ in range(rows)]
    tokens: Any = mx.argpartition(-logprobs, kth=count - 1, axis=-1)[:, :count]
    values: Any = mx.take_along_axis(logprobs, tokens, axis=-1)
    mx.eval(tokens, values)
    return [
        sorted(
            (pair for pair in zip(row, ids, strict=True) if pair[0] > -math.inf),
            key=lambda pair: (-pair[0], pair[1]),
        )
        for row, ids in zip(values.tolist(), tokens.tolist(), strict=True)
    ]
