"""What safetensors files say of themselves in their first bytes, without reading the weights."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

HEADER_MOST_BYTES = 100_000_000  # the format's own bound


class Faulty(Exception):
    """The file cannot hold what it says. The message names it and what is wrong."""


def header(file: Path) -> dict[str, Any]:
    """The tensors by name: dtype, shape, place. Raises Faulty, also if the file is shorter than they are."""
    size = file.stat().st_size
    with file.open("rb") as weights:
        length = int.from_bytes(weights.read(8), "little")
        if size < 8 or length > min(size - 8, HEADER_MOST_BYTES):
            raise Faulty(f"{file.name} is cut short or no safetensors file")
        try:
            found = json.loads(weights.read(length))
            tensors = {name: tensor for name, tensor in found.items() if name != "__metadata__"}
            end = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise Faulty(f"{file.name} is no safetensors file") from None
    if size < 8 + length + end:
        raise Faulty(f"{file.name} is cut short: {8 + length + end - size} bytes are missing")
    return tensors


def fault(folder: Path) -> str:
    """What is missing of a model's weights; empty if nothing is."""
    files = sorted(folder.glob("model*.safetensors"))
    try:
        missing = sorted(_indexed(folder) - {file.name for file in files})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "model.safetensors.index.json cannot be read"
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return f"{missing[0]}{more} of the weights missing"
    if not files:
        return "no weights in mlx format (model*.safetensors)"
    try:
        for file in files:
            header(file)
    except Faulty as faulty:
        return str(faulty)
    except OSError as error:
        return f"the weights cannot be read: {error.strerror}"
    return ""


def commonest_dtype(file: Path) -> str:
    """Of most tensors that have more than one dimension: norms and biases are often kept more precise."""
    dtypes = Counter(tensor["dtype"] for tensor in header(file).values() if len(tensor["shape"]) > 1)
    return dtypes.most_common(1)[0][0] if dtypes else ""


def _indexed(folder: Path) -> set[str]:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return set()
    return set(json.loads(index.read_text())["weight_map"].values())
