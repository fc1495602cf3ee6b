"""What keeps a process from pausing. Without it all is said as before, only later: so the process itself is asked."""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.management.commands.serve import SWITCH_SECONDS
from tests.inside import hooked, told
from tests.server import Server, serving
from tests.tiny_model import make_tiny_model
from tests.v1.pool import add, use

WIDE = 60_000  # of 384 parameters each: 23 million, above the bound for several threads
FEWEST_FROZEN = 50_000  # what Django, or mlx_lm, and all that they import have made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("told")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path, tiny_model: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("pauses")
    with serving(home, **hooked(folder)) as server:
        add(server, "small", tiny_model)
        add(server, "large", make_tiny_model(home / "large", feed_forward=WIDE))
        yield server


@pytest.fixture(scope="module")
def small(server: Server, folder: Path) -> dict[str, Any]:
    return told(folder, _runner(server, "small"))


@pytest.fixture(scope="module")
def large(server: Server, folder: Path) -> dict[str, Any]:
    return told(folder, _runner(server, "large"))


def _runner(server: Server, model: str) -> int:
    """Its process, when it has answered a request."""
    use(server, model)
    [line] = [line for line in server.lines if f"runner of {model} started" in line]
    return int(line.rsplit(" ", 1)[1])


def test_a_thread_of_the_server_keeps_its_event_loop_waiting_for_a_moment_only(
    server: Server, folder: Path
) -> None:
    assert told(folder, server.process.pid)["switch_seconds"] == pytest.approx(SWITCH_SECONDS)
    assert SWITCH_SECONDS < 0.001, "Python's own is 0.005"


def test_what_was_imported_is_never_looked_through_for_garbage(
    server: Server, folder: Path, small: dict[str, Any]
) -> None:
    assert told(folder, server.process.pid)["frozen"] > FEWEST_FROZEN
    assert small["frozen"] > FEWEST_FROZEN


def test_a_small_model_computes_in_one_thread_and_a_large_one_in_several(
    small: dict[str, Any], large: dict[str, Any]
) -> None:
    try:
        ctypes.CDLL("libopenblas.so.0")
    except OSError:
        pytest.skip("OpenBLAS is not installed")
    assert small["openblas_threads"] == 1
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("this machine computes in one thread whatever it is told")
    assert large["openblas_threads"] > 1
