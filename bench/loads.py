"""What the contenders are asked: the same prompts for each of them in one round, new ones in the next."""

import random
from dataclasses import dataclass
from typing import Any

from bench.worker import Worker

TOKENS = 128
PREFIX_TOKENS = 1960  # and what is asked of it: 2,000 in all


@dataclass(frozen=True)
class Load:
    """So many clients at once, and when all are answered again, `bursts` times."""

    clients: int
    bursts: int

    def name(self, streamed: bool) -> str:
        clients = f"{self.clients} client{'s' if self.clients > 1 else ''}"
        return f"{clients}, {'streamed' if streamed else 'whole'}"

    def job(self, chance: random.Random, streamed: bool) -> dict[str, Any]:
        bursts = [[story(chance) for _ in range(self.clients)] for _ in range(self.bursts)]
        return {"do": "bursts", "bursts": bursts, "tokens": TOKENS, "streamed": streamed}


def story(chance: random.Random) -> str:
    return f"Tell me a long story about the number {chance.randrange(10**9)}, with many people in it."


def arrivals(chance: random.Random, idle: int, busy: int, long_tokens: int) -> dict[str, Any]:
    """So many short requests while nothing else runs, and so many while eight long ones decode."""
    return {
        "do": "arrivals",
        "idle": [story(chance) for _ in range(idle)],
        "busy": [story(chance) for _ in range(busy)],
        "long": [story(chance) for _ in range(8)],
        "long_tokens": long_tokens,
    }


def prefix(chance: random.Random, tokenizer: Worker, pairs: int) -> dict[str, Any]:
    return {"do": "prefix", "pairs": [_pair(chance, tokenizer) for _ in range(pairs)]}


def _pair(chance: random.Random, tokenizer: Worker) -> list[str]:
    text = tokenizer.ask({"do": "text", "tokens": PREFIX_TOKENS, "seed": chance.random()})["text"]
    return [f"{text}\n{story(chance)}" for _ in range(2)]
