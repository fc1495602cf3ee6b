"""A row that leaves changes no other one's answer, wherever it was when it left."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.messages import Abort, Sampling, SetDeadline
from tests.runner.process import NEVER, Runner, ready

ENDLESS = Sampling(temperature=0)
STAYING, LEAVING = 8, 8  # eight rows prefill at a time: the last ones wait in the queue


@pytest.fixture(scope="module")
def uncached(tiny_model: Path) -> Iterator[Runner]:
    with ready(tiny_model, "--prompt-cache-bytes", "0") as runner:
        yield runner


def test_rows_that_leave_in_any_phase(runner: Runner, uncached: Runner) -> None:
    phases = [phase for seed in range(6) for phase in leave_among_others(runner, uncached, seed)]
    assert set(phases) == {"queue", "prefill", "decode"}


def leave_among_others(runner: Runner, uncached: Runner, seed: int) -> list[str]:
    """Who stays says what it says alone. Returns the phases that the others left in."""
    chance = random.Random(seed)
    staying = {}
    leaving = []
    for n in chance.sample(range(STAYING + LEAVING), STAYING + LEAVING):
        prompt = f"{seed} {n} " * chance.choice([1, 30, 400])
        if n < STAYING:
            sampling = Sampling(temperature=0, max_tokens=chance.randint(5, 60))
            staying[runner.add(prompt, sampling)] = (prompt, sampling)
        else:
            leaving.append(runner.add(prompt, ENDLESS))
    phases = leave_one_by_one(runner, leaving, chance)
    said = [runner.wait(row).text for row in staying]
    assert said == [uncached.ask(*asked).text for asked in staying.values()]
    return phases


def leave_one_by_one(runner: Runner, leaving: list[str], chance: random.Random) -> list[str]:
    """By abort or by a deadline that is moved; between them some frames pass."""
    for row in reversed(leaving):  # the last ones are still in the queue
        for _ in range(chance.randint(0, 6)):
            runner.receive()
        runner.send(Abort(row) if chance.random() < 0.5 else SetDeadline(row, time.monotonic()))
    for row in leaving:
        assert runner.wait(row).done.reason in ("aborted", "deadline")
    return [phase(runner, row) for row in leaving]


def phase(runner: Runner, row: str) -> str:
    answer = runner.answers[row]
    return "decode" if answer.tokens else "prefill" if answer.prefills else "queue"


def test_seeded_neighbours_keep_their_tokens(runner: Runner, uncached: Runner) -> None:
    seeded = Sampling(temperature=1, seed=11, max_tokens=40)
    alone = uncached.ask("keeps its seed", seeded).text
    leaving = [runner.add(f"leaves {n}", ENDLESS, NEVER) for n in range(4)]
    row = runner.add("keeps its seed", seeded)
    runner.until(lambda: runner.answers[row].tokens > 3)
    for other in leaving:
        runner.abort(other)
    assert runner.wait(row).text == alone
