"""Adapters: what training with mlx_lm.lora made for a model, in a folder of its own."""

import json
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

WEIGHTS = "adapters.safetensors"
CONFIG = "adapter_config.json"
FINE_TUNE_TYPES = ("lora", "dora", "full")


def resolved(text: str) -> Path:
    """The folder that somebody wrote down. Raises ValidationError."""
    try:
        folder = Path(text).expanduser()
        if folder.is_absolute():
            return folder.resolve()
    except (OSError, RuntimeError, ValueError):
        raise _wrong(f"{text[:200]!r} cannot be a folder.") from None
    raise _wrong("Give the whole path of the adapter's folder, from / on.")


def check(folder: Path) -> None:
    """Raises ValidationError if mlx_lm takes no such adapter; whether it fits its model is seen as it is loaded."""
    if not folder.is_dir():
        raise _wrong(f"{folder} is no folder.")
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise _wrong(f"{folder} has no {name}: it is no adapter as mlx_lm.lora makes them.{_but(folder)}")
    config = _config(folder)
    kind = config.get("fine_tune_type", "lora")
    if kind not in FINE_TUNE_TYPES:
        raise _wrong(
            f"{CONFIG} of {folder} says fine_tune_type {kind!r}; known are {', '.join(FINE_TUNE_TYPES)}."
        )
    if kind != "full" and not (_is_number(config.get("num_layers")) and _has_parameters(config)):
        raise _wrong(f"{CONFIG} of {folder} lacks num_layers, or rank, scale and dropout in lora_parameters.")


def is_one(folder: Path) -> bool:
    return (folder / CONFIG).is_file()


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise _wrong(f"{CONFIG} of {folder} cannot be read: {error}") from None
    if not isinstance(config, dict):
        raise _wrong(f"{CONFIG} of {folder} holds no object.")
    return config


def _has_parameters(config: dict[str, Any]) -> bool:
    found = config.get("lora_parameters")
    return isinstance(found, dict) and all(
        _is_number(found.get(name)) for name in ("rank", "scale", "dropout")
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _but(folder: Path) -> str:
    """What the folder is instead, if that can be told."""
    if (folder / "adapter_model.safetensors").is_file():
        return " It is one for PyTorch (peft): train one with mlx_lm.lora."
    if (folder / "config.json").is_file():
        return " It is a whole model: serve it under a name of its own."
    return ""


def _wrong(message: str) -> ValidationError:
    return ValidationError({"adapter": message})
