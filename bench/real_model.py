"""The built-in model as all contenders can compute it: fetched once, and in the numbers that a runner takes it in."""

import os
import subprocess
import sys
from pathlib import Path

from bench.worker import PROJECT
from inference.builtin import CHAT

HOME = PROJECT / ".bench" / "home"


def folder(written: Path) -> Path:
    """Where it is: as it was fetched, or in `written`, where a runner would convert it and others would not."""
    environment = {**os.environ, "MLX_MANAGER_HOME": str(HOME)}
    subprocess.run([sys.executable, "manage.py", "fetch_models"], cwd=PROJECT, env=environment, check=True)
    fetched = HOME / "models" / CHAT.name
    convert = [sys.executable, "-m", "bench.as_computed", str(fetched), str(written)]
    subprocess.run(convert, cwd=PROJECT, check=True)
    return written if written.exists() else fetched
