"""mlx_lm's BatchGenerator, or what stands in for it where caches cannot be merged."""

import logging
from typing import Any

import mlx.core as mx
from mlx_lm.generate import BatchGenerator
from mlx_lm.models.cache import make_prompt_cache

from inference.messages import Sampling
from inference.runner.loading import Loaded
from inference.runner.sampling import sampler_for
from inference.runner.serial import SerialGenerator

MAX_ROWS = 32  # decoded together; the others wait
MAX_PREFILL_ROWS = 8

logger = logging.getLogger(__name__)


def generator_for(loaded: Loaded) -> tuple[Any, int]:
    """With the number of rows that it takes at once."""
    batching = _can_batch(loaded.model)
    if not batching:
        logger.warning("this model's caches cannot be merged: it serves one request at a time")
    make_generator: Any = BatchGenerator if batching else SerialGenerator
    generator = make_generator(
        loaded.model,
        stop_tokens=[[token] for token in loaded.tokenizer.eos_token_ids],
        completion_batch_size=MAX_ROWS,
        prefill_batch_size=MAX_PREFILL_ROWS,
    )
    return generator, MAX_ROWS if batching else 1


def warm_up(generator: Any) -> int:
    """Have the kernels compiled before Ready: the first request would wait a second for them.

    Gives the number of logits that the model makes; a tokenizer may know fewer tokens, or more.
    """
    generator.insert(
        [[0, 0]],
        [1],
        caches=[None],
        all_tokens=[[]],
        samplers=[sampler_for(Sampling(top_p=0.5))],
        logits_processors=[[]],
    )
    generated: list[Any] = []
    while not generated:
        generated = generator.next()[1]
    mx.clear_cache()
    return int(generated[0].logprobs.size)


def _can_batch(model: Any) -> bool:
    try:
        for cache in make_prompt_cache(model):
            cache.merge([cache])
    except (AttributeError, ValueError, NotImplementedError):
        return False
    return True
