"""An embedding model at work: requests share batches of inputs, one batch a step."""

import itertools
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx

from inference.messages import Add, Embed, Event, Prefill, Ready, Refused, Stats, Vectors
from inference.runner import capabilities
from inference.runner.embed_row import EmbedRow
from inference.runner.encoder import Array, Encoder, unit
from inference.runner.loading import held_bytes
from inference.runner.options import Progress
from inference.runner.pace import FIRST_TOKENS, PrefillPace
from inference.runner.row import Reason
from inference.runner.unusable import Unusable

MAX_ROWS = 32  # requests that take turns; the others wait
MAX_BATCH_INPUTS = 128
MAX_BATCH_TOKENS = 8192  # padding included
TOKENIZING_SECONDS = 0.1  # a step: 2,048 long inputs at once would hold up everyone for seconds
SHORT_TOKENS = 32  # inputs up to this share a batch whatever their lengths

logger = logging.getLogger(__name__)


class Input(NamedTuple):
    row: EmbedRow
    number: int

    @property
    def tokens(self) -> list[int]:
        return self.row.tokens[self.number]


class EmbeddingModel:
    """Requests take turns: each step does a batch of the one whose turn it is, filled up with like inputs of others."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._encoder = Encoder(folder, progress)
        self._pace = PrefillPace(MAX_BATCH_TOKENS)
        self._rows: dict[str, EmbedRow] = {}
        self._turns: list[EmbedRow] = []
        for _ in range(2):  # the first one compiles kernels, the second one says how fast the machine is
            self._vectors([[0] * (FIRST_TOKENS // 2)] * 2)
        mx.clear_cache()

    @property
    def busy(self) -> bool:
        return bool(self._rows)

    def ready(self) -> Ready:
        return Ready("embedding", self._encoder.context_tokens, held_bytes(), capabilities.EMBEDDING)

    def stats(self) -> Stats:
        return Stats(
            memory_bytes=held_bytes(),
            prompt_cache_bytes=0,
            decoding=0,
            prefilling=len(self._turns),
            queued=len(self._rows) - len(self._turns),
        )

    def add(self, command: Add | Embed) -> list[Event]:
        """Take a request in. Whatever is wrong with it is answered, and concerns no other row."""
        if isinstance(command, Add):
            text = "This model makes embeddings and generates no text. Ask it at /v1/embeddings."
            return [Refused(command.id, "model_does_not_generate", "model", text)]
        if command.id in self._rows:
            logger.error("%s: skipped, a row of this id is at work", command.id)
            return []
        row = EmbedRow(command, self._encoder)
        try:
            row.check()
            row.tokenize()
        except Unusable as error:
            return [error.refused(row.id)]
        self._rows[row.id] = row
        return []

    def set_deadline(self, id: str, deadline: float) -> None:
        if row := self._rows.get(id):
            row.deadline = deadline

    def configure(self, prefill_chunk: int, prompt_cache_bytes: int) -> None:
        """Nothing of it is of an encoder: it reads inputs whole and keeps none."""

    def drop(self, id: str, reason: Reason, since: float) -> list[Event]:
        """Take a row out, wherever it is. An unknown id is nothing.

        `since`: when it was to be gone, in `time.monotonic()`.
        """
        row = self._rows.get(id)
        if row is None:
            return []
        self._forget(row)
        return [row.done(reason, time.monotonic() - since)]

    def drop_expired(self) -> list[Event]:
        now = time.monotonic()
        expired = [row for row in self._rows.values() if row.deadline <= now]
        return [event for row in expired for event in self.drop(row.id, "deadline", row.deadline)]

    def admit(self) -> list[Event]:
        """Give free places to those who wait."""
        waiting = [row for row in self._rows.values() if row.tokenized and not row.admitted]
        admitted = waiting[: MAX_ROWS - len(self._turns)]
        for row in admitted:
            row.admitted = True
            self._turns.append(row)
        return [Prefill(row.id, 0, row.prompt_tokens) for row in admitted]

    def step(self) -> list[Event]:
        """One batch, and some of the inputs that are no tokens yet."""
        events = self._tokenize()
        if not self._turns:
            return events
        batch = self._next_batch()
        vectors = self._vectors([input.tokens for input in batch])
        for row in dict.fromkeys(input.row for input in batch):
            own = [place for place, input in enumerate(batch) if input.row is row]
            events += self._finish(row, [batch[place].number for place in own], vectors[own])
        return events

    def _tokenize(self) -> list[Event]:
        until = time.monotonic() + TOKENIZING_SECONDS
        events: list[Event] = []
        for row in [row for row in self._rows.values() if not row.tokenized]:
            try:
                while not row.tokenized and time.monotonic() < until:
                    row.tokenize()
            except Unusable as error:
                self._forget(row)
                events.append(error.refused(row.id))
        return events

    def _next_batch(self) -> list[Input]:
        """Of the row whose turn it is, its longest inputs; then others of about that length, in the rows' order.

        Of about that length: whatever is shorter is padded, and padding costs as much as tokens do.
        """
        self._turns.append(self._turns.pop(0))
        order = [self._turns[-1], *self._turns[:-1]]
        batch: list[Input] = []
        width = len(order[0].tokens[order[0].pending[-1]])
        most = max(1, min(MAX_BATCH_INPUTS, self._pace.chunk // width))
        for row in order:
            while row.pending and len(batch) < most:
                tokens = len(row.tokens[row.pending[-1]])
                if tokens > width or (width > SHORT_TOKENS and tokens * 2 < width):
                    break
                batch.append(Input(row, row.pending.pop()))
        return batch

    def _vectors(self, batch: list[list[int]]) -> Array:
        started = time.monotonic()
        vectors = self._encoder.vectors(batch)
        self._pace.learn(len(batch) * max(map(len, batch)), time.monotonic() - started)
        return vectors

    def _finish(self, row: EmbedRow, numbers: list[int], vectors: Array) -> list[Event]:
        row.done_tokens += sum(len(row.tokens[number]) for number in numbers)
        if row.dimensions is not None:
            vectors = unit(vectors[:, : row.dimensions])
        values = [vector.astype("<f4").tobytes() for vector in vectors]
        events: list[Event] = [Vectors(row.id, first, run) for first, run in _runs(numbers, values)]
        events.append(Prefill(row.id, row.done_tokens, row.prompt_tokens))
        if not row.pending:
            self._forget(row)
            events.append(row.done("stop"))
        return events

    def _forget(self, row: EmbedRow) -> None:
        del self._rows[row.id]
        if row.admitted:
            self._turns.remove(row)
        if not self._rows:
            mx.clear_cache()


def _runs(numbers: list[int], values: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """What belongs together: the first number of each run without a gap, and its values."""
    pairs = sorted(zip(numbers, values, strict=True))
    for _, group in itertools.groupby(enumerate(pairs), key=lambda place: place[1][0] - place[0]):
        run = [pair for _, pair in group]
        yield run[0][0], [value for _, value in run]
