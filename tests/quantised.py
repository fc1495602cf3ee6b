"""The tiny model with packed weights, as mlx_lm's converter makes them."""

import json
import shutil
from pathlib import Path
from typing import Any

import mlx_lm.utils

MIXED = {"model.embed_tokens": 8, "lm_head": 8, "model.layers.0.mlp.down_proj": 6}
"""Bits of the layers that differ; all others have 4."""


def quantise(source: Path, folder: Path, *, mode: str = "affine", bits: dict[str, int] | None = None) -> Path:
    """`bits`: of layers that differ, which config.json then names one by one, as the built-in model's does."""
    shutil.copytree(source, folder)
    model, config = mlx_lm.utils.load_model(folder)

    def layer(path: str, module: Any) -> bool | dict[str, Any]:
        width = (bits or {}).get(path)
        return hasattr(module, "to_quantized") and (
            True if width is None else {"group_size": 32, "bits": width, "mode": mode}
        )

    quantised, said = mlx_lm.utils.quantize_model(
        model, config, group_size=32, bits=4, mode=mode, quant_predicate=layer
    )
    mlx_lm.utils.save_model(folder, quantised)
    (folder / "config.json").write_text(json.dumps(said))
    return folder
