"""Thinking between tools, as Anthropic's own client has it through the gateway: a provider gets back what it signed."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests import blocks
from tests.blocks import REDACTED, Block, result, text, thinking, use
from tests.dialects.asking import USER, WEATHER, answered, falling_back, streamed
from tests.provider import Provider
from tests.server import Server
from tests.tool_formats import HERMES, make_calling_model
from tests.v1.asking import ask
from tests.v1.pool import add

THINKS: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "tools": [WEATHER]}
HERE = "signed-hermes"
FIRST = [thinking("Bern is in Switzerland."), REDACTED, text("Let me look."), use("a", place="Bern")]
SECOND = [thinking("Rain."), use("b", place="Basel"), thinking("And Oslo?"), use("c", place="Oslo")]
LAST = [thinking("So it rains."), text("Take an umbrella.")]
OMITTED = [thinking("Nobody sees this.", shown=False), use("a", place="Bern")]
STREAMED = pytest.mark.parametrize("stream", [False, True])


@pytest.fixture(scope="module")
def thinker(shared_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A model of this machine that thinks, calls tools, and says what it was told was thought before."""
    scripts = {"Bern is in Switzerland.": "<think>\nHm.\n</think>\n\nIt rains."}
    add(shared_server, HERE, make_calling_model(tmp_path_factory.mktemp(HERE) / "model", HERMES, scripts))
    yield HERE
    with shared_server.api() as api:
        api.post(f"/api/models/{HERE}/unload")
    shared_server.rows("DELETE FROM settings_app_localmodel WHERE name = ?", HERE)


def tell(beyond: Provider, spoken: list[Block], stop_reason: str, *, stream: bool) -> None:
    beyond.forget()
    if stream:
        beyond.events = blocks.events(spoken, stop_reason)
    else:
        beyond.body = blocks.message(spoken, stop_reason)


def said(server: Server, turns: list[Any], *, stream: bool, **more: Any) -> Any:
    asked = {"model": "claude-9", "messages": turns, **THINKS, **more}
    return streamed(server, **asked)[1] if stream else answered(server, **asked)


def kept(content: list[Block]) -> list[Block]:
    """Less the nulls that the client sends along."""
    return [{name: value for name, value in block.items() if value is not None} for block in content]


@STREAMED
def test_each_turn_brings_back_what_was_signed_in_those_before(
    server: Server, beyond: Provider, stream: bool
) -> None:
    turns: list[Any] = [USER]
    for spoken, given in ((FIRST, [result("a", "Rain.")]), (SECOND, [result("b", "x"), result("c", "y")])):
        tell(beyond, spoken, "tool_use", stream=stream)
        answer = said(server, turns, stream=stream)
        assert answer.stop_reason == "tool_use"
        turns += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": given}]
    tell(beyond, LAST, "end_turn", stream=stream)
    answer = said(server, turns, stream=stream)
    assert (answer.stop_reason, answer.content[-1].text) == ("end_turn", "Take an umbrella.")
    assert [kept(turn["content"]) for turn in beyond.asked[-1]["messages"][1:]] == [
        FIRST,
        [result("a", "Rain.")],
        SECOND,
        [result("b", "x"), result("c", "y")],
    ]


@STREAMED
def test_thinking_that_is_omitted_keeps_its_signature(server: Server, beyond: Provider, stream: bool) -> None:
    omitted: dict[str, Any] = {"thinking": {"type": "adaptive", "display": "omitted"}}
    tell(beyond, OMITTED, "tool_use", stream=stream)
    answer = said(server, [USER], stream=stream, **omitted)
    assert (answer.content[0].thinking, answer.content[0].signature) == ("", OMITTED[0]["signature"])
    tell(beyond, LAST, "end_turn", stream=stream)
    turns = [USER, {"role": "assistant", "content": answer.content}]
    said(server, [*turns, {"role": "user", "content": [result("a", "Rain.")]}], stream=stream, **omitted)
    assert kept(beyond.asked[-1]["messages"][1]["content"]) == OMITTED
    assert beyond.asked[-1]["thinking"] == omitted["thinking"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([{**FIRST[0], "signature": "made up"}, FIRST[3]], "messages.1.content.0: Invalid `signature` in"),
        ([FIRST[3]], "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`"),
    ],
)
def test_what_the_client_made_of_it_is_the_provider_s_to_refuse(
    server: Server, beyond: Provider, content: list[Block], words: str
) -> None:
    given = {"role": "user", "content": [result("a", "Rain.")]}
    with pytest.raises(anthropic.BadRequestError) as failed:
        said(server, [USER, {"role": "assistant", "content": content}, given], stream=False)
    error: Any = failed.value.body["error"]  # type: ignore[index]
    assert (error["type"], error["provider"]) == ("invalid_request_error", "Beyond")
    assert f"Provider Beyond answered with 400: {words}" in error["message"]


def conversation(given: str) -> list[Any]:
    return [
        USER,
        {"role": "assistant", "content": FIRST},
        {"role": "user", "content": [result("a", given)]},
    ]


@STREAMED
def test_a_model_of_this_machine_takes_it_as_what_was_thought(
    server: Server, thinker: str, stream: bool
) -> None:
    answer = said(server, conversation("thought?"), stream=stream, model=thinker)
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert (answer.content[0].signature, answer.content[1].text) == ("", "It rains.")


@STREAMED
def test_it_goes_on_where_the_provider_fails_and_back_where_it_does_not(
    server: Server, beyond: Provider, thinker: str, stream: bool
) -> None:
    """What was thought here bears no signature, with which the provider would refuse it all: it is not sent there."""
    with falling_back(server, beyond, thinker) as model:
        beyond.status = 529
        answer = said(server, conversation("thought?"), stream=stream, model=model)
        assert (answer.model, answer.content[1].text) == (thinker, "It rains.")
        assert kept(beyond.asked[-1]["messages"][1]["content"]) == FIRST
        tell(beyond, LAST, "end_turn", stream=stream)
        cut = {"role": "assistant", "content": answer.content[:1]}
        turns = [*conversation("x"), {"role": "assistant", "content": answer.content}, USER, cut, USER]
        assert said(server, turns, stream=stream, model=model).model == "large"
        sent = beyond.asked[-1]["messages"]
        assert (kept(sent[1]["content"]), kept(sent[3]["content"])) == (FIRST, [text("It rains.")])
        assert sent[4:] == [USER, USER]


def test_so_it_is_counted(server: Server, beyond: Provider) -> None:
    beyond.body = [b'{"input_tokens": 3}']
    unsigned = {"role": "assistant", "content": [{**LAST[0], "signature": ""}, LAST[1]]}
    answer = ask(server, "/v1/messages/count_tokens", model="claude-9", messages=[USER, unsigned, USER])
    assert answer.json() == {"input_tokens": 3}
    assert beyond.asked[-1]["messages"] == [USER, {"role": "assistant", "content": LAST[1:]}, USER]


def test_another_provider_takes_it_as_what_was_thought(server: Server, afar: Provider) -> None:
    adaptive: Any = {"thinking": {"type": "adaptive"}}
    answered(server, messages=conversation("Rain."), **{**THINKS, **adaptive})
    sent = afar.asked[-1]["messages"][1]
    assert (sent["reasoning_content"], sent["content"]) == ("Bern is in Switzerland.", "Let me look.")
    assert "signature" not in str(sent) and REDACTED["data"] not in str(sent)


def test_what_this_version_does_not_know_is_refused_by_name_where_it_cannot_be_passed_on(
    server: Server, thinker: str
) -> None:
    turns = [
        *conversation("thought?"),
        {"role": "user", "content": [{"type": "text", "text": "a", "new": 1}]},
    ]
    answer = ask(server, "/v1/messages", model=thinker, messages=turns, max_tokens=5)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages[3].content[0].new")


@pytest.mark.parametrize("kept", ["reasoning_details", "reasoning_content"])
def test_so_it_does_in_a_chat(server: Server, thinker: str, kept: str) -> None:
    """Where a client of OpenAI's brings back what it was told of it."""
    pieces: list[Any] = [
        {"type": "reasoning.text", "index": 0, "text": "Bern is in "},
        {"type": "reasoning.text", "index": 0, "text": "Switzerland.", "signature": FIRST[0]["signature"]},
        {"type": "reasoning.encrypted", "index": 1, "data": REDACTED["data"]},
    ]
    before = {
        "role": "assistant",
        "content": "Well.",
        kept: pieces if kept == "reasoning_details" else FIRST[0]["thinking"],
    }
    messages = [USER, before, {"role": "user", "content": "thought?"}]
    answer = ask(server, model=thinker, messages=messages, max_tokens=50).json()
    assert answer["choices"][0]["message"]["content"] == "It rains."
