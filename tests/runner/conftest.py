from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.process import SMALL_CHUNKS, Runner, ready


@pytest.fixture(scope="session")
def shared_runner(tiny_model: Path) -> Iterator[Runner]:
    with ready(tiny_model, *SMALL_CHUNKS) as runner:
        yield runner


@pytest.fixture(scope="session")
def serial(tiny_model: Path) -> Iterator[Runner]:
    """The same model, as one whose caches cannot be merged."""
    with ready(tiny_model, module="tests.runner.serial_runner") as runner:
        yield runner


@pytest.fixture(params=["batched", "serial"])
def either(request: pytest.FixtureRequest, runner: Runner) -> Runner:
    found: Runner = runner if request.param == "batched" else request.getfixturevalue("serial")
    return found


@pytest.fixture
def runner(shared_runner: Runner) -> Iterator[Runner]:
    """One process for all tests that leave it alive; each has to leave it without a row."""
    assert shared_runner.process.poll() is None
    yield shared_runner
    assert all(answer.end for answer in shared_runner.answers.values()), shared_runner.answers
    shared_runner.answers.clear()
