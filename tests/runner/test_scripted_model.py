"""The model that other tests have say things does say them."""

from collections.abc import Iterator

import pytest

from inference.messages import ChatPrompt, Sampling
from tests.runner.process import Answer, Runner, ready
from tests.scripted_model import Endless, make_scripted_model

TAGS = ("<think>", "</think>", "<tool_call>", "</tool_call>")
SCRIPTS: dict[str, str | Endless] = {
    "calls": '<tool_call>\n{"name": "a"}\n</tool_call>\n<tool_call>\n{"name": "a"}\n</tool_call>',
    "words": "Größe, 東京 and 🙂🙂: ünïcode, twice and twice again.\n\nEnd\n",
    "again": Endless("It goes ", "on and on and "),
}


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("models") / "scripted"
    with ready(make_scripted_model(folder, SCRIPTS, tags=TAGS)) as runner:
        yield runner


def asked(runner: Runner, name: str, temperature: float, max_tokens: int | None = None) -> Answer:
    prompt = ChatPrompt([{"role": "user", "content": name}])
    return runner.wait(runner.add_prompt(prompt, Sampling(max_tokens, temperature)))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("name", ["calls", "words"])
def test_it_says_its_script_and_ends(scripted: Runner, name: str, temperature: float) -> None:
    answer = asked(scripted, name, temperature)
    assert answer.text == SCRIPTS[name]
    assert answer.done.reason == "stop"


def test_an_endless_script_goes_on(scripted: Runner) -> None:
    answer = asked(scripted, "again", 0, 200)
    assert answer.text.startswith("It goes on and on and on and on and on and")
    assert (answer.done.reason, answer.done.completion_tokens) == ("length", 200)


def test_it_has_nothing_to_say_to_anything_else(scripted: Runner) -> None:
    answer = asked(scripted, "what?", 0)
    assert (answer.text, answer.done.reason) == ("", "stop")
