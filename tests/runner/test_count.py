"""Counting the tokens of a prompt: what a row of it would have, without a row."""

from pathlib import Path

import pytest

from inference.messages import ChatPrompt, Count, Refused, TextPrompt
from tests.runner.process import GREEDY, NEVER, Prompt, Runner, ready
from tests.tiny_model import BEYOND_CONTEXT, CONTEXT_TOKENS, make_tiny_model

HELLO = ChatPrompt([{"role": "user", "content": "hello there"}])


def count(runner: Runner, prompt: Prompt) -> int | Refused:
    answer = runner.wait(runner.send_row(lambda id: Count(id, NEVER, prompt, GREEDY)))
    return answer.refused if answer.counted is None else answer.counted


@pytest.mark.parametrize("prompt", [HELLO, TextPrompt("hello there")])
def test_it_is_what_a_row_has(runner: Runner, prompt: Prompt) -> None:
    assert count(runner, prompt) == runner.wait(runner.add_prompt(prompt)).done.prompt_tokens


def test_rows_go_on_beside_it(runner: Runner) -> None:
    alone = runner.ask()
    row = runner.add()
    assert count(runner, HELLO) == alone.done.prompt_tokens
    assert runner.wait(row).text == alone.text


def test_it_may_be_more_than_the_context_holds(runner: Runner) -> None:
    found = count(runner, TextPrompt(BEYOND_CONTEXT))
    assert isinstance(found, int) and found > CONTEXT_TOKENS


def test_what_can_be_no_prompt_is_refused(runner: Runner) -> None:
    found = count(runner, ChatPrompt([*HELLO.messages, {"role": "system", "content": "late"}]))
    assert isinstance(found, Refused)
    assert (found.code, found.param) == ("invalid_messages", "messages")


def test_a_model_without_a_chat_template_counts_no_messages(tmp_path: Path) -> None:
    with ready(make_tiny_model(tmp_path / "base", chat_template=None)) as runner:
        found = count(runner, HELLO)
        assert isinstance(found, Refused) and found.code == "no_chat_template"
