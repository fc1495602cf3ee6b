"""The built-in models, as an operator gets them."""

import os
import subprocess
import sys
from pathlib import Path

from tests.server import PROJECT


def fetch_models(home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """`manage.py fetch_models`, on a home of its own."""
    return subprocess.run(
        [sys.executable, "manage.py", "fetch_models"],
        cwd=PROJECT,
        env=os.environ | {"MLX_MANAGER_HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
