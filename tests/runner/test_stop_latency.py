"""How soon after its deadline, or the Abort, a row is gone: within two steps, wherever it is."""

import statistics
import time

import pytest

from inference.messages import Abort, Done, Sampling, SetDeadline
from tests.runner.process import NEVER, Runner, long_prompt

ENDLESS = Sampling(temperature=0)
STEPS = 2
NOISE_SECONDS = 0.05  # of a machine that does other things too


def decoding(runner: Runner, deadline: float = NEVER) -> str:
    row = runner.add(sampling=ENDLESS, deadline=deadline)
    runner.until(lambda: runner.answers[row].tokens)
    return row


def step_seconds(runner: Runner, row: str) -> float:
    """The slowest of ten steps in which the row got a token."""
    times = []
    for _ in range(10):
        before, seen = time.monotonic(), runner.answers[row].tokens
        while runner.answers[row].tokens == seen:
            runner.receive()
        times.append(time.monotonic() - before)
    return max(times)


def latency(done: Done) -> float:
    assert done.stop_latency is not None and done.stop_latency >= 0
    return done.stop_latency


def test_an_abort_while_decoding_takes_two_steps(runner: Runner) -> None:
    latencies, steps = [], []
    for _ in range(10):
        row = decoding(runner)
        steps.append(step_seconds(runner, row))
        latencies.append(latency(runner.abort(row)))
    assert statistics.median(latencies) < STEPS * statistics.median(steps) + NOISE_SECONDS


def test_a_deadline_while_decoding_takes_two_steps(runner: Runner) -> None:
    latencies, steps = [], []
    for _ in range(10):
        row = decoding(runner)
        steps.append(step_seconds(runner, row))
        runner.send(SetDeadline(row, time.monotonic() + 0.02))
        latencies.append(latency(runner.wait(row).done))
    assert statistics.median(latencies) < STEPS * statistics.median(steps) + NOISE_SECONDS


@pytest.mark.parametrize("by_abort", [True, False])
def test_a_prefill_stops_within_a_chunk(runner: Runner, by_abort: bool) -> None:
    row = runner.add(long_prompt(), ENDLESS)
    runner.until(lambda: len(runner.answers[row].prefills) > 1)
    sent_after = len(runner.answers[row].prefills)
    runner.send(Abort(row) if by_abort else SetDeadline(row, time.monotonic()))
    answer = runner.wait(row)
    # One that was under way, and what had been sent but not yet been read here.
    assert len(answer.prefills) - sent_after <= 3
    assert answer.prefills[-1].done_tokens < answer.done.prompt_tokens


def test_a_queued_row_expires_with_no_event_for_it(runner: Runner) -> None:
    """In the order of deadlines, and not when a place is free: nobody leaves in the meantime."""
    rows = [runner.add(f"{n} stays", ENDLESS) for n in range(32)]
    runner.until(lambda: all(runner.answers[row].tokens for row in rows))
    now = time.monotonic()
    queued = [runner.add(f"{n} waits", deadline=now + after) for n, after in enumerate((0.3, 0.1, 0.2))]
    dones = [runner.wait(row).done for row in queued]
    assert not any(runner.answers[row].end for row in rows)
    for done in dones:
        assert done.reason == "deadline" and not runner.answers[done.id].prefills
        assert latency(done) < 1
    for row in rows:
        runner.abort(row)


def test_a_shorter_deadline_ends_a_row_at_its_next_step(runner: Runner) -> None:
    row = decoding(runner)
    seconds = step_seconds(runner, row)
    runner.send(SetDeadline(row, time.monotonic()))
    done = runner.wait(row).done
    assert done.reason == "deadline"
    assert latency(done) < STEPS * seconds + NOISE_SECONDS


def test_a_longer_deadline_keeps_a_row(runner: Runner) -> None:
    first = time.monotonic() + 0.5
    row = decoding(runner, first)
    runner.send(SetDeadline(row, first + 0.5))
    done = runner.wait(row).done
    assert done.reason == "deadline" and time.monotonic() >= first + 0.5


def test_a_queued_row_s_deadline_can_be_moved(runner: Runner) -> None:
    rows = [runner.add(f"{n} stays", ENDLESS) for n in range(32)]
    soon = time.monotonic() + 0.2
    kept, ended = runner.add("kept", deadline=soon), runner.add("ended")
    runner.send(SetDeadline(kept, NEVER))
    runner.send(SetDeadline(ended, soon))
    assert runner.wait(ended).done.reason == "deadline"
    assert not runner.answers[kept].end
    for row in rows:
        runner.abort(row)
    assert runner.wait(kept).done.reason == "length"
