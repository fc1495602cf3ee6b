"""A prompt that is far too long is refused before all of it is tokenized: meanwhile every row would stand still."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from inference.messages import ChatPrompt, Count, Sampling, TextPrompt
from tests.runner.process import GREEDY, NEVER, Prompt, Runner, ready
from tests.tiny_model import make_tiny_model

FAR_TOO_LONG = "lo la " * 500_000  # 4 s to tokenize
CHAT = ChatPrompt([{"role": "user", "content": FAR_TOO_LONG}])


@pytest.mark.parametrize(("prompt", "param"), [(CHAT, "messages"), (TextPrompt(FAR_TOO_LONG), "prompt")])
def test_it_is_refused_after_its_beginning(runner: Runner, prompt: Prompt, param: str) -> None:
    refused = runner.wait(runner.add_prompt(prompt)).refused
    assert (refused.code, refused.param) == ("context_length_exceeded", param)
    assert "resulted in more than " in refused.message


def test_it_is_not_counted_to_its_end(runner: Runner) -> None:
    refused = runner.wait(runner.send_row(lambda id: Count(id, NEVER, CHAT, GREEDY))).refused
    assert (refused.code, refused.param) == ("context_length_exceeded", "messages")
    assert "is not counted to its end" in refused.message


def test_what_fits_is_taken_however_many_characters_it_has(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "short", max_position_embeddings=64)
    words = sorted(Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab(), key=len)[-50:]
    text = "".join(word.replace("Ġ", " ") for word in words)
    assert len(text) > 4 * 64
    with ready(folder) as runner:
        done = runner.wait(runner.add_prompt(TextPrompt(text), Sampling(max_tokens=1))).done
    assert done.prompt_tokens < 64
