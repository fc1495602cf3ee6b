"""How the system's scheduler treats a runner."""

import os
import sys
from pathlib import Path

import pytest

from tests.runner.process import Runner


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be told")
def test_mlx_threads_preempt_nobody_and_the_loop_does(runner: Runner) -> None:
    pid = runner.process.pid
    tasks = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    policies = {task: os.sched_getscheduler(task) for task in tasks}
    assert policies.pop(pid) == os.SCHED_OTHER
    assert os.SCHED_BATCH in policies.values(), "the thread that computes"
    assert os.SCHED_OTHER in policies.values(), "the thread that takes commands in"
