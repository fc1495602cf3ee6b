"""For models whose caches cannot be merged: BatchGenerator's interface, one row at a time."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx_lm.generate import generate_step
from mlx_lm.models.cache import make_prompt_cache

from inference.runner.logits_processors import Processor
from inference.runner.prompt_cache import LayerCaches
from inference.runner.sampling import Sampler


@dataclass(frozen=True)
class Prompted:
    uid: int
    progress: tuple[int, int]
    end_of_segment: bool
    end_of_prompt: bool


@dataclass(frozen=True)
class Generated:
    uid: int
    token: int
    logprobs: mx.array
    finish_reason: str | None
    prompt_cache: LayerCaches | None = None
    all_tokens: list[int] | None = None


@dataclass
class _Work:
    uid: int
    prompt: list[int]
    max_tokens: int
    sampler: Sampler
    processors: list[Processor]
    caches: LayerCaches
    known: list[int]  # the tokens that the caches hold
    prompt_done: int = 0
    made: int = 0
    tokens: Iterator[Any] | None = None


class SerialGenerator:
    """mlx_lm's generate_step, cut into steps of one prompt chunk or token: a row can be removed between."""

    def __init__(self, model: Any, *, stop_tokens: list[list[int]], **sizes: int) -> None:
        self.prefill_step_size = 2048
        self._model = model
        self._stop_tokens = {token for [token] in stop_tokens}
        self._uid = 0
        self._work: _Work | None = None

    def insert(
        self,
        prompts: list[list[int]],
        max_tokens: list[int],
        caches: list[LayerCaches | None],
        all_tokens: list[list[int]],
        samplers: list[Sampler],
        logits_processors: list[list[Processor]],
    ) -> list[int]:
        [prompt], [limit], [cache], [known] = prompts, max_tokens, caches, all_tokens
        [sampler], [processors] = samplers, logits_processors
        self._uid += 1
        cache = make_prompt_cache(self._model) if cache is None else cache
        self._work = _Work(self._uid, prompt, limit, sampler, processors, cache, known)
        return [self._uid]

    def extract_cache(self, uids: list[int]) -> dict[int, tuple[LayerCaches, list[int]]]:
        work = self._work
        if work is None or work.uid not in uids:
            return {}
        return {work.uid: (copy.deepcopy(work.caches), list(work.known))}

    def remove(
        self, uids: list[int], return_prompt_caches: bool = False
    ) -> dict[int, tuple[LayerCaches, list[int]]]:
        caches = self.extract_cache(uids) if return_prompt_caches else {}
        if self._work is not None and self._work.uid in uids:
            self._work = None
        return caches

    def next(self) -> tuple[list[Prompted], list[Generated]]:
        work = self._work
        if work is None:
            return [], []
        if work.tokens is None:
            return [self._prefill(work)], []
        return [], [self._decode(work, work.tokens)]

    def _prefill(self, work: _Work) -> Prompted:
        total = len(work.prompt)
        chunk = work.prompt[work.prompt_done : min(total - 1, work.prompt_done + self.prefill_step_size)]
        if chunk:
            # With max_tokens 0 it computes the chunk into the cache and yields nothing.
            for _ in generate_step(mx.array(chunk), self._model, max_tokens=0, prompt_cache=work.caches):
                pass
            work.prompt_done += len(chunk)
            work.known += chunk
            at_last = work.prompt_done == total - 1
            return Prompted(work.uid, (work.prompt_done, total), end_of_segment=at_last, end_of_prompt=False)
        work.tokens = generate_step(
            mx.array(work.prompt[-1:]),
            self._model,
            max_tokens=work.max_tokens,
            sampler=work.sampler,
            logits_processors=[_with_all_before(work.known, processor) for processor in work.processors],
            prompt_cache=work.caches,
        )
        return Prompted(work.uid, (total, total), end_of_segment=True, end_of_prompt=True)

    def _decode(self, work: _Work, tokens: Iterator[Any]) -> Generated:
        token, logprobs = next(tokens)
        # It computes one token ahead: the caches hold the one that it gives.
        work.known += work.prompt[-1:] if work.made == 0 else []
        work.known.append(token)
        work.made += 1
        reason = "length" if work.made >= work.max_tokens else None
        if token in self._stop_tokens:
            reason = "stop"
        if reason is None:
            return Generated(work.uid, token, logprobs, None)
        self._work = None
        return Generated(work.uid, token, logprobs, reason, work.caches, work.known)


def _with_all_before(known: list[int], processor: Processor) -> Processor:
    """generate_step shows a processor what it was given and made itself; the batch shows the whole prompt."""
    before = mx.array(known, dtype=mx.uint32)
    return lambda tokens, logits: processor(mx.concatenate([before, tokens]), logits)
