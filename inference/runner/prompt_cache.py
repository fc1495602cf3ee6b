"""What was computed for prompts that may come again: the next turn of a chat, the second try after a deadline."""

import copy
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import can_trim_prompt_cache, trim_prompt_cache

MOST_ENTRIES = 256  # a search looks at each: 60 µs for all, if few begin as the prompt does
TOKEN_BYTES = 4

LayerCaches = list[Any]


@dataclass(frozen=True, eq=False)
class _Entry:
    """`key`: the tokens whose keys and values the caches hold, as bytes: a beginning is found by comparing memory."""

    key: bytes
    caches: LayerCaches
    nbytes: int
    can_trim: bool


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
        best, known = self._best(_key(prompt[:-1]))
        if best is None:
            return None, 0
        self._entries.remove(best)
        self._entries.append(best)
        # Objects, not buffers: an array that is written to becomes another one.
        caches = copy.deepcopy(best.caches)
        if known < len(best.key):
            trim_prompt_cache(caches, (len(best.key) - known) // TOKEN_BYTES)
        return caches, known // TOKEN_BYTES

    def keep(self, tokens: Sequence[int], caches: LayerCaches) -> None:
        """Take the caches over. `tokens`: those whose keys and values they hold."""
        key = _key(tokens)
        nbytes = sum(cache.nbytes for cache in caches)
        if not key or not caches or nbytes > self.most_bytes:
            return
        if any(entry.key.startswith(key) and _can_give(entry, len(key)) for entry in self._entries):
            return
        can_trim = can_trim_prompt_cache(caches)
        if can_trim:  # what begins it can be had from it
            self._entries = [entry for entry in self._entries if not key.startswith(entry.key)]
        # Extracted rows are not computed yet, and hold the whole batch's buffers until they are.
        mx.eval([cache.state for cache in caches])
        self._entries.append(_Entry(key, caches, nbytes, can_trim))
        self._shrink()

    def _best(self, key: bytes) -> tuple[_Entry | None, int]:
        """The entry that gives most of the key, and how many bytes of it."""
        best, known = None, 0
        wanted = key[:TOKEN_BYTES]  # what an entry has to begin with, to give more than the best so far
        for entry in self._entries:
            if not entry.key.startswith(wanted):
                continue
            common = _common(entry.key, key)
            if common > known and _can_give(entry, common):
                best, known, wanted = entry, common, key[: common + TOKEN_BYTES]
        return best, known

    def _shrink(self) -> None:
        while self.nbytes > self.most_bytes or len(self._entries) > MOST_ENTRIES:
            del self._entries[0]


def _key(tokens: Sequence[int]) -> bytes:
    return array("I", tokens).tobytes()


def _can_give(entry: _Entry, size: int) -> bool:
    """Whether caches for so many bytes of its key can be had from it."""
    return entry.can_trim or size == len(entry.key)


def _common(a: bytes, b: bytes) -> int:
    """The size of the longest beginning of both in whole tokens, by halves."""
    low, high = 0, min(len(a), len(b)) // TOKEN_BYTES
    while low < high:
        middle = (low + high + 1) // 2
        if a[low * TOKEN_BYTES : middle * TOKEN_BYTES] == b[low * TOKEN_BYTES : middle * TOKEN_BYTES]:
            low = middle
        else:
            high = middle - 1
    return low * TOKEN_BYTES
