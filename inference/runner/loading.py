"""From a folder in mlx format to a model in memory."""

import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.runner import model_folder
from inference.runner.model_folder import CannotLoad
from inference.runner.options import Progress


def _put_openblas_first() -> ctypes.CDLL | None:
    """mlx's CPU wheel for Linux links the reference BLAS; OpenBLAS's symbols in front are 20 times as fast.

    Has to happen before mlx is imported. None where it is not on the machine: slower, all else the same.
    """
    if sys.platform != "linux":
        return None
    try:
        return ctypes.CDLL("libopenblas.so.0", mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return None


OPENBLAS = _put_openblas_first()

import mlx.core as mx  # noqa: E402
import mlx_lm.utils  # noqa: E402
from mlx.utils import tree_flatten  # noqa: E402

DEQUANTIZED_MAX_BYTES = 4 * 2**30
# Below, a product is over before a second thread has begun, and that one then spins for 25 ms: half of a core.
FEWEST_PARAMETERS_FOR_THREADS = 20_000_000
PIECE_BYTES = 64 * 2**20  # read between two reports


@dataclass(frozen=True)
class Loaded:
    model: Any
    tokenizer: Any
    context_tokens: int | None


def load(folder: Path, progress: Progress, adapter: Path | None = None) -> Loaded:
    """Raises CannotLoad for an adapter that does not fit, and whatever mlx_lm raises."""
    model, tokenizer = mlx_lm.utils.load(str(folder), lazy=True)[:2]
    if adapter is not None:
        _put_on(model, adapter, folder)
    model = fitted(model)
    read(model, progress)
    return Loaded(model, tokenizer, model_folder.context_tokens(folder))


def held_bytes() -> int:
    """What mlx holds: arrays, and buffers that it keeps for the next ones."""
    return mx.get_active_memory() + mx.get_cache_memory()


def read(model: Any, progress: Progress) -> None:
    """Reads the weights of a model that was loaded lazily, and converts them if need be, a piece at a time."""
    arrays: list[Any] = [array for _, array in tree_flatten(model.parameters())]  # type: ignore[str-unpack]
    total = sum(array.nbytes for array in arrays)
    piece: list[Any] = []
    done = waiting = 0
    for array in arrays:
        piece.append(array)
        waiting += array.nbytes
        if waiting >= PIECE_BYTES:
            mx.eval(piece)
            done, waiting, piece = done + waiting, 0, []
            progress(done / total)
    mx.eval(model.parameters())
    mx.clear_cache()


def _put_on(model: Any, adapter: Path, folder: Path) -> None:
    """As mlx_lm.load(adapter_path=…) does it; `eval`, or the layers that came would drop numbers as in training."""
    try:
        mlx_lm.utils.load_adapters(model, str(adapter))
    except Exception as error:
        lines = str(error).replace(str(adapter), adapter.name).strip().splitlines() or [type(error).__name__]
        raise CannotLoad(
            f"The adapter {adapter.name} does not fit the model {folder.name} ({lines[-1].strip()[:300]}). Choose the "
            "one that was trained for this model, or none."
        ) from error
    model.eval()


def fitted(model: Any) -> Any:
    """The model in the numbers that the device computes well in."""
    return _for_the_cpu(model) if mx.default_device().type == mx.DeviceType.cpu else model


def _for_the_cpu(model: Any) -> Any:
    """float32: 8 tokens/s against 0.3 in float16; bfloat16 gives wrong answers.

    Quantized products do not go through BLAS, so with OpenBLAS a small model is dequantized: the same weights
    in three times the memory, SmolLM2-135M reads a prompt at 280 tokens/s against 8, and eight rows get 100
    tokens/s against 7.
    """
    parameters: int = mlx_lm.utils.get_total_parameters(model)  # type: ignore[no-untyped-call]
    if OPENBLAS and parameters * 4 <= DEQUANTIZED_MAX_BYTES:
        model = mlx_lm.utils.dequantize_model(model)
    if OPENBLAS and parameters < FEWEST_PARAMETERS_FOR_THREADS:
        OPENBLAS.openblas_set_num_threads(1)
    model.set_dtype(mx.float32)
    return model
