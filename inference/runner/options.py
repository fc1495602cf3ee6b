"""What the server says of how a model is served, on the runner's command line."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["text", "embedding"]
Progress = Callable[[float], None]
"""Told the share of a model, 0 to 1, that is in memory."""


@dataclass(frozen=True)
class Options:
    kind: Kind = "text"  # what the model makes
    prefill_chunk: int = 2048  # prompt tokens a step, at most
    prompt_cache_bytes: int = 2**30  # 0: nothing is kept of a prompt
    adapter: Path | None = None  # the folder of one, put onto a text model
