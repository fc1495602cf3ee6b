"""A text model at work: rows come, share one batch, and leave."""

import logging
import time
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import can_trim_prompt_cache

from inference.messages import Add, Count, Embed, Event, Ready, Refused, Stats, TokenLogprob, Tokens
from inference.runner import capabilities
from inference.runner.answer_form import form_of
from inference.runner.count import counted
from inference.runner.generator import MAX_PREFILL_ROWS, generator_for, warm_up
from inference.runner.grammars import Grammars
from inference.runner.loading import Loaded, held_bytes
from inference.runner.logits_processors import check_bias, processors_for
from inference.runner.logprobs import Chosen, told
from inference.runner.options import Options
from inference.runner.pace import PrefillPace
from inference.runner.prompt import cannot_prepare, prompt_in_context, prompt_text, room_for
from inference.runner.prompt_cache import PromptCache
from inference.runner.reply import reply_to
from inference.runner.row import Reason, Row
from inference.runner.tags import Tags
from inference.runner.token_bytes import token_bytes
from inference.runner.unusable import Unusable

COMPILING_SECONDS = 0.01  # between two looks at commands and deadlines, when there is nothing to step
DOES_NOT_EMBED = (
    "This model generates text and makes no embeddings. Ask /v1/embeddings for an embedding model."
)

logger = logging.getLogger(__name__)


class TextModel:
    """Continuous batching by mlx_lm's BatchGenerator. Rows beyond its size wait here in their order."""

    def __init__(self, loaded: Loaded, options: Options) -> None:
        self._tokenizer = loaded.tokenizer
        self._bytes_of = token_bytes(loaded.tokenizer)
        self._tags = Tags(loaded.tokenizer)
        self._context_tokens = loaded.context_tokens
        self._pace = PrefillPace(options.prefill_chunk)
        self._prompt_cache = PromptCache(options.prompt_cache_bytes)
        self._generator, self._max_rows = generator_for(loaded)
        self._rows: dict[str, Row] = {}
        self._in_generator: dict[int, Row] = {}
        self._grammars = Grammars(loaded.tokenizer)
        self._vocabulary = min(warm_up(self._generator), len(self._tokenizer))

    @property
    def busy(self) -> bool:
        return bool(self._rows)

    def ready(self) -> Ready:
        return Ready("text", self._context_tokens, held_bytes(), capabilities.of_text(self._tokenizer))

    def stats(self) -> Stats:
        prefilling = self._prefilling()
        return Stats(
            memory_bytes=held_bytes(),
            prompt_cache_bytes=self._prompt_cache.nbytes,
            decoding=len(self._in_generator) - prefilling,
            prefilling=prefilling,
            queued=len(self._rows) - len(self._in_generator),
        )

    def add(self, command: Add | Embed) -> list[Event]:
        """Take a request in. Whatever is wrong with it is answered, and concerns no other row."""
        if isinstance(command, Embed):
            return [Refused(command.id, "model_does_not_embed", "model", DOES_NOT_EMBED)]
        if isinstance(command, Count):
            return [counted(self._tokenizer, command, self._context_tokens)]
        if command.id in self._rows:
            logger.error("%s: skipped, a row of this id is at work", command.id)
            return []
        try:
            prompt = prompt_in_context(self._tokenizer, command.prompt, self._context_tokens)
            max_tokens = room_for(command, prompt, self._context_tokens)
            check_bias(command.sampling, self._vocabulary)
            echo = prompt_text(self._tokenizer, command.prompt, prompt) if command.echo else ""
            ends = self._tokenizer.eos_token_ids
            processors = processors_for(command.sampling, len(prompt), ends)
            detokenizer = self._tokenizer.detokenizer
            reply = reply_to(command, prompt, self._tags)
            form = form_of(command, self._tokenizer, thinking=reply.thinking)
            row = Row(command, prompt, max_tokens, processors, detokenizer, reply)
        except Unusable as error:
            return [error.refused(command.id)]
        except Exception:
            logger.exception("%s: the request cannot be prepared", command.id)
            return [cannot_prepare(command.prompt).refused(command.id)]
        if form is not None:
            self._grammars.begin(row, form)
        self._rows[command.id] = row
        return [Tokens(command.id, echo, 0)] if echo else []

    def set_deadline(self, id: str, deadline: float) -> None:
        if row := self._rows.get(id):
            row.deadline = deadline

    def configure(self, prefill_chunk: int, prompt_cache_bytes: int) -> None:
        self._pace.bound(prefill_chunk)
        self._prompt_cache.bound(prompt_cache_bytes)
        mx.clear_cache()
        logger.info(
            "from now on at most %d tokens of a prompt in a step, and %d MB of prompts that were read",
            prefill_chunk,
            prompt_cache_bytes // 2**20,
        )

    def drop(self, id: str, reason: Reason, since: float) -> list[Event]:
        """Take a row out, wherever it is, with the text it still held. An unknown id is nothing.

        `since`: when it was to be gone, in `time.monotonic()`.
        """
        row = self._rows.get(id)
        return self._drop([(row, since)], reason) if row is not None else []

    def drop_expired(self) -> list[Event]:
        now = time.monotonic()
        expired = [(row, row.deadline) for row in self._rows.values() if row.deadline <= now]
        return self._drop(expired, "deadline") if expired else []

    def admit(self) -> list[Event]:
        """Give free places to those who wait."""
        refused = self._grammars.finish()
        for row, _ in refused:
            self._forget(row)
        prefilling = self._prefilling()
        places = min(self._max_rows - len(self._in_generator), MAX_PREFILL_ROWS - prefilling)
        waiting = [row for row in self._rows.values() if row.uid is None and row.complete]
        admitted = waiting[: max(places, 0)]
        for row in admitted:
            caches, row.cached_tokens = self._prompt_cache.fetch(row.prompt)
            row.prompt_done = row.cached_tokens
            [row.uid] = self._generator.insert(
                [row.prompt[row.prompt_done :]],
                [row.max_tokens],
                caches=[caches],
                all_tokens=[row.prompt[: row.prompt_done]],
                samplers=[row.sampler],
                logits_processors=[row.processors],
            )
            self._in_generator[row.uid] = row
        return [*(error.refused(row.id) for row, error in refused), *(row.prefill() for row in admitted)]

    def step(self) -> list[Event]:
        """One token for each row that decodes, one chunk of prompt for those that do not yet."""
        if not self._in_generator:
            self._grammars.wait(COMPILING_SECONDS)
            return []
        # The generator's chunk is per row. Shared out, a step takes the same time however many prompts come.
        self._generator.prefill_step_size = max(1, self._pace.chunk // max(1, self._prefilling()))
        started = time.monotonic()
        prompts, generated = self._generator.next()
        events: list[Event] = []
        logprobs = self._logprobs(generated)
        for response in generated:
            events += self._advance(response, logprobs.get(response.uid))
        computed = 0
        for response in prompts:
            row = self._in_generator[response.uid]
            row.decoding = response.end_of_prompt
            done_tokens = row.cached_tokens + response.progress[0]
            computed += done_tokens - row.prompt_done
            row.prompt_done = done_tokens
            events.append(row.prefill())
        self._pace.learn(computed, time.monotonic() - started)
        self._keep_what_cannot_be_trimmed(
            [r.uid for r in prompts if r.end_of_segment and not r.end_of_prompt]
        )
        return events

    def _logprobs(self, generated: list[Any]) -> dict[int, TokenLogprob]:
        """By the generator's number, of the rows that are to tell them."""
        chosen: dict[int, Chosen] = {}
        for response in generated:
            alternatives = self._in_generator[response.uid].alternatives
            if alternatives is not None:
                chosen[response.uid] = Chosen(response.token, response.logprobs, alternatives)
        return told(chosen, self._bytes_of)

    def _advance(self, response: Any, logprob: TokenLogprob | None) -> list[Event]:
        row = self._in_generator[response.uid]
        row.completion_tokens += 1
        reason: Reason | None = response.finish_reason
        said, stopped = ([], False) if reason == "stop" else row.take(response.token, logprob)
        if reason is not None:
            self._prompt_cache.keep(response.all_tokens, response.prompt_cache)
            if not stopped:
                tail, stopped = row.tail("own" if reason == "stop" else "length")
                said = [*said, *tail]
        elif stopped:
            self._remove([row])
        if stopped:
            reason = "stop"
        events: list[Event] = [*row.counted(said)]
        if reason is None and row.failure is not None:
            self._remove([row])
            self._forget(row)
            return [*events, row.failure.refused(row.id)]
        if reason is None:
            return events
        self._forget(row)
        return [*events, row.done(reason)]

    def _drop(self, rows: list[tuple[Row, float]], reason: Reason) -> list[Event]:
        """All at once: each removal makes the rows that stay a new batch."""
        self._remove([row for row, _ in rows])
        gone = time.monotonic()
        events: list[Event] = []
        for row, since in rows:
            said, _ = row.tail("dropped")
            self._forget(row)
            events += row.left(said)
            events.append(row.done(reason, stop_latency=gone - since))
        return events

    def _remove(self, rows: list[Row]) -> None:
        """Out of the generator; what was computed for them is kept. A row that was only just inserted has nothing."""
        begun = [row.uid for row in rows if row.uid is not None and row.prompt_done > row.cached_tokens]
        kept = self._generator.remove(begun, return_prompt_caches=self._prompt_cache.most_bytes > 0)
        self._generator.remove([row.uid for row in rows if row.uid is not None and row.uid not in begun])
        for caches, tokens in kept.values():
            self._prompt_cache.keep(tokens, caches)

    def _keep_what_cannot_be_trimmed(self, uids: list[int]) -> None:
        """At the prompt's last token but one, where the same prompt begins to decode when it comes again.

        A cache that can be trimmed is kept when the row ends, and cut back to any place.
        """
        if not uids or self._prompt_cache.most_bytes == 0:
            return
        for caches, tokens in self._generator.extract_cache(uids).values():
            if not can_trim_prompt_cache(caches):
                self._prompt_cache.keep(tokens, caches)

    def _prefilling(self) -> int:
        return sum(not row.decoding for row in self._in_generator.values())

    def _forget(self, row: Row) -> None:
        del self._rows[row.id]
        self._grammars.drop(row)
        if row.uid is not None:
            del self._in_generator[row.uid]
        if not self._in_generator:
            mx.clear_cache()
