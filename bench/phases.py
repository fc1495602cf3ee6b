"""Deadlines that fire in one phase: how long after it the answer came, and the row was dropped."""

import asyncio
import random
import statistics
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.client import CHAT, COMPLETIONS, Answer, Client, chat, own_cost
from bench.table import Line, spread
from tests.server import Server

BATCH_ROWS = 32
ROUNDS = 20  # after so many the phase is given up
PROMPT_TOKENS = 2048  # four chunks
MEDIAN_MS, WORST_MS = 20.0, 100.0
SLACK_MS = 5.0
DECODE_SECONDS, QUEUE_SECONDS = (0.1, 0.3), (0.2, 0.4)


Asked = tuple[Answer, float, list[float]]
"""What came, the seconds it was given, and the seconds that steps took meanwhile."""


@dataclass
class Cut:
    """Milliseconds, of requests that were over in the phase that was meant."""

    answered: list[float] = field(default_factory=list)
    stopped: list[float] = field(default_factory=list)
    untold: int = 0  # of which the runner never said when they were gone
    steps: list[float] = field(default_factory=list)  # what they took meanwhile


class Phases:
    def __init__(self, server: Server, client: Client, count: int) -> None:
        self._server = server
        self._client = client
        self._count = count
        self._novel = random.Random(1)

    async def own_cost(self) -> list[Line]:
        took = [seconds * 1000 for seconds in await own_cost(self._count)]
        return [Line("the measurement's own cost", "ms", spread(took))]

    async def decode(self) -> list[Line]:
        cuts = [await self._cut("decode", streamed, self._ask_decode) for streamed in (True, False)]
        lines = [Line("a step of one row", "ms", spread(cuts[0].steps))]
        bounds = _two(cuts[0].steps)
        return lines + _lines("decode, streamed", cuts[0], bounds) + _lines("decode, whole", cuts[1], bounds)

    async def prefill(self) -> list[Line]:
        self._prefill_seconds = await self._undisturbed_prefill()
        lines = []
        for kind, streamed in (("streamed", True), ("whole", False)):
            cut = await self._cut("prefill", streamed, self._ask_prefill)
            lines.append(Line(f"longest chunk beside a stream, {kind}", "ms", spread(cut.steps)))
            bounds = {"median": statistics.median(cut.steps), "worst": max(cut.steps)}
            lines += _lines(f"prefill, {kind}", cut, bounds)
        return lines

    async def queue(self) -> list[Line]:
        async with self._full_batch() as watched:
            cuts = [await self._cut("queue", streamed, self._ask_queue) for streamed in (True, False)]
        steps = [gap * 1000 for answer in watched for gap in answer.gaps()]
        lines = [Line(f"a step of {BATCH_ROWS} rows", "ms", spread(steps))]
        bounds = _two(steps)
        return lines + _lines("queue, streamed", cuts[0], bounds) + _lines("queue, whole", cuts[1], bounds)

    async def _cut(self, phase: str, streamed: bool, ask: Any) -> Cut:
        """So many that were over in this phase; the others, few, are of no account."""
        cut = Cut()
        for _ in range(ROUNDS):
            asked = [await ask(streamed) for _ in range(self._count - len(cut.answered))]
            for answer, seconds, steps in asked:
                row = await asyncio.to_thread(self._server.logged, answer.request_id)
                if (row["status"], row["phase"]) == ("timeout", phase):
                    cut.answered.append((answer.answered - answer.sent - seconds) * 1000)
                    cut.untold += row["stop_latency_ms"] is None
                    cut.stopped.append(row["stop_latency_ms"] or 0.0)
                    cut.steps += [step * 1000 for step in steps]
        if len(cut.answered) < self._count:
            raise RuntimeError(f"{len(cut.answered)} of {self._count} deadlines fired in {phase}")
        return cut

    async def _ask_decode(self, streamed: bool) -> Asked:
        seconds = self._novel.uniform(*DECODE_SECONDS)
        body = chat(f"story {self._novel.random()}")
        answer = await self._client.post(CHAT, **body, stream=streamed, timeout=seconds)
        return answer, seconds, answer.gaps()

    async def _ask_queue(self, streamed: bool) -> Asked:
        seconds = self._novel.uniform(*QUEUE_SECONDS)
        answer = await self._client.post(CHAT, **chat("hello"), stream=streamed, timeout=seconds)
        if (
            answer.status == 503
        ):  # a stream waits for a place too, and this one could not have got any in time
            await asyncio.sleep(QUEUE_SECONDS[1])
        return answer, seconds, []

    async def _ask_prefill(self, streamed: bool) -> Asked:
        """Beside a stream: as long as that stands still at most, so long is a chunk."""
        seconds = self._novel.uniform(0.3, 0.8) * self._prefill_seconds
        body = {"prompt": self._prompt(), "max_tokens": 500}  # one that ended by itself was not stopped
        async with self._client.stream(CHAT, **chat("beside")) as beside:
            answer = await self._client.post(COMPLETIONS, **body, stream=streamed, timeout=seconds)
            seen = len(beside.pieces)
            # The step that was under way is over then.
            while len(beside.pieces) < seen + 2:  # noqa: ASYNC110, a stream of pieces is no event
                await asyncio.sleep(0.005)
            return answer, seconds, [max(beside.gaps())]

    async def _undisturbed_prefill(self) -> float:
        took = []
        for _ in range(10):
            async with self._client.stream(CHAT, **chat("beside")):
                answer = await self._client.post(COMPLETIONS, prompt=self._prompt(), max_tokens=1)
            took.append(answer.pieces[-1][0] - answer.sent)
        return statistics.median(took)

    def _prompt(self) -> list[int]:
        """Nothing of it is in the prompt cache."""
        return [self._novel.randrange(2, 1024) for _ in range(PROMPT_TOKENS)]

    @asynccontextmanager
    async def _full_batch(self) -> AsyncGenerator[list[Answer], None]:
        """As many streams as fit, each begun again at its end; what one of them gets is kept."""
        watched: list[Answer] = []
        tasks = [asyncio.create_task(self._fill(n, None if n else watched)) for n in range(BATCH_ROWS)]
        await asyncio.sleep(2)
        try:
            yield watched
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _fill(self, n: int, kept: list[Answer] | None) -> None:
        """The lengths differ, so that places do not get free all at once."""
        while True:
            await self._client.follow(CHAT, kept, **chat(f"fill {n}"), max_tokens=1000 + 90 * n)


def _two(steps: list[float]) -> dict[str, float]:
    return {"median": 2 * statistics.median(steps), "worst": 2 * max(steps)}


def _lines(kind: str, cut: Cut, stop_bounds: dict[str, float]) -> list[Line]:
    return [
        Line(f"answered after, {kind}", "ms", spread(cut.answered), {"median": MEDIAN_MS, "worst": WORST_MS}),
        Line(
            f"stopped after, {kind}",
            "ms",
            {**spread(cut.stopped), "untold": cut.untold},
            {"untold": 0, **{name: round(most + SLACK_MS, 3) for name, most in stop_bounds.items()}},
        ),
    ]
