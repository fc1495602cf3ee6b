"""What a model's folder says of itself: size, kind, quantisation, context, licence, and what it lacks."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

from inference.disk import licence, weights
from inference.runner import model_folder
from inference.runner.model_folder import CannotLoad
from settings_app import local_models

DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8"}

Fingerprint = tuple[tuple[str, int, int], ...]
"""Path, size and time of change of each file: while they are the same, so is what was read."""


@dataclass(frozen=True)
class Facts:
    """`kind`: text or embedding; empty if that cannot be told. `fault`: why it cannot be served; empty if it can."""

    size_bytes: int
    kind: str = ""
    quantisation: str = ""
    context_tokens: int | None = None
    licence: str = ""
    fault: str = ""


_read: dict[Path, tuple[Fingerprint, Facts]] = {}


def facts(folder: Path) -> Facts:
    """Read anew only when a file of the folder is another one. Costs a stat for each file."""
    try:
        fingerprint = tuple(sorted(_files(folder)))
    except OSError as error:
        return Facts(0, fault=f"the folder cannot be read: {error.strerror}")
    held = _read.get(folder)
    if held is None or held[0] != fingerprint:
        held = _read[folder] = (fingerprint, _facts(folder, fingerprint))
    return held[1]


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    """A link that leads nowhere is not there: half a download into the hub's cache."""
    for place, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            path = os.path.join(place, name)  # noqa: PTH118  # a thousand files: Path would take as long as the stat
            try:
                found = os.stat(path)  # noqa: PTH116
            except FileNotFoundError:
                continue
            yield path, found.st_size, found.st_mtime_ns


def _raise(error: OSError) -> None:
    raise error


def _facts(folder: Path, fingerprint: Fingerprint) -> Facts:
    size = sum(file_bytes for _, file_bytes, _ in fingerprint)
    try:
        config = model_folder.read_config(folder)
        kind = local_models.kind_of(folder).value
        context = model_folder.context_tokens(folder)
    except (CannotLoad, ValidationError):
        fault = "config.json cannot be read" if (folder / "config.json").exists() else "no config.json"
        return Facts(size, licence=licence.licence_of(folder), fault=fault)
    fault = weights.fault(folder)
    quantisation = "" if fault else _quantisation(folder, config)
    return Facts(size, kind, quantisation, context, licence.licence_of(folder), fault)


def _quantisation(folder: Path, config: dict[str, Any]) -> str:
    """ "4-bit, group 64"; "4- and 8-bit, group 32" where layers differ; the numbers' type where there is none."""
    said = config.get("quantization") or config.get("quantization_config")
    if not isinstance(said, dict) or not isinstance(said.get("bits"), int):
        dtype = weights.commonest_dtype(min(folder.glob("model*.safetensors")))
        return DTYPES.get(dtype, dtype.lower())
    layers = [layer for layer in said.values() if isinstance(layer, dict) and "bits" in layer]
    widths = "- and ".join(
        str(width) for width in sorted({said["bits"], *(layer["bits"] for layer in layers)})
    )
    mode = f" {said['mode']}" if said.get("mode", "affine") != "affine" else ""
    group = f", group {said['group_size']}" if "group_size" in said else ""
    return f"{widths}-bit{mode}{group}"
