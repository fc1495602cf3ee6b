"""The tiny model computed directly, token by token, without a batch, a cache or a sampler of anybody's."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from inference.runner.loading import load

Change = Callable[[np.ndarray, list[int], list[int]], None]
"""Writes into the logits (vocabulary,), given the prompt's tokens and those made so far."""


@dataclass
class Reference:
    tokens: list[int]
    logprobs: list[np.ndarray]  # (vocabulary,) each


def unchanged(logits: np.ndarray, prompt: list[int], made: list[int]) -> None:
    pass


def greedily(folder: Path, text: str, count: int, change: Change = unchanged) -> Reference:
    """What comes after a user's message, the likeliest token each time."""
    loaded = _loaded(folder)
    message = [{"role": "user", "content": text}]
    prompt = list(loaded.tokenizer.apply_chat_template(message, add_generation_prompt=True))
    made = Reference([], [])
    for _ in range(count):
        logits = np.array(loaded.model(mx.array([prompt + made.tokens]))[0, -1], dtype=np.float64)
        change(logits, prompt, made.tokens)
        highest = logits.max()
        logprobs = logits - highest - np.log(np.exp(logits - highest).sum())
        made.tokens.append(int(logprobs.argmax()))
        made.logprobs.append(logprobs)
    return made


@lru_cache(maxsize=2)
def _loaded(folder: Path) -> Any:
    return load(folder, lambda share: None)
