"""How tokens are drawn: what may be drawn, and with which key."""

import math
import time
from typing import Any

import mlx.core as mx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlx_lm.sample_utils import apply_min_p, apply_top_k, apply_top_p

from inference.messages import Sampling, TokenLogprob
from inference.runner.sampling import _likely, sampler_for
from tests.runner.process import Answer, Runner

HOT: dict[str, Any] = {"temperature": 2.0, "max_tokens": 60, "logprobs": 20}
SEED: dict[str, Any] = {"temperature": 1.0, "max_tokens": 25}


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    top_p=st.sampled_from([1.0, 0.99, 0.7, 0.2]),  # mlx_lm compiles for each value
    top_k=st.sampled_from([0, 1, 3, 40, 128, 500]),
    min_p=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
)
def test_the_tokens_left_are_those_that_mlx_lm_leaves(
    seed: int, top_p: float, top_k: int, min_p: float
) -> None:
    logits = mx.random.normal((3, 128), key=mx.random.key(seed)) * 3
    expected = logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
    if top_p < 1:
        expected = apply_top_p(expected, top_p)
    if min_p:
        expected = apply_min_p(expected, min_p)
    if 0 < top_k < 128:
        expected = apply_top_k(expected, top_k)
    assert mx.array_equal(_likely(logprobs, top_p, top_k, min_p), expected)


@pytest.mark.parametrize("other", [1.0, 0.1])
@pytest.mark.parametrize("spread", [0.1, 3.0, 8.0])
def test_of_a_large_vocabulary_the_same_tokens_are_left(spread: float, other: float) -> None:
    """A nucleus is looked for among the likeliest first; in a flat distribution it is more than those."""
    logits = mx.random.normal((5, 16_384), key=mx.random.key(int(10 * spread))) * spread
    logits[1] *= other  # a row that needs more than its neighbours
    logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
    for top_p in (0.2, 0.9, 0.99):
        left = _likely(logprobs, top_p, 0, 0.0)
        alone = mx.concatenate([_likely(row[None], top_p, 0, 0.0) for row in logprobs])
        assert mx.array_equal(left, alone)
        # mlx_lm adds the probabilities up in another order: at the edge that may be some token.
        differ = mx.isfinite(left) != mx.isfinite(apply_top_p(logprobs, top_p))
        mass: Any = mx.where(differ, mx.exp(logprobs), 0).sum(axis=-1).max().item()
        assert mass < 1e-3


def better(one: TokenLogprob) -> list[float]:
    """The log-probabilities that were higher than the chosen one's."""
    return [logprob for _, logprob in one.likeliest if logprob > one.logprob]


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        (Sampling(**HOT, top_k=3), lambda one: len(better(one)) < 3),
        (Sampling(**HOT, top_p=0.6), lambda one: sum(map(math.exp, better(one))) < 0.6),
        (Sampling(**HOT, min_p=0.2), lambda one: one.logprob >= one.likeliest[0][1] + math.log(0.2) - 1e-5),
        (Sampling(**HOT, seed=1, top_k=3), lambda one: len(better(one)) < 3),
    ],
    ids=["top_k", "top_p", "min_p", "top_k with a seed"],
)
def test_only_what_is_likely_enough_is_drawn(either: Runner, asked: Sampling, holds: object) -> None:
    def all_hold(answer: Answer) -> bool:
        assert callable(holds) and answer.logprobs and len(answer.logprobs) == 60
        return all(holds(one) for one in answer.logprobs)

    assert all_hold(either.ask(sampling=asked))
    assert not all_hold(either.ask(sampling=Sampling(**HOT)))


def test_one_of_one_is_greedy(either: Runner) -> None:
    greedy = either.ask(sampling=Sampling(temperature=0, max_tokens=25)).text
    assert either.ask(sampling=Sampling(**SEED, top_k=1)).text == greedy
    assert either.ask(sampling=Sampling(**SEED, min_p=1.0)).text == greedy
    assert either.ask(sampling=Sampling(**SEED, top_k=2)).text != greedy


def test_equal_parameters_are_one_sampler_and_a_seed_is_a_key_of_ones_own() -> None:
    one, same, other = (Sampling(temperature=0.7, top_k=k, stop=(str(k),)) for k in (5, 5, 6))
    assert sampler_for(one) is sampler_for(same) is not sampler_for(other)
    assert sampler_for(Sampling(temperature=0)) is sampler_for(Sampling(top_k=1, seed=3))
    seeded = Sampling(temperature=0.7, seed=1)
    assert sampler_for(seeded) is not sampler_for(seeded)


def test_each_of_eight_seeded_rows_says_what_it_says_alone(runner: Runner) -> None:
    samplings = [Sampling(**SEED, seed=seed, top_p=0.9, top_k=30 + seed % 2) for seed in range(8)]
    alone = [runner.ask(sampling=sampling).text for sampling in samplings]
    rows = [runner.add(sampling=sampling) for sampling in samplings]
    assert [runner.wait(row).text for row in rows] == alone
    assert len(set(alone)) == 8


def test_serial_draws_the_same(runner: Runner, serial: Runner) -> None:
    asked = Sampling(
        **SEED, seed=9, top_p=0.9, top_k=30, min_p=0.01, frequency_penalty=1, repetition_penalty=1.2
    )
    assert serial.ask(sampling=asked).text == runner.ask(sampling=asked).text


def test_a_new_value_compiles_nothing() -> None:
    """mlx_lm's apply_top_p takes 0.6 s for each on a CPU, in which every row stands still."""

    def seconds(top_p: float) -> float:
        started = time.perf_counter()
        mx.eval(sampler_for(Sampling(top_p=top_p, min_p=top_p / 10))(mx.zeros((2, 1024))))
        return time.perf_counter() - started

    assert min(seconds(0.5 + number / 37) for number in range(5)) < 0.1
