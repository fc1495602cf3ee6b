"""What only a process knows of itself: a hook that its Python loads before all else writes it down when asked."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from tests.waiting import until

HOOK = """
import ctypes, gc, json, os, signal, sys
from pathlib import Path

def openblas_threads():
    try:
        return ctypes.CDLL("libopenblas.so.0", mode=os.RTLD_NOLOAD).openblas_get_num_threads()
    except OSError:  # this process has not loaded it
        return None

def tell(*_):
    facts = {
        "switch_seconds": sys.getswitchinterval(),
        "frozen": gc.get_freeze_count(),
        "openblas_threads": openblas_threads(),
    }
    draft = Path(__file__).with_name("draft-%d" % os.getpid())
    draft.write_text(json.dumps(facts))
    draft.rename(draft.with_name("told-%d" % os.getpid()))

signal.signal(signal.SIGUSR1, tell)
"""


def hooked(folder: Path) -> dict[str, str]:
    """The environment of a process that can be asked, and so can all that it starts. `folder`: an empty one."""
    (folder / "sitecustomize.py").write_text(HOOK)
    return {"PYTHONPATH": str(folder)}


def told(folder: Path, pid: int) -> dict[str, Any]:
    answer = folder / f"told-{pid}"
    answer.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    until(answer.exists)
    facts: dict[str, Any] = json.loads(answer.read_text())
    return facts
