"""What mlx_lm.generate makes of questions, greedily. Run as `python -m tests.v1.mlx_lm_says MODEL MAX_TOKENS`.

A list of questions comes in and one of answers goes out, as JSON. A process of its own: where mlx was imported
before OpenBLAS it takes minutes.
"""

import json
import sys
from pathlib import Path

from inference.runner.loading import load  # first: it puts OpenBLAS in front of mlx

# isort: split

import mlx_lm


def main(folder: str, max_tokens: str) -> None:
    loaded = load(Path(folder), lambda share: None)
    answers = []
    for question in json.load(sys.stdin):
        message = [{"role": "user", "content": question}]
        prompt = loaded.tokenizer.apply_chat_template(message, add_generation_prompt=True)
        answers.append(mlx_lm.generate(loaded.model, loaded.tokenizer, prompt, max_tokens=int(max_tokens)))
    json.dump(answers, sys.stdout)


main(*sys.argv[1:])
