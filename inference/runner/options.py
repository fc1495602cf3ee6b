"""What the server says of how a model is served, on the runner's command line."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "embedding"]


@dataclass(frozen=True)
class Options:
    kind: Kind = "text"  # what the model makes
    prefill_chunk: int = 512  # prompt tokens a step, at most
    prompt_cache_bytes: int = 2**30  # 0: nothing is kept of a prompt
