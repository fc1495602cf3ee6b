"""What a deadline does to others: the rest of its batch, the memory, and the request that comes next."""

import asyncio
import random
import statistics
import time
from typing import Any

from bench.client import CHAT, COMPLETIONS, Answer, Client, chat
from bench.table import Line
from tests.server import Server

ROWS, TOKENS = 7, 120
ROUNDS = 20
FACTOR = 1.5
MEMORY_SLACK_BYTES = 1024 * 1024  # what mlx holds for steps of another size
DEADLINE_SECONDS = 0.1


class Neighbours:
    def __init__(self, client: Client, count: int) -> None:
        self._client = client
        self._count = count
        self._novel = random.Random(2)

    async def texts(self) -> list[Line]:
        """Greedy rows, once among themselves and once with one more that is cut at a random moment."""
        changed = 0
        for round_number in range(ROUNDS):
            prompts = [self._prompt(self._novel.randrange(4, 200)) for _ in range(ROWS)]
            undisturbed = await self._tell(prompts)
            told = asyncio.create_task(self._tell(prompts))
            while not told.done():
                await self._cut(leaves=bool(round_number % 2))
            changed += sum(one != other for one, other in zip(undisturbed, await told, strict=True))
        what = f"other rows that said something else, of {ROWS * ROUNDS}"
        return [Line(what, "rows", {"changed": changed}, {"changed": 0})]

    async def first_tokens(self) -> list[Line]:
        """Of the next request: after an expiry and after nothing, by turns."""
        idle, after = [], []
        for _ in range(self._count):
            await asyncio.sleep(DEADLINE_SECONDS)
            idle.append(await self._first_token())
            await self._client.post(CHAT, **self._story(), timeout=DEADLINE_SECONDS)
            after.append(await self._first_token())
        figures = {
            "of": self._count,
            "idle ms": round(statistics.median(idle) * 1000, 3),
            "after an expiry ms": round(statistics.median(after) * 1000, 3),
            "ratio": round(statistics.median(after) / statistics.median(idle), 3),
        }
        return [Line("first token of the next request", "", figures, {"ratio": FACTOR})]

    async def _first_token(self) -> float:
        answer = await self._client.post(CHAT, **self._story(), max_tokens=1, stream=True)
        return answer.token_moments()[-1] - answer.sent

    async def _tell(self, prompts: list[list[int]]) -> list[str]:
        asked = (self._client.post(COMPLETIONS, prompt=prompt, max_tokens=TOKENS) for prompt in prompts)
        answers: list[Answer] = await asyncio.gather(*asked)
        return [answer.json()["choices"][0]["text"] for answer in answers]

    async def _cut(self, leaves: bool) -> None:
        """Soon, later or at once: in the queue, in a prompt of two chunks or among the tokens."""
        body = {"prompt": self._prompt(self._novel.randrange(4, 1000))}
        seconds = self._novel.uniform(0.005, 0.2)
        if leaves:
            await self._client.leave(COMPLETIONS, seconds, **body)
        else:
            await self._client.post(COMPLETIONS, **body, timeout=seconds)

    def _prompt(self, tokens: int) -> list[int]:
        return [self._novel.randrange(2, 1024) for _ in range(tokens)]

    def _story(self) -> dict[str, Any]:
        return chat(f"story {self._novel.random()}")


def held_bytes(server: Server) -> int:
    """What mlx holds when all rows are gone, less the prompts that are kept for later."""
    left = server.rows_held()
    assert left == 0, f"{left} rows are still held"
    time.sleep(0.2)  # the runner's last word about itself may be on its way
    with server.api() as api:
        (model,) = api.get("/api/models").raise_for_status().json()["models"]
    return int(model["memory_bytes"]) - int(model["prompt_cache_bytes"])


def memory_back(before: int, server: Server) -> Line:
    after = held_bytes(server)
    figures: dict[str, float] = {"before": before, "after": after}
    return Line("memory less kept prompts", "bytes", figures, {"after": before + MEMORY_SLACK_BYTES})
