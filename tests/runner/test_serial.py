"""Models whose caches cannot be merged are served one request at a time, with the same promises."""

import time

import pytest

from inference.messages import Sampling
from tests.runner.process import Runner, long_prompt

ENDLESS = Sampling(temperature=0)


@pytest.mark.parametrize("prompt", ["hello there", "a longer one " * 40])
def test_it_says_what_the_batch_says(runner: Runner, serial: Runner, prompt: str) -> None:
    assert serial.ask(prompt).text == runner.ask(prompt).text
    seeded = Sampling(temperature=1, seed=5, max_tokens=20)
    assert serial.ask(prompt, seeded).text == runner.ask(prompt, seeded).text


def test_the_others_wait(serial: Runner) -> None:
    first, second = serial.add(), serial.add()
    serial.wait(first)
    assert serial.answers[second].tokens == 0
    assert serial.wait(second).text == serial.answers[first].text


def test_rows_are_dropped_while_they_wait_prefill_and_decode(serial: Runner) -> None:
    prefilling, waiting = serial.add(long_prompt()), serial.add()
    serial.until(lambda: serial.answers[prefilling].prefills)
    assert serial.abort(waiting).reason == "aborted"
    assert serial.abort(prefilling).completion_tokens == 0
    decoding = serial.add(sampling=ENDLESS, deadline=time.monotonic() + 0.3)
    assert serial.wait(decoding).done.reason == "deadline"
    assert serial.answers[decoding].tokens > 0
    assert serial.ask().done.reason == "length"


def test_a_stop_string_ends_a_row(serial: Runner) -> None:
    whole = serial.ask().text
    answer = serial.ask(sampling=Sampling(temperature=0, stop=(whole[20:30],)))
    assert (answer.text, answer.done.reason) == (whole[:20], "stop")
    assert serial.ask().text == whole
