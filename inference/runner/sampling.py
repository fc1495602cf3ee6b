"""How the next token is chosen from a row's log-probabilities."""

from collections.abc import Callable
from functools import lru_cache

import mlx.core as mx
from mlx_lm.sample_utils import apply_top_p, greedy_sampler

from inference.messages import Sampling

Sampler = Callable[[mx.array], mx.array]


def sampler_for(sampling: Sampling) -> Sampler:
    """Takes log-probabilities (rows, vocabulary) and gives tokens (rows,).

    Equal parameters without a seed share one function, because the batch generator makes one call for all
    rows that have the same one. A seeded row has a key of its own: its tokens do not depend on its company.
    """
    if sampling.temperature == 0 or sampling.top_p == 0:
        return greedy_sampler
    if sampling.seed is None:
        return _unseeded(sampling.temperature, sampling.top_p)
    return _seeded(sampling.temperature, sampling.top_p, sampling.seed)


@lru_cache(maxsize=256)
def _unseeded(temperature: float, top_p: float) -> Sampler:
    return lambda logprobs: mx.random.categorical(_scaled(logprobs, temperature, top_p))


def _seeded(temperature: float, top_p: float, seed: int) -> Sampler:
    key = mx.random.key(seed % 2**64)

    def sample(logprobs: mx.array) -> mx.array:
        nonlocal key
        key, step_key = mx.random.split(key)
        return mx.random.categorical(_scaled(logprobs, temperature, top_p), key=step_key)

    return sample


def _scaled(logprobs: mx.array, temperature: float, top_p: float) -> mx.array:
    if top_p < 1:
        logprobs = apply_top_p(logprobs, top_p)
    return logprobs.astype(mx.float32) / temperature  # float16 would overflow below 1e-3
