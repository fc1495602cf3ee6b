"""A wheel from the package registry, by package name, pinned by hash.

pip does the fetching, so the user's mirrors, proxies and certificates hold. Nothing of the package is run.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes there will be."""


class CannotFetch(Exception):
    """The message says what happened and what to do."""


@dataclass(frozen=True)
class Wheel:
    """`package`: name==version, as pip takes it."""

    package: str
    sha256: str


def download(wheel: Wheel, draft: Path, progress: Progress) -> Path:
    """Into the folder `draft`. Raises CannotFetch."""
    requirements = draft / "requirements.txt"
    requirements.write_text(f"{wheel.package} --hash=sha256:{wheel.sha256}\n")
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
        raise CannotFetch(why_pip_failed(wheel.package, log.read_text()))
    return next(draft.glob("*.whl"))


def why_pip_failed(package: str, log: str) -> str:
    if "DO NOT MATCH THE HASHES" in log:
        return (
            f"The package {package} that your package index serves is not the one this version was made with "
            "(its hash differs). Nothing of it was kept. Check the mirror or proxy that pip is set up to use."
        )
    if "No space left" in log:
        return f"The disk filled up while {package} was fetched. Make room and run this again."
    if "from versions: none" in log or "connection broken" in log:
        return (
            f"Cannot reach {package}: is this machine online? pip's own settings for an index, a proxy or "
            "a certificate are used (pip config list). Or serve a model that is here: manage.py add_model"
        )
    errors = [line for line in log.splitlines() if line.startswith("ERROR")] or log.splitlines()[-3:]
    return f"pip could not fetch {package}: {' '.join(errors) or 'it gave no reason'}"


def unpack(archive: Path, files: dict[str, Path], sha256: dict[str, str]) -> None:
    """The files of the archive that are wanted, each to its place. `sha256`: of those to be checked, by name inside.

    Raises CannotFetch.
    """
    with zipfile.ZipFile(archive) as wheel:
        for name, place in files.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            with wheel.open(name) as packed, place.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked, 1024 * 1024)
    archive.unlink()
    for name, expected in sha256.items():
        with files[name].open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                raise CannotFetch(f"{name} inside {archive.name} is not the file this version was made with.")
