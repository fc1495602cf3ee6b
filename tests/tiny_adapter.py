"""A LoRA for the tiny model, random, in the files that mlx_lm.lora writes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.tiny_model import LAYERS, WIDE

RANK = 4


def make_tiny_adapter(folder: Path, *, wide: int = WIDE, **config: Any) -> Path:
    """On the queries and outputs of every layer. `wide`: that of the model it is for."""
    random = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {}
    for layer in range(LAYERS):
        for name in ("q_proj", "o_proj"):
            place = f"model.layers.{layer}.self_attn.{name}"
            weights[f"{place}.lora_a"] = random.standard_normal((wide, RANK)).astype(np.float32)
            weights[f"{place}.lora_b"] = random.standard_normal((RANK, wide)).astype(np.float32)
    save_file(weights, folder / "adapters.safetensors")
    said = {
        "fine_tune_type": "lora",
        "num_layers": LAYERS,
        "lora_parameters": {
            "rank": RANK,
            "scale": 2.0,
            "dropout": 0.5,
            "keys": ["self_attn.q_proj", "self_attn.o_proj"],
        },
    }
    (folder / "adapter_config.json").write_text(json.dumps(said | config))
    return folder
