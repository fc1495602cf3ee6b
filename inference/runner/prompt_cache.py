"""What was computed for prompts that may come again: the next turn of a chat, the second try after a deadline."""

import copy
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import can_trim_prompt_cache, trim_prompt_cache

MOST_ENTRIES = 256  # a search looks at each: 20 µs for one that shares 32,000 tokens

LayerCaches = list[Any]


@dataclass(frozen=True)
class _Entry:
    tokens: "array[int]"
    caches: LayerCaches
    nbytes: int


class PromptCache:
    """Layer caches by the tokens they hold, least recently used first out, at most `most_bytes` of them.

    Not mlx_lm's LRUPromptCache: its search takes 6 s, in which every row stands still, when ten prompts of
    32,000 tokens are kept that begin alike.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._entries: list[_Entry] = []  # the most recently used is the last

    @property
    def nbytes(self) -> int:
        return sum(entry.nbytes for entry in self._entries)

    def bound(self, most_bytes: int) -> None:
        """Another bound; what is too much is forgotten at once."""
        self.most_bytes = most_bytes
        self._shrink()

    def fetch(self, prompt: Sequence[int]) -> tuple[LayerCaches | None, int]:
        """Caches for a row of its own, and how many of the prompt's tokens they hold.

        At least the last token is left to compute: its output is the answer's first token.
        """
        tokens = array("q", prompt[:-1])
        best = max(self._entries, key=lambda entry: _usable(entry, tokens), default=None)
        if best is None or (known := _usable(best, tokens)) == 0:
            return None, 0
        self._entries.remove(best)
        self._entries.append(best)
        # Objects, not buffers: an array that is written to becomes another one.
        caches = copy.deepcopy(best.caches)
        if known < len(best.tokens):
            trim_prompt_cache(caches, len(best.tokens) - known)
        return caches, known

    def keep(self, tokens: Sequence[int], caches: LayerCaches) -> None:
        """Take the caches over. `tokens`: those whose keys and values they hold."""
        key = array("q", tokens)
        nbytes = sum(cache.nbytes for cache in caches)
        if not key or not caches or nbytes > self.most_bytes:
            return
        if any(_usable(entry, key) == len(key) for entry in self._entries):
            return
        if can_trim_prompt_cache(caches):  # what begins it can be had from it
            self._entries = [entry for entry in self._entries if entry.tokens != key[: len(entry.tokens)]]
        # Extracted rows are not computed yet, and hold the whole batch's buffers until they are.
        mx.eval([cache.state for cache in caches])
        self._entries.append(_Entry(key, caches, nbytes))
        self._shrink()

    def _shrink(self) -> None:
        while self.nbytes > self.most_bytes or len(self._entries) > MOST_ENTRIES:
            del self._entries[0]


def _usable(entry: _Entry, tokens: "array[int]") -> int:
    """How many of the tokens the entry can give."""
    common = _common(entry.tokens, tokens)
    return common if common == len(entry.tokens) or can_trim_prompt_cache(entry.caches) else 0


def _common(a: "array[int]", b: "array[int]") -> int:
    """The length of the longest beginning of both, by halves: comparing slices is memcmp."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
