"""How much memory a model will take, told from its files before it is loaded."""

import importlib.metadata
import json
import math
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from inference.disk import weights
from inference.disk.weights import Faulty
from inference.runner import model_folder

WORKING_SHARE = (
    0.1  # for caches and buffers of the first requests; what is really held replaces the estimate at Ready
)
CUDA_PACKAGES = ("mlx-cuda-13", "mlx-cuda-12", "mlx-cuda")
FLOATS = ("F64", "F32", "F16", "BF16")
DEQUANTIZED_MAX_BYTES = 4 * 2**30  # as inference/runner/loading.py, which may import mlx


@dataclass(frozen=True)
class Weights:
    """What a folder's weights are made of. `packed_bytes`: quantised numbers, of which there are `packed_count`."""

    float_count: int
    packed_bytes: int
    packed_count: int
    other_bytes: int


def size_bytes(folder: Path, adapter: Path | None = None) -> int:
    """The weights on disk; 0 for a folder without any, or with a link that leads nowhere."""
    try:
        return model_folder.weight_bytes(folder, adapter)
    except OSError:
        return 0


def needed_bytes(folder: Path, adapter: Path | None = None, *, on_cpu: bool | None = None) -> int:
    """What the model will hold once it is loaded, with its adapter, and some for its work.

    The weights as they are on disk; on a CPU, in the float32 in which it computes. A file that cannot be read counts as
    it is: its runner will say what is wrong with it.
    """
    on_cpu = computes_on_cpu() if on_cpu is None else on_cpu
    try:
        resident = _on_cpu(_weights(folder, adapter)) if on_cpu else size_bytes(folder, adapter)
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        Faulty,
    ):
        resident = size_bytes(folder, adapter)
    return math.ceil(resident * (1 + WORKING_SHARE))


@cache
def computes_on_cpu() -> bool:
    """Whether runners here have neither Metal nor CUDA."""
    if sys.platform == "darwin":
        return False
    return not any(map(_is_installed, CUDA_PACKAGES))


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _on_cpu(held: Weights) -> int:
    """As inference/runner/loading.py puts them: floats become float32, and quantised numbers too in a small model."""
    floats = held.float_count * 4
    whole = floats + held.packed_count * 4
    packed = whole if whole <= DEQUANTIZED_MAX_BYTES else floats + held.packed_bytes
    return packed + held.other_bytes


def _weights(folder: Path, adapter: Path | None) -> Weights:
    bits = _bits(folder)
    floats = packed_bytes = packed_count = other = 0
    for file in model_folder.weight_files(folder, adapter):
        for name, tensor in weights.header(file).items():
            count = math.prod(tensor["shape"])
            nbytes = tensor["data_offsets"][1] - tensor["data_offsets"][0]
            if tensor["dtype"] == "U32" and bits:
                packed_bytes += nbytes
                packed_count += count * 32 // bits.get(name.removesuffix(".weight"), bits[""])
            elif tensor["dtype"] in FLOATS:
                floats += count
            else:
                other += nbytes
    return Weights(floats, packed_bytes, packed_count, other)


def _bits(folder: Path) -> dict[str, int]:
    """Bits of a quantised number by the layer's name, "" for the others; empty if nothing is quantised."""
    config = json.loads((folder / "config.json").read_text())
    found = config.get("quantization") or {}
    if "bits" not in found:
        return {}
    layers = {
        name: layer["bits"] for name, layer in found.items() if isinstance(layer, dict) and "bits" in layer
    }
    widths = {**layers, "": found["bits"]}
    if not all(0 < bits <= 32 for bits in widths.values()):
        raise ValueError("a number of so many bits is none")
    return widths
