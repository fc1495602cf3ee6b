"""mlx-lm's BatchGenerator driven directly: `python -m bench.raw FOLDER`. No server can be faster than this.

The model is loaded as a runner loads it; texts are made by nobody, and nothing is sent anywhere.
"""

import random
import sys
import time
from pathlib import Path
from typing import Any

from inference.runner.loading import Loaded, load

# isort: split
from mlx_lm.generate import BatchGenerator

from bench.moments import Told, moments
from bench.worker import answer

WORDS = ("the", "river", "bends", "where", "old", "stones", "meet", "new", "light", "while", "boats")


class Raw:
    def __init__(self, loaded: Loaded) -> None:
        self._tokenizer = loaded.tokenizer
        self._generator: Any = BatchGenerator(
            loaded.model,
            stop_tokens=[[token] for token in loaded.tokenizer.eos_token_ids],
            completion_batch_size=32,
            prefill_batch_size=8,
        )

    def do(self, job: dict[str, Any]) -> dict[str, Any]:
        if job["do"] == "text":
            return {"text": self._text(job["tokens"], random.Random(job["seed"]))}
        told: list[Told] = []
        seconds = 0.0
        for texts in job["bursts"]:
            prompts = [self._prompt(text) for text in texts]  # what a server does while it waits for nothing
            began = time.monotonic()
            told += self._burst(prompts, job["tokens"], began)
            seconds += time.monotonic() - began
        return moments(told, seconds)

    def _burst(self, prompts: list[list[int]], tokens: int, began: float) -> list[Told]:
        made: dict[int, list[float]] = {
            uid: [] for uid in self._generator.insert(prompts, [tokens] * len(prompts))
        }
        left = len(prompts)
        while left:
            generated = self._generator.next()[1]
            now = time.monotonic()
            for response in generated:
                made[response.uid].append(now)
                left -= response.finish_reason is not None
        return [Told(began, at, len(at)) for at in made.values()]

    def _prompt(self, text: str) -> list[int]:
        messages = [{"role": "user", "content": text}]
        return list(self._tokenizer.apply_chat_template(messages, add_generation_prompt=True))

    def _text(self, tokens: int, chance: random.Random) -> str:
        """Of so many tokens and a few."""
        words: list[str] = []
        while len(self._tokenizer.encode(" ".join(words))) < tokens:
            words += [*chance.choices(WORDS, k=20), str(chance.randrange(1000))]
        return " ".join(words)


def main() -> None:
    raw = Raw(load(Path(sys.argv[1]), lambda share: None))
    answer(raw.do)


if __name__ == "__main__":
    main()
