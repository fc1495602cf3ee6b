"""Which files of a repository make a model here, and how each is known to be the right one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

SUFFIXES = (".json", ".txt", ".jinja", ".model", ".tiktoken")
TEXTS = ("README.md", "LICENSE", "LICENSE.md", "LICENCE", "NOTICE")
# sentence-transformers keeps what an embedding model does after its layers in folders like 1_Pooling.
MODULE = re.compile(r"\d+_\w+\Z")
WEIGHTS = re.compile(r"model.*\.safetensors\Z")
PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


class CannotTake(Exception):
    """The repository is nothing for this server. The message says why, and what to do."""


@dataclass(frozen=True)
class HubFile:
    """`sha256` is of the content; small files have git's `git_sha1` instead, of a header and the content."""

    path: str
    size_bytes: int
    sha256: str = ""
    git_sha1: str = ""

    @property
    def checksum(self) -> str:
        return self.sha256 or self.git_sha1


def chosen(files: Iterable[HubFile]) -> list[HubFile]:
    """The files that a model needs, the small ones first. Raises CannotTake.

    Nothing that runs or could run when it is read: no code, no pickles.
    """
    every = list(files)
    for file in every:
        check_path(file.path)
    wanted = [file for file in every if _is_wanted(file.path)]
    paths = {file.path for file in wanted}
    if "config.json" not in paths:
        raise CannotTake("It has no config.json, so it is no model in mlx format. Choose another.")
    if not any("/" not in path and WEIGHTS.match(path) for path in paths):
        pickled = any(file.path.endswith(PICKLED) for file in every)
        raise CannotTake(
            "Its weights are pickled, and a pickle can run code when it is read. Look for a conversion to safetensors."
            if pickled
            else "It has no weights in mlx format (model*.safetensors). Choose another."
        )
    if unknown := next((file.path for file in wanted if not file.checksum), None):
        raise CannotTake(f"The hub gives no checksum for {unknown}, so it could not be checked.")
    return sorted(wanted, key=lambda file: (file.size_bytes, file.path))


def check_path(path: str) -> None:
    """Raises CannotTake for a name that would lead out of the model's folder, or is none."""
    parts = path.split("/")
    outside = any(part in ("", ".", "..") for part in parts) or PurePosixPath(path).is_absolute()
    odd = any(ord(letter) < 32 or letter in '\\:*?"<>|' for letter in path) or len(path) > 500
    if outside or odd or any(len(part.encode()) > 200 for part in parts):
        raise CannotTake(f"It names a file that could lie outside the model's folder: {path[:100]!r}.")


def stored(files: Iterable[HubFile]) -> list[dict[str, Any]]:
    return [asdict(file) for file in files]


def read(files: Iterable[Mapping[str, Any]]) -> list[HubFile]:
    return [HubFile(**file) for file in files]


def _is_wanted(path: str) -> bool:
    *folders, name = path.split("/")
    if name.startswith("."):
        return False
    if folders and not (len(folders) == 1 and MODULE.match(folders[0])):
        return False
    return name in TEXTS or name.endswith(SUFFIXES) or bool(WEIGHTS.match(name))
