"""Penalties, biases and the fewest tokens: the same as computed by hand, in the batch and one by one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.messages import Sampling
from tests.runner.process import GREEDY, Runner
from tests.runner.reference import Change, greedily, unchanged

TEXT = "hello hello there"
COUNT = 40
END = 1


def penalized(*, repetition: float = 1, presence: float = 0, frequency: float = 0) -> Change:
    """By the formulas of their papers and of OpenAI's reference."""

    def change(logits: np.ndarray, prompt: list[int], made: list[int]) -> None:
        for token in {*prompt, *made}:
            logits[token] = logits[token] * repetition if logits[token] < 0 else logits[token] / repetition
        for token in set(made):
            logits[token] -= presence + frequency * made.count(token)

    return change


def biased(logits: np.ndarray, prompt: list[int], made: list[int]) -> None:
    logits[[70, 80, 90]] += [30, 29, -100]
    logits[list({*made})] -= 2


CASES: list[tuple[dict[str, Any], Change]] = [
    ({}, unchanged),
    ({"repetition_penalty": 1.7}, penalized(repetition=1.7)),
    ({"repetition_penalty": 0.5}, penalized(repetition=0.5)),
    ({"presence_penalty": 2.0}, penalized(presence=2)),
    ({"frequency_penalty": 2.0}, penalized(frequency=2)),
    ({"frequency_penalty": -2.0}, penalized(frequency=-2)),
    (
        {"repetition_penalty": 1.3, "presence_penalty": 1.0, "frequency_penalty": 0.5},
        penalized(repetition=1.3, presence=1, frequency=0.5),
    ),
    ({"logit_bias": ((70, 30), (80, 29), (90, -100)), "presence_penalty": 2.0}, biased),
]


@pytest.mark.parametrize(("asked", "change"), CASES)
def test_it_is_what_the_formula_gives(
    either: Runner, tiny_model: Path, asked: dict[str, Any], change: Change
) -> None:
    expected = greedily(tiny_model, TEXT, COUNT, change)
    answer = either.ask(TEXT, Sampling(temperature=0, max_tokens=COUNT, logprobs=1, **asked))
    assert answer.logprobs is not None
    chosen = [logprobs[token] for token, logprobs in zip(expected.tokens, expected.logprobs, strict=True)]
    np.testing.assert_allclose([one.logprob for one in answer.logprobs], chosen, atol=1e-4)
    plain = [logprobs.max() for logprobs in greedily(tiny_model, TEXT, COUNT).logprobs]
    assert np.allclose(plain, chosen, atol=1e-4) == (change is unchanged)


def test_a_penalty_ends_a_loop(either: Runner) -> None:
    """The bias alone repeats one token for ever."""
    loop = Sampling(temperature=0, max_tokens=60, logit_bias=((40, 60),))
    assert len(set(either.ask(sampling=loop).text)) == 1
    ended = Sampling(temperature=0, max_tokens=60, logit_bias=((40, 60),), frequency_penalty=2)
    assert len(set(either.ask(sampling=ended).text)) > 10


def bias(token: int, by: float, **more: Any) -> Sampling:
    return Sampling(**{"temperature": 0, "max_tokens": 20, "logit_bias": ((token, by),), **more})


def test_a_bias_of_100_always_brings_the_token_and_the_opposite_never(
    either: Runner, tiny_model: Path
) -> None:
    always = either.ask(sampling=bias(40, 100, temperature=1))
    assert len(always.text) == 20 and len(set(always.text)) == 1
    first = greedily(tiny_model, "hello there", 1).tokens[0]
    assert either.ask(sampling=bias(first, -100)).text[:1] != either.ask().text[:1]
    assert either.ask(sampling=bias(END, 100)).done.completion_tokens == 1


def test_it_changes_no_neighbour(runner: Runner) -> None:
    alone = runner.ask().text
    rows = [runner.add() for _ in range(3)]
    other = runner.add(sampling=bias(40, 100, frequency_penalty=1, repetition_penalty=1.1))
    assert [runner.wait(row).text for row in rows] == [alone] * 3
    assert runner.wait(other).text != alone


def test_the_same_alone_and_in_company(runner: Runner) -> None:
    samplings = [Sampling(max_tokens=20, seed=4, **asked) for asked, _ in CASES]
    alone = [runner.ask(TEXT, sampling).text for sampling in samplings]
    rows = [runner.add(TEXT, sampling) for sampling in samplings]
    assert [runner.wait(row).text for row in rows] == alone


@pytest.mark.parametrize("token", [-1, 1024, 2**40])
def test_a_token_that_the_model_does_not_have_is_refused(either: Runner, token: int) -> None:
    refused = either.ask(sampling=bias(token, 1)).refused
    assert (refused.code, refused.param) == ("invalid_value", "logit_bias")
    assert f"the token {token}; this model's tokens are 0 to 1023" in refused.message
    assert either.ask(sampling=GREEDY).done.reason == "length"


@pytest.mark.parametrize("fewest", [1, 5, 20])
def test_nothing_ends_it_before_the_fewest_tokens(either: Runner, fewest: int) -> None:
    done = either.ask(sampling=bias(END, 100, min_tokens=fewest)).done
    reason, made = ("stop", fewest + 1) if fewest < 20 else ("length", 20)  # the end token is counted
    assert (done.reason, done.completion_tokens) == (reason, made)


def test_nor_does_a_stop_string(either: Runner) -> None:
    loop = either.ask(sampling=bias(40, 100)).text
    answer = either.ask(sampling=bias(40, 100, min_tokens=7, stop=(loop[0] * 2,)))
    assert (answer.text, answer.done.reason, answer.done.completion_tokens) == (loop[:7], "stop", 9)
