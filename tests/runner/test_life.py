"""The process: its start, its failures, its end."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.messages import LoadFailed, Loading, Ready, Sampling, Stop
from tests.runner.process import PROJECT, Runner, ready, started
from tests.tiny_model import CONTEXT_TOKENS, make_tiny_model


def test_it_says_loading_then_ready(tiny_model: Path) -> None:
    with started(tiny_model) as runner:
        [loading] = runner.receive()
        [up] = runner.receive()
    assert loading == Loading((tiny_model / "model.safetensors").stat().st_size)
    assert isinstance(up, Ready)
    assert up.context_tokens == CONTEXT_TOKENS and up.memory_bytes > 500_000


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def half_of_the_weights(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 100_000)


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()


def unknown_model_type(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "abacus"}')


def broken_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": ')


@pytest.mark.parametrize(
    ("break_it", "word"),
    [
        (no_config, "config.json"),
        (broken_config, "config.json"),
        (no_weights, "safetensors"),
        (half_of_the_weights, "complete"),
        (no_tokenizer, "tokenizer"),
        (unknown_model_type, "abacus"),
        (shutil.rmtree, "does not exist"),
    ],
)
def test_a_folder_that_cannot_be_served(tmp_path: Path, break_it: Callable[[Path], None], word: str) -> None:
    folder = make_tiny_model(tmp_path / "broken")
    break_it(folder)
    with started(folder) as runner:
        runner.receive()
        [failed] = runner.receive()
        assert isinstance(failed, LoadFailed)
        assert word in failed.message and "broken" in failed.message
        assert (
            str(tmp_path) not in failed.message.replace(str(folder), "") and "Traceback" not in failed.message
        )
        assert runner.wait_exit() == 1


def test_stop_ends_it_in_the_middle_of_its_work(tiny_model: Path) -> None:
    with ready(tiny_model) as runner:
        runner.add()
        runner.send(Stop())
        assert runner.wait_exit() == 0


def test_sigterm_ends_it_and_sigint_does_not(tiny_model: Path) -> None:
    with ready(tiny_model) as runner:
        runner.process.send_signal(signal.SIGINT)
        assert runner.ask().done.reason == "length"
        runner.process.terminate()
        assert runner.wait_exit() == -signal.SIGTERM


def test_a_step_that_fails_ends_the_process(tiny_model: Path) -> None:
    with ready(tiny_model, module="tests.runner.failing_step") as runner:
        row = runner.add()
        assert runner.wait_exit() == 1
        assert runner.answers[row].end is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads the time used from /proc")
def test_it_rests_when_it_has_nothing_to_do(runner: Runner) -> None:
    runner.ask()
    before = _cpu_seconds(runner.process.pid)
    time.sleep(0.5)  # nothing happens: that is what is measured
    assert _cpu_seconds(runner.process.pid) - before < 0.05


PARENT = """
import socket, subprocess, sys, time
ours, theirs = socket.socketpair()
command = [sys.executable, "-m", "inference.runner", f"--socket={theirs.fileno()}", *sys.argv[1:]]
runner = subprocess.Popen(command, stdin=-1, stdout=-3, stderr=-3, pass_fds=[theirs.fileno()])
print(runner.pid, flush=True)
time.sleep(600)
"""


def test_it_dies_with_a_server_that_is_killed(tiny_model: Path) -> None:
    command = [sys.executable, "-c", PARENT, "--model", str(tiny_model)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _alive(pid)
        parent.kill()
    deadline = time.monotonic() + 20
    while _alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)  # nobody here is its parent: there is no event to wait for


def _alive(pid: int) -> bool:
    status = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return status.stdout.strip()[:1] not in ("", "Z")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_server_that_does_not_read_holds_nothing_up(runner: Runner) -> None:
    """What fits no more into the socket waits; the batch goes on, and with it deadlines."""
    wordy = Sampling(temperature=0, logprobs=20)
    rows = [runner.add(sampling=wordy, deadline=time.monotonic() + 1) for _ in range(4)]
    time.sleep(2)  # nobody reads: that is what is measured
    for row in rows:
        done = runner.wait(row).done
        assert done.reason == "deadline" and done.stop_latency is not None and done.stop_latency < 0.9
        assert runner.answers[row].tokens == done.completion_tokens > 0
