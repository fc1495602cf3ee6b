"""What mlx_lm itself says, for the product to be held against."""

from pathlib import Path

import mlx_lm

import inference.runner.loading  # noqa: F401  # puts OpenBLAS in front of mlx, as a runner does

PROMPT = "what comes after all of this, and why?"
MAX_TOKENS = 24


def greedy(folder: Path, *, adapter: Path | None = None, prompt: str = PROMPT) -> str:
    """mlx_lm.generate, without a chat template."""
    loaded = mlx_lm.load(str(folder), adapter_path=str(adapter) if adapter else None)
    return str(mlx_lm.generate(loaded[0], loaded[1], prompt, max_tokens=MAX_TOKENS))
