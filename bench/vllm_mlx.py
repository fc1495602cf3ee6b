"""The fastest peer known, in an environment of its own: its packages are other versions than this product's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.worker import PROJECT

VERSION = "0.6.0"
FOLDER = PROJECT / ".bench" / "vllm-mlx"
INSTALL_SECONDS = 900


class CannotInstall(Exception):
    """The message says why, in a line."""


def python() -> Path:
    """The interpreter of an environment that has it; made once. Raises CannotInstall."""
    found = FOLDER / "bin" / "python"
    if installed(found):
        return found
    uv = _uv()
    backend = ["mlx[cpu]"] if sys.platform == "linux" else []
    shutil.rmtree(FOLDER, ignore_errors=True)
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(FOLDER)])
    _run([uv, "pip", "install", "--quiet", "--python", str(found), f"vllm-mlx=={VERSION}", *backend])
    return found


def installed(python: Path) -> dict[str, str]:
    """Versions by package; nothing if it is not there."""
    asked = "from importlib.metadata import version as v; print(v('vllm-mlx'), v('mlx'), v('mlx-lm'))"
    if not python.exists():
        return {}
    said = subprocess.run([str(python), "-c", asked], capture_output=True, text=True, check=False)
    names = ("vllm-mlx", "its mlx", "its mlx-lm")
    versions = said.stdout.split()
    return dict(zip(names, versions, strict=True)) if len(versions) == len(names) else {}


def _uv() -> str:
    """The Makefile's own, or one of the machine."""
    uv = os.environ.get("UV") or shutil.which("uv") or str(PROJECT / ".uv" / "bin" / "uv")
    if not Path(uv).exists():
        raise CannotInstall("there is no uv; make bench brings it")
    return uv


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise CannotInstall(f"uv took more than {INSTALL_SECONDS} s") from None
    if done.returncode:
        raise CannotInstall((done.stderr.strip().splitlines() or ["uv failed"])[-1].strip())
