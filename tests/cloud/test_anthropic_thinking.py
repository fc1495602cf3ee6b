"""Thinking between tools in a chat with a provider of Anthropic's protocol: it gets back what it signed."""

from typing import Any

import openai
import pytest

from tests import blocks
from tests.blocks import REDACTED, Block, result, text, thinking, use
from tests.cloud.asking import ANTHROPIC, CLOUD
from tests.cloud.chatting import USER, WEATHER, sent
from tests.provider import Provider
from tests.server import Server
from tests.v1.asking import ask

pytestmark = ANTHROPIC

THINKS: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
STREAMED = pytest.mark.parametrize("stream", [False, True])
FIRST = [thinking("Bern is in Switzerland."), REDACTED, text("Let me look."), use("a", place="Bern")]
SECOND = [thinking("Rain."), thinking("", shown=False), use("b", place="Basel")]
LAST = [thinking("So it rains."), text("Take an umbrella.")]
DETAILS = [
    {
        "type": "reasoning.text",
        "index": 0,
        "format": "anthropic-claude-v1",
        "text": "Bern is in Switzerland.",
        "signature": FIRST[0]["signature"],
    },
    {
        "type": "reasoning.encrypted",
        "index": 1,
        "format": "anthropic-claude-v1",
        "data": REDACTED["data"],
    },
]


def tell(afar: Provider, spoken: list[Block], stop_reason: str, *, stream: bool) -> None:
    afar.forget()
    if stream:
        afar.events = blocks.events(spoken, stop_reason)
    else:
        afar.body = blocks.message(spoken, stop_reason)


def said(server: Server, messages: list[Any], *, stream: bool) -> Any:
    """The assistant's message, as the official client has it or puts it together."""
    asked: Any = {"model": "gpt-9", "messages": messages, "tools": [WEATHER], "extra_body": THINKS}
    with server.openai(max_retries=0) as client:
        if not stream:
            return client.chat.completions.create(**asked).choices[0].message
        with client.chat.completions.stream(**asked) as stream_of_it:
            return stream_of_it.get_final_completion().choices[0].message


def sent_back(message: Any) -> dict[str, Any]:
    """As people write it. What the client parsed for itself, no API takes."""
    found = message.model_dump(exclude_none=True, exclude={"parsed"})
    for call in found.get("tool_calls", ()):
        call["function"].pop("parsed_arguments", None)
    return dict(found)


@STREAMED
def test_each_turn_brings_back_what_was_signed_in_those_before(
    server: Server, afar: Provider, stream: bool
) -> None:
    messages: list[Any] = [USER]
    for spoken, given in ((FIRST, "Rain."), (SECOND, "Snow.")):
        tell(afar, spoken, "tool_use", stream=stream)
        answer = said(server, messages, stream=stream)
        tool = {"role": "tool", "tool_call_id": answer.tool_calls[0].id, "content": given}
        messages += [sent_back(answer), tool]
    assert messages[1]["reasoning_details"] == DETAILS
    assert messages[1]["reasoning_content"] == "Bern is in Switzerland."
    tell(afar, LAST, "end_turn", stream=stream)
    assert said(server, messages, stream=stream).content == "Take an umbrella."
    turns = [turn["content"] for turn in sent(afar)["messages"]]
    assert (turns[1], turns[3]) == (FIRST, SECOND)
    assert turns[2] == [{**result("a", "Rain."), "content": [text("Rain.")]}]


def test_pieces_that_nobody_put_together_are(server: Server, afar: Provider) -> None:
    """As they come of a client that keeps all that a stream says of them."""
    tell(afar, FIRST, "tool_use", stream=True)
    with server.openai(max_retries=0) as client:
        asked: Any = {"model": "gpt-9", "messages": [USER], "tools": [WEATHER], "extra_body": THINKS}
        deltas = [c.choices[0].delta for c in client.chat.completions.create(**asked, stream=True)]
    pieces = [piece for delta in deltas for piece in getattr(delta, "reasoning_details", None) or ()]
    assert len(pieces) == 5
    afar.forget()
    kept = {"role": "assistant", "content": "Let me look.", "reasoning_details": pieces}
    assert said(server, [USER, kept, USER], stream=False)
    assert sent(afar)["messages"][1]["content"] == FIRST[:3]


@pytest.mark.parametrize(
    "detail",
    [
        {**DETAILS[0], "format": "google-gemini-v1"},
        {**DETAILS[0], "signature": None},
        {**DETAILS[1], "data": ""},
        {"type": "reasoning.summary", "summary": "It is in Switzerland."},
    ],
)
def test_what_it_did_not_sign_is_left_out(server: Server, afar: Provider, detail: Any) -> None:
    kept = {"role": "assistant", "content": "Well.", "reasoning_details": [detail], "reasoning_content": "x"}
    assert said(server, [USER, kept, USER], stream=False)
    assert sent(afar)["messages"][1]["content"] == [text("Well.")]


def test_a_signature_that_is_made_up_is_its_to_refuse(server: Server, afar: Provider) -> None:
    made_up = [{**DETAILS[0], "signature": "made up"}]
    kept = {"role": "assistant", "content": "Well.", "reasoning_details": made_up}
    with pytest.raises(openai.BadRequestError, match=r"messages\.1\.content\.0: Invalid `signature`"):
        said(server, [USER, kept, USER], stream=False)


def test_only_an_assistant_thinks(server: Server, afar: Provider) -> None:
    for model in ("gpt-9", "tiny"):
        asked = {**CLOUD, "model": model, "messages": [{**USER, "reasoning_details": DETAILS}]}
        answer = ask(server, **asked)
        assert (answer.status_code, afar.asked) == (400, [])
        assert "only an assistant thinks" in answer.json()["error"]["message"]
