"""Rows that leave before their end: abort and deadline, wherever the row is."""

import time

import pytest

from inference.messages import Abort, Prefill, Sampling, SetDeadline
from tests.runner.process import NEVER, Runner, long_prompt

ENDLESS = Sampling(temperature=0, max_tokens=None)


def decoding(runner: Runner) -> str:
    row = runner.add(sampling=ENDLESS)
    runner.until(lambda: runner.answers[row].tokens)
    return row


def test_an_abort_while_decoding(runner: Runner) -> None:
    done = runner.abort(decoding(runner))
    assert done.reason == "aborted"
    assert done.completion_tokens == runner.answers[done.id].tokens > 0
    assert done.stop_latency is not None and 0 <= done.stop_latency < 5


def test_an_abort_while_prefilling(runner: Runner) -> None:
    row = runner.add(long_prompt())
    runner.until(lambda: runner.answers[row].prefills)
    done = runner.abort(row)
    assert (done.reason, done.completion_tokens) == ("aborted", 0)
    assert runner.answers[row].prefills[-1].done_tokens < done.prompt_tokens


def test_an_abort_in_the_queue(runner: Runner) -> None:
    rows = [runner.add(sampling=ENDLESS) for _ in range(33)]
    runner.until(lambda: all(runner.answers[row].tokens for row in rows[:32]))
    assert runner.abort(rows[32]).reason == "aborted"
    assert runner.answers[rows[32]].prefills == []
    for row in rows[:32]:
        runner.abort(row)


def test_an_abort_right_behind_its_row(runner: Runner) -> None:
    row = runner.add()
    assert runner.abort(row).reason == "aborted"


def test_an_abort_of_an_unknown_or_ended_row_is_nothing(runner: Runner) -> None:
    ended = runner.add()
    runner.wait(ended)
    runner.send(Abort("nobody"))
    runner.send(Abort(ended))
    runner.send(SetDeadline("nobody", 0))
    assert runner.ask().done.reason == "length"


@pytest.mark.parametrize("prompt", ["hello", long_prompt()])
def test_a_deadline_ends_a_row_in_time(runner: Runner, prompt: str) -> None:
    deadline = time.monotonic() + 0.2
    answer = runner.ask(prompt, ENDLESS, deadline)
    assert 0 <= time.monotonic() - deadline < 5
    assert answer.done.reason == "deadline"
    assert answer.done.stop_latency is not None and 0 <= answer.done.stop_latency < 5


def test_a_deadline_that_is_past_costs_no_work(runner: Runner) -> None:
    answer = runner.ask(deadline=time.monotonic() - 3)
    assert answer.done.reason == "deadline" and not answer.prefills
    assert answer.done.stop_latency is not None and 3 <= answer.done.stop_latency < 8


def test_a_deadline_in_the_queue(runner: Runner) -> None:
    rows = [runner.add(sampling=ENDLESS) for _ in range(32)]
    queued = runner.add(deadline=time.monotonic() + 0.1)
    answer = runner.wait(queued)
    assert answer.done.reason == "deadline" and not answer.prefills
    for row in rows:
        runner.abort(row)


def test_a_deadline_can_be_moved_both_ways(runner: Runner) -> None:
    shortened, extended = decoding(runner), runner.add(sampling=ENDLESS, deadline=time.monotonic() + 60)
    runner.send(SetDeadline(extended, NEVER))
    runner.send(SetDeadline(shortened, time.monotonic()))
    assert runner.wait(shortened).done.reason == "deadline"
    assert not runner.answers[extended].end
    runner.abort(extended)


def test_neighbours_of_dropped_rows_say_what_they_say_alone(runner: Runner) -> None:
    long = Sampling(temperature=0, max_tokens=60)
    prompts = ["one", "two two two", "three " * 20, "four " * 200]
    alone = [runner.ask(prompt, long).text for prompt in prompts]
    dropped = [runner.add("leaves while it decodes", ENDLESS) for _ in range(2)]
    rows = [runner.add(prompt, long) for prompt in prompts]
    dropped += [runner.add("leaves in its prefill " * 100, ENDLESS)]
    runner.until(lambda: runner.answers[dropped[0]].tokens > 3 and runner.answers[rows[0]].tokens > 3)
    for row in dropped:
        runner.abort(row)
    assert [runner.wait(row).text for row in rows] == alone


def test_the_next_row_starts_as_fast_as_before(runner: Runner) -> None:
    def seconds_to_first_token() -> float:
        start = time.monotonic()
        row = runner.add()
        runner.until(lambda: runner.answers[row].tokens)
        seconds = time.monotonic() - start
        runner.wait(row)
        return seconds

    before = min(seconds_to_first_token() for _ in range(3))
    for _ in range(8):
        runner.add(long_prompt(), ENDLESS, time.monotonic() + 0.3)
    runner.until(lambda: all(answer.end for answer in runner.answers.values()))
    assert min(seconds_to_first_token() for _ in range(3)) < 2 * before + 0.1


def test_the_first_prefill_comes_when_the_row_leaves_the_queue(runner: Runner) -> None:
    row = runner.add(long_prompt())
    runner.until(lambda: runner.answers[row].prefills)
    first = runner.answers[row].prefills[0]
    assert first == Prefill(row, first.cached_tokens, first.prompt_tokens, first.cached_tokens)
    assert first.cached_tokens < 20
    runner.abort(row)
