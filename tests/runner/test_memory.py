"""What rows took comes back when they are gone, but for what the prompt cache holds and says."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.messages import Sampling, Stats
from tests.runner.process import Runner, ready

ENDLESS = Sampling(temperature=0)
EXPIRIES = 200
SLACK_BYTES = 300_000  # the last step's log-probabilities: 4 KB a row


@pytest.fixture(scope="module")
def own_runner(tiny_model: Path) -> Iterator[Runner]:
    with ready(tiny_model, "--prompt-cache-bytes", "5000000") as runner:
        yield runner


def test_memory_is_back_after_expiries_in_random_phases(own_runner: Runner) -> None:
    runner = own_runner
    chance = random.Random(0)
    before = at_rest(runner)
    expire(runner, chance, EXPIRIES)
    after = at_rest(runner)
    assert after.prompt_cache_bytes > 1_000_000
    assert held(after) - held(before) < SLACK_BYTES, (before, after)
    assert (after.decoding, after.prefilling, after.queued) == (0, 0, 0)


def expire(runner: Runner, chance: random.Random, count: int) -> None:
    runner.answers.clear()
    for n in range(count):
        prompt = f"{n} {chance.random()} " * chance.choice([1, 20, 60])
        runner.add(prompt, ENDLESS, time.monotonic() + chance.uniform(0, 0.5))
        if n % 10 == 9:
            runner.until(lambda: all(answer.end for answer in runner.answers.values()))
    assert {answer.done.reason for answer in runner.answers.values()} == {"deadline"}


def at_rest(runner: Runner) -> Stats:
    runner.ask("the last of them")
    return runner.stats_now()


def held(stats: Stats) -> int:
    return stats.memory_bytes - stats.prompt_cache_bytes


def test_it_says_when_rows_come_and_go(own_runner: Runner) -> None:
    runner = own_runner
    runner.stats_now()
    row = runner.add("comes and goes", ENDLESS)
    runner.until(lambda: runner.answers[row].tokens)
    come = runner.stats[-1]
    assert (come.decoding + come.prefilling, come.queued) == (1, 0)
    runner.abort(row)
    runner.until(lambda: runner.stats[-1].decoding + runner.stats[-1].prefilling == 0)


def test_it_says_who_waits(own_runner: Runner) -> None:
    rows = [own_runner.add(f"{n} waits " * 50, ENDLESS) for n in range(34)]
    own_runner.until(lambda: own_runner.stats and own_runner.stats[-1].decoding == 32)
    assert own_runner.stats[-1].queued == 2
    for row in rows:
        own_runner.abort(row)


def test_it_tells_once_a_second_while_it_works(own_runner: Runner) -> None:
    row = own_runner.add("goes on", ENDLESS)
    own_runner.until(lambda: own_runner.answers[row].tokens)
    own_runner.stats.clear()
    start = time.monotonic()
    own_runner.until(lambda: len(own_runner.stats) == 2)
    assert 1 <= time.monotonic() - start < 10
    own_runner.abort(row)
