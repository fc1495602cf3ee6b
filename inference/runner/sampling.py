"""How the next token is chosen from a row's log-probabilities."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import mlx.core as mx
from mlx_lm.sample_utils import greedy_sampler

from inference.messages import Sampling

Sampler = Callable[[mx.array], mx.array]
# What a nucleus mostly has room in. With it `_likely` takes a CPU 70 ms for 32 rows of 49,000 tokens, 350 without.
MOST_IN_NUCLEUS = 1024
FEWEST_ROWS = 4  # below, a sort takes less than what waiting costs: the first token comes a step later


class _Choice(NamedTuple):
    temperature: float
    top_p: float
    top_k: int
    min_p: float


def sampler_for(sampling: Sampling) -> Sampler:
    """Takes log-probabilities (rows, vocabulary) and gives tokens (rows,).

    Equal parameters without a seed share one function, because the batch generator makes one call for all
    rows that have the same one. A seeded row has a key of its own: its tokens do not depend on its company.
    """
    if sampling.temperature == 0 or sampling.top_p == 0 or sampling.top_k == 1:
        return greedy_sampler
    choice = _Choice(sampling.temperature, sampling.top_p, max(0, sampling.top_k), sampling.min_p)
    return _unseeded(choice) if sampling.seed is None else _seeded(choice, sampling.seed)


@lru_cache(maxsize=256)
def _unseeded(choice: _Choice) -> Sampler:
    return lambda logprobs: mx.random.categorical(_scaled(logprobs, choice))


def _seeded(choice: _Choice, seed: int) -> Sampler:
    key = mx.random.key(seed % 2**64)

    def sample(logprobs: mx.array) -> mx.array:
        nonlocal key
        key, step_key = mx.random.split(key)
        return mx.random.categorical(_scaled(logprobs, choice), key=step_key)

    return sample


def _scaled(logprobs: mx.array, choice: _Choice) -> mx.array:
    left = _likely(logprobs, choice.top_p, choice.top_k, choice.min_p)
    return left.astype(mx.float32) / choice.temperature  # float16 would overflow below 1e-3


def _likely(logprobs: mx.array, top_p: float, top_k: int, min_p: float) -> mx.array:
    """The tokens that each of the three leaves, before the temperature changes anything; the others get -inf.

    What mlx_lm's apply_top_p, apply_top_k and apply_min_p leave one after the other, in one pass and with one sort,
    of `top_k` tokens where that is given. Not those themselves: they are compiled for every new value, which on a CPU
    takes 0.6 s, in which every row stands still.
    """
    least: list[mx.array] = []
    head = mx.topk(logprobs, top_k, axis=-1) if 0 < top_k < logprobs.shape[-1] else logprobs
    if head is not logprobs:
        least.append(head.min(axis=-1, keepdims=True))
    if top_p < 1:
        mass = mx.exp(logprobs.astype(mx.float32)).sum(axis=-1, keepdims=True)  # not quite 1 in bfloat16
        head = _with_nucleus(logprobs, top_p * mass) if head is logprobs else head
        least.append(_least_in_nucleus(head, top_p * mass))
    if 0 < min_p <= 1:
        least.append(logprobs.max(axis=-1, keepdims=True) + math.log(min_p))
    if not least:
        return logprobs
    threshold = least[0]
    for other in least[1:]:
        threshold = mx.maximum(threshold, other)
    return mx.where(logprobs < threshold, -mx.inf, logprobs)


def _with_nucleus(logprobs: mx.array, mass: mx.array) -> mx.array:
    """The likeliest of the tokens, if their probabilities sum up to `mass` in every row, else all.

    To know it waits for the model. That is worth it on a CPU; a GPU sorts in no time, and would stand still meanwhile.
    """
    rows, vocabulary = logprobs.shape
    on_cpu = mx.default_device().type == mx.DeviceType.cpu
    if not on_cpu or rows < FEWEST_ROWS or vocabulary <= 4 * MOST_IN_NUCLEUS:
        return logprobs
    head = mx.topk(logprobs, MOST_IN_NUCLEUS, axis=-1)
    enough: Any = (mx.exp(head.astype(mx.float32)).sum(axis=-1, keepdims=True) >= mass).all()
    return head if enough.item() else logprobs


def _least_in_nucleus(head: mx.array, mass: mx.array) -> mx.array:
    """The last of the likeliest that it takes for their probabilities to sum up to `mass`; at most all of `head`."""
    rising = mx.sort(head, axis=-1)
    mass_above = mx.cumsum(mx.exp(rising.astype(mx.float32)), axis=-1, reverse=True, inclusive=False)
    dropped = (mass_above >= mass).sum(axis=-1, keepdims=True)
    return mx.take_along_axis(rising, mx.minimum(dropped, rising.shape[-1] - 1), axis=-1)
