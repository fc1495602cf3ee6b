"""What changes the logits, in the batch and where caches cannot be merged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.messages import Sampling
from tests.runner.process import GREEDY, Runner, ready


@pytest.fixture(scope="module")
def serial(tiny_model: Path) -> Iterator[Runner]:
    with ready(tiny_model, module="tests.runner.serial_runner") as runner:
        yield runner


@pytest.fixture(params=["batched", "serial"])
def either(request: pytest.FixtureRequest, runner: Runner, serial: Runner) -> Runner:
    return runner if request.param == "batched" else serial


def biased(token: int, bias: float, temperature: float = 0) -> Sampling:
    return Sampling(temperature=temperature, max_tokens=20, logit_bias=((token, bias),))


def test_a_bias_of_100_always_brings_the_token_and_the_opposite_never(either: Runner) -> None:
    always = either.ask(sampling=biased(40, 100, temperature=1))
    assert len(always.text) == 20 and set(always.text) == set(always.text[0])
    assert either.ask(sampling=biased(40, -100)).text == either.ask().text
    assert either.ask(sampling=biased(1, 100)).done.completion_tokens == 1  # the end token


def test_it_changes_no_neighbour(runner: Runner) -> None:
    alone = runner.ask().text
    rows = [runner.add() for _ in range(3)]
    other = runner.add(sampling=biased(40, 100))
    assert [runner.wait(row).text for row in rows] == [alone] * 3
    assert runner.wait(other).text != alone


@pytest.mark.parametrize("token", [-1, 1024, 2**40])
def test_a_token_that_the_model_does_not_have_is_refused(either: Runner, token: int) -> None:
    refused = either.ask(sampling=biased(token, 1)).refused
    assert (refused.code, refused.param) == ("invalid_value", "logit_bias")
    assert f"the token {token}; this model's tokens are 0 to 1023" in refused.message
    assert either.ask(sampling=GREEDY).done.reason == "length"
