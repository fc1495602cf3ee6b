"""What can be said of a model's folder without mlx: at once, where importing mlx_lm takes 2 s."""

import json
from pathlib import Path
from typing import Any

ADAPTER_WEIGHTS = "adapters.safetensors"
ADAPTER_CONFIG = "adapter_config.json"


class CannotLoad(Exception):
    """The folder cannot be served. The message is fit for a client: what is wrong, and what to do."""


def weight_files(folder: Path, adapter: Path | None = None) -> list[Path]:
    """Of an adapter's folder its last weights alone: training leaves earlier ones beside them."""
    last = [] if adapter is None else adapter.glob(ADAPTER_WEIGHTS)  # none if it is there no more
    return [*sorted(folder.glob("*.safetensors")), *last]


def weight_bytes(folder: Path, adapter: Path | None = None) -> int:
    """The size of the weights on disk; 0 for a folder without any. Raises OSError."""
    return sum(file.stat().st_size for file in weight_files(folder, adapter))


def check(folder: Path) -> None:
    """Raises CannotLoad if something is missing that every model has."""
    config = read_config(folder)
    _require("model_type" in config, folder, "names no model_type in config.json")
    _require(any(folder.glob("model*.safetensors")), folder, "has no weights (model*.safetensors)")
    _require(any(folder.glob("tokenizer*")), folder, "has no tokenizer (tokenizer.json)")


def check_adapter(adapter: Path) -> None:
    """Raises CannotLoad if it is there no more, as it was when somebody chose it."""
    for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS):
        if not (adapter / name).is_file():
            raise CannotLoad(
                f"The adapter {adapter.name} has no {name}. Put it back, or choose another or none."
            )


def context_tokens(folder: Path) -> int | None:
    """The longest prompt with its answer, or None where config.json does not say."""
    config = read_config(folder)
    for part in (config, config.get("text_config")):
        tokens = part.get("max_position_embeddings") if isinstance(part, dict) else None
        if isinstance(tokens, int) and tokens > 0:
            return tokens
    return None


def cannot_load(folder: Path, error: Exception) -> CannotLoad:
    """What mlx or mlx_lm said of the folder, for a client. A CannotLoad stays what it is."""
    if isinstance(error, CannotLoad):
        return error
    first_line = (str(error).strip().splitlines() or [""])[0][:300]
    return CannotLoad(
        f"The model folder {folder.name} cannot be loaded ({type(error).__name__}: {first_line}). Check that "
        "the download is complete, and that the installed mlx-lm (for an embedding model, mlx-embeddings) "
        "supports the model."
    )


def read_config(folder: Path) -> dict[str, Any]:
    _require(folder.is_dir(), folder, "does not exist")
    file = folder / "config.json"
    _require(file.is_file(), folder, "has no config.json")
    try:
        config = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise CannotLoad(
            f"config.json of the model folder {folder.name} cannot be read ({error}). Get the model again."
        ) from error
    _require(isinstance(config, dict), folder, "has no object in config.json")
    return dict(config)


def _require(condition: bool, folder: Path, fault: str) -> None:
    if not condition:
        raise CannotLoad(f"The model folder {folder.name} {fault}. Give the folder of a model in mlx format.")
