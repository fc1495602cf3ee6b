"""What a prompt may be: messages, text, tokens; and its echo."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from inference.messages import Embed, Sampling, TextPrompt, TokenPrompt
from tests.runner.process import NEVER, Answer, Prompt, Runner, ready
from tests.tiny_model import BEYOND_CONTEXT, CHAT_TEMPLATE, CONTEXT_TOKENS, VOCABULARY, make_tiny_model

TEXT = "ba na na, and what then"


def tokenized(folder: Path, text: str) -> list[int]:
    ids: list[int] = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    return ids


def asked(runner: Runner, prompt: Prompt, *, echo: bool = False) -> Answer:
    return runner.wait(runner.add_prompt(prompt, echo=echo))


def test_text_is_taken_without_the_chat_template(runner: Runner) -> None:
    opening = "<|im_start|>assistant\n"
    rendered = f"<|im_start|>user\nhello there<|im_end|>\n{opening}"
    assert CHAT_TEMPLATE.count(opening[:-1])
    assert asked(runner, TextPrompt(rendered)).text == runner.ask("hello there").text


def test_tokens_say_what_their_text_says(runner: Runner, tiny_model: Path) -> None:
    tokens = tokenized(tiny_model, TEXT)
    answer = asked(runner, TokenPrompt(tokens))
    assert answer.done.prompt_tokens == len(tokens)
    assert answer.text == asked(runner, TextPrompt(TEXT)).text


def test_text_begins_as_the_model_begins_every_text(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "begins")
    begin_every_text(model)
    with ready(model) as runner:
        assert asked(runner, TextPrompt(TEXT)).done.prompt_tokens == len(tokenized(model, TEXT))
        begun = asked(runner, TextPrompt("<|im_start|>" + TEXT), echo=True)
        assert begun.done.prompt_tokens == len(tokenized(model, TEXT))  # not begun twice
        assert asked(runner, TextPrompt("")).refused.param == "prompt"  # though it would be a token
        assert asked(runner, TextPrompt(TEXT), echo=True).text.startswith(TEXT)


def begin_every_text(model: Path) -> None:
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.post_processor = TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", 0)]
    )
    tokenizer.save(str(model / "tokenizer.json"))
    config = json.loads((model / "tokenizer_config.json").read_text())
    (model / "tokenizer_config.json").write_text(json.dumps(config | {"bos_token": "<|im_start|>"}))


@pytest.mark.parametrize("as_tokens", [False, True])
def test_an_echo_comes_first_and_counts_nothing(runner: Runner, tiny_model: Path, as_tokens: bool) -> None:
    prompt = TokenPrompt(tokenized(tiny_model, TEXT)) if as_tokens else TextPrompt(TEXT)
    plain, echoed = asked(runner, prompt), asked(runner, prompt, echo=True)
    assert echoed.text == TEXT + plain.text
    assert echoed.tokens == echoed.done.completion_tokens == plain.done.completion_tokens


def test_a_stop_string_is_not_looked_for_in_an_echo(runner: Runner) -> None:
    row = runner.add_prompt(
        TextPrompt(TEXT), Sampling(temperature=0, max_tokens=5, stop=("na na",)), echo=True
    )
    assert runner.wait(row).text.startswith(TEXT)


@pytest.mark.parametrize("prompt", [TextPrompt(""), TokenPrompt([])])
def test_an_empty_prompt_is_refused(runner: Runner, prompt: Prompt) -> None:
    refused = asked(runner, prompt).refused
    assert (refused.code, refused.param) == ("invalid_value", "prompt")


@pytest.mark.parametrize("token", [-1, VOCABULARY, 2**40, 2**63])
def test_a_token_outside_of_the_vocabulary_is_refused(runner: Runner, token: int) -> None:
    refused = asked(runner, TokenPrompt([5, token])).refused
    assert (refused.code, refused.param) == ("invalid_value", "prompt")
    assert str(token) in refused.message and str(VOCABULARY - 1) in refused.message


@pytest.mark.parametrize("prompt", [TextPrompt(BEYOND_CONTEXT), TokenPrompt([5] * CONTEXT_TOKENS)])
def test_a_prompt_beyond_the_context_says_prompt(runner: Runner, prompt: Prompt) -> None:
    refused = asked(runner, prompt).refused
    assert (refused.code, refused.param) == ("context_length_exceeded", "prompt")
    assert "your prompt has resulted in" in refused.message and "messages" not in refused.message


def test_a_model_without_a_chat_template_completes_text(tmp_path: Path) -> None:
    with ready(make_tiny_model(tmp_path / "base", chat_template=None)) as runner:
        assert asked(runner, TextPrompt(TEXT)).done.reason == "length"


def test_a_text_model_does_not_embed(runner: Runner) -> None:
    refused = runner.wait(runner.send_row(lambda id: Embed(id, NEVER, [TextPrompt(TEXT)]))).refused
    assert (refused.code, refused.param) == ("model_does_not_embed", "model")
    assert "embedding model" in refused.message
