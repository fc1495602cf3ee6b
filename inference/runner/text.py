"""A text model at work: rows come, share one batch, and leave."""

import logging
import time
from typing import Any

import mlx.core as mx
from mlx_lm.generate import BatchGenerator
from mlx_lm.models.cache import make_prompt_cache

from inference.messages import Add, ChatPrompt, Embed, Event, Prefill, Ready, Refused, Sampling, Stats, Tokens
from inference.runner.loading import Loaded
from inference.runner.options import Options
from inference.runner.pace import PrefillPace
from inference.runner.prompt import Unusable, prompt_text, prompt_tokens, room_for
from inference.runner.row import Reason, Row
from inference.runner.sampling import sampler_for
from inference.runner.serial import SerialGenerator

MAX_ROWS = 32  # decoded together; the others wait
MAX_PREFILL_ROWS = 8
DOES_NOT_EMBED = (
    "This model generates text and makes no embeddings. Ask /v1/embeddings for an embedding model."
)
CANNOT_RENDER = "The model's chat template cannot render these messages."

logger = logging.getLogger(__name__)


class TextModel:
    """Continuous batching by mlx_lm's BatchGenerator. Rows beyond its size wait here in their order."""

    def __init__(self, loaded: Loaded, options: Options) -> None:
        self._tokenizer = loaded.tokenizer
        self._context_tokens = loaded.context_tokens
        self._pace = PrefillPace(options.prefill_chunk)
        stop_tokens = [[token] for token in loaded.tokenizer.eos_token_ids]
        batching = _can_batch(loaded.model)
        if not batching:
            logger.warning("this model's caches cannot be merged: it serves one request at a time")
        make_generator = BatchGenerator if batching else SerialGenerator
        self._generator: Any = make_generator(
            loaded.model,
            stop_tokens=stop_tokens,
            completion_batch_size=MAX_ROWS,
            prefill_batch_size=MAX_PREFILL_ROWS,
        )
        self._max_rows = MAX_ROWS if batching else 1
        self._rows: dict[str, Row] = {}
        self._in_generator: dict[int, Row] = {}
        self._warm_up()

    @property
    def busy(self) -> bool:
        return bool(self._rows)

    def ready(self) -> Ready:
        return Ready("text", self._context_tokens, mx.get_active_memory())

    def stats(self) -> Stats:
        prefilling = self._prefilling()
        return Stats(
            memory_bytes=mx.get_active_memory(),
            prompt_cache_bytes=0,
            decoding=len(self._in_generator) - prefilling,
            prefilling=prefilling,
            queued=len(self._rows) - len(self._in_generator),
        )

    def add(self, command: Add | Embed) -> list[Event]:
        """Take a request in. Whatever is wrong with it is answered, and concerns no other row."""
        if isinstance(command, Embed):
            return [Refused(command.id, "model_does_not_embed", "model", DOES_NOT_EMBED)]
        if command.id in self._rows:
            logger.error("%s: skipped, a row of this id is at work", command.id)
            return []
        try:
            prompt = prompt_tokens(self._tokenizer, command.prompt)
            max_tokens = room_for(command, prompt, self._context_tokens)
            self._rows[command.id] = Row(command, prompt, max_tokens, self._tokenizer.detokenizer)
        except Unusable as error:
            return [error.refused(command.id)]
        except Exception:
            logger.exception("%s: the request cannot be prepared", command.id)
            return [_cannot_prepare(command).refused(command.id)]
        return (
            [Tokens(command.id, prompt_text(self._tokenizer, command.prompt, prompt), 0)]
            if command.echo
            else []
        )

    def set_deadline(self, id: str, deadline: float) -> None:
        if row := self._rows.get(id):
            row.deadline = deadline

    def drop(self, id: str, reason: Reason, since: float) -> list[Event]:
        """Take a row out, wherever it is, with the text it still held. An unknown id is nothing.

        `since`: when it was to be gone, in `time.monotonic()`.
        """
        row = self._rows.get(id)
        if row is None:
            return []
        if row.uid is not None:
            self._generator.remove([row.uid])
        text, _ = row.tail()
        self._forget(row)
        events: list[Event] = [Tokens(id, text, 0)] if text else []
        return [*events, row.done(reason, stop_latency=time.monotonic() - since)]

    def drop_expired(self) -> list[Event]:
        now = time.monotonic()
        expired = [row for row in self._rows.values() if row.deadline <= now]
        return [event for row in expired for event in self.drop(row.id, "deadline", row.deadline)]

    def admit(self) -> list[Event]:
        """Give free places to those who wait."""
        prefilling = self._prefilling()
        places = min(self._max_rows - len(self._in_generator), MAX_PREFILL_ROWS - prefilling)
        waiting = [row for row in self._rows.values() if row.uid is None][: max(places, 0)]
        for row in waiting:
            [row.uid] = self._generator.insert([row.prompt], [row.max_tokens], samplers=[row.sampler])
            self._in_generator[row.uid] = row
        return [Prefill(row.id, 0, len(row.prompt)) for row in waiting]

    def step(self) -> list[Event]:
        """One token for each row that decodes, one chunk of prompt for those that do not yet."""
        if not self._in_generator:
            return []
        # The generator's chunk is per row. Shared out, a step takes the same time however many prompts come.
        self._generator.prefill_step_size = max(1, self._pace.chunk // max(1, self._prefilling()))
        started = time.monotonic()
        prompts, generated = self._generator.next()
        events: list[Event] = []
        for response in generated:
            events += self._advance(response)
        computed = 0
        for response in prompts:
            row = self._in_generator[response.uid]
            row.decoding = response.end_of_prompt
            done_tokens, prompt_tokens = response.progress
            computed += done_tokens - row.prompt_done
            row.prompt_done = done_tokens
            events.append(Prefill(row.id, done_tokens, prompt_tokens))
        self._pace.learn(computed, time.monotonic() - started)
        return events

    def _advance(self, response: Any) -> list[Event]:
        row = self._in_generator[response.uid]
        row.completion_tokens += 1
        reason: Reason | None = response.finish_reason
        text, stopped = ("", False) if reason == "stop" else row.take(response.token)
        if reason is not None and not stopped:
            tail, stopped = row.tail()
            text += tail
        if stopped and reason is None:
            self._generator.remove([row.uid])
        if stopped:
            reason = "stop"
        tokens = Tokens(row.id, text, 1)
        if reason is None:
            return [tokens]
        self._forget(row)
        return [tokens, row.done(reason)]

    def _warm_up(self) -> None:
        """Have the kernels compiled before Ready: the first request would wait a second for them."""
        self._generator.insert([[0, 0]], [1], samplers=[sampler_for(Sampling(top_p=0.5))])
        while not self._generator.next()[1]:
            pass

    def _prefilling(self) -> int:
        return sum(not row.decoding for row in self._in_generator.values())

    def _forget(self, row: Row) -> None:
        del self._rows[row.id]
        if row.uid is not None:
            del self._in_generator[row.uid]
        if not self._in_generator:
            mx.clear_cache()


def _cannot_prepare(command: Add) -> Unusable:
    if isinstance(command.prompt, ChatPrompt):
        return Unusable("invalid_messages", CANNOT_RENDER, "messages")
    return Unusable("invalid_value", "The model's tokenizer cannot take this prompt.", "prompt")


def _can_batch(model: Any) -> bool:
    try:
        for cache in make_prompt_cache(model):
            cache.merge([cache])
    except (AttributeError, ValueError, NotImplementedError):
        return False
    return True
