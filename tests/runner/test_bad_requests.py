"""A request that cannot be served is answered, and concerns nobody else."""

from pathlib import Path

import pytest

from inference.messages import ChatPrompt, Sampling
from tests.runner.process import Runner, ready
from tests.tiny_model import make_tiny_model


def test_the_template_s_own_refusal_reaches_the_client(runner: Runner) -> None:
    messages: list[dict[str, object]] = [
        {"role": "user", "content": "a"},
        {"role": "system", "content": "b"},
    ]
    refused = runner.wait(runner.add_prompt(ChatPrompt(messages))).refused
    assert (refused.code, refused.param) == ("invalid_messages", "messages")
    assert "The system message must come first." in refused.message


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user"}],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}],
        [{"role": "user", "content": ["a"]}],
        [{}],
    ],
)
def test_messages_that_cannot_be_rendered(runner: Runner, messages: list[dict[str, object]]) -> None:
    refused = runner.wait(runner.add_prompt(ChatPrompt(messages))).refused
    assert (refused.code, refused.param) == ("invalid_messages", "messages")
    assert "Traceback" not in refused.message


def test_content_in_parts_is_joined(runner: Runner) -> None:
    parts = [{"type": "text", "text": "hello "}, {"type": "text", "text": "there"}]
    row = runner.add_prompt(ChatPrompt([{"role": "user", "content": parts}]))
    assert runner.wait(row).text == runner.ask("hello there").text


def test_max_tokens_of_nothing(runner: Runner) -> None:
    assert runner.ask(sampling=Sampling(temperature=0, max_tokens=0)).refused.param == "max_tokens"


@pytest.mark.parametrize("frame", [b"", b"\xc1", b"\x93\xa3Add\x01\x02", b"\x91\xa7Unknown"])
def test_a_frame_that_is_no_command_is_skipped(runner: Runner, frame: bytes) -> None:
    runner.send_frame(frame)
    assert runner.ask().done.reason == "length"


def test_a_model_without_a_chat_template(tmp_path: Path) -> None:
    with ready(make_tiny_model(tmp_path / "base", chat_template=None)) as runner:
        refused = runner.ask().refused
    assert (refused.code, refused.param) == ("no_chat_template", "messages")
