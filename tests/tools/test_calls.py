"""Tools: what a model is offered, what it calls, and what it is told of earlier calls, by the official client."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import openai
import pytest

from inference.api import sse, text
from inference.api.chat import ChatWire
from inference.api.form import OpenAIForm
from inference.call import Call
from inference.deadline import Deadline, Wish
from inference.inbox import Item
from inference.messages import Tokens, ToolCall
from inference.routing import Decision, Target
from settings_app.endpoints import BY_KEY
from tests.server import Server
from tests.tool_formats import CALLED, FORMATS, HERMES, SAID, THOUGHT, TIME, allowed
from tests.tools.asking import BROKEN, MORE_SCRIPTS, asking, called, streamed, user, whole


@pytest.mark.parametrize("answer", [whole, streamed])
@pytest.mark.parametrize("name", FORMATS)
def test_a_model_calls_two_tools_or_one_if_asked_so(server: Server, name: str, answer: Any) -> None:
    choice = answer(server, "say and call", name)
    assert called(choice) == CALLED
    assert choice.message.content == SAID
    assert choice.finish_reason == "tool_calls"
    assert [call.type for call in choice.message.tool_calls] == ["function"] * 2
    ids = [call.id for call in choice.message.tool_calls]
    assert len(set(ids)) == 2
    assert name != "kimi" or ids == ["functions.weather:0", "functions.time:1"]  # it names its calls itself
    thought = getattr(choice.message, "reasoning_content", None)
    assert thought == (THOUGHT if FORMATS[name].thinking else None)
    one = answer(server, "say and call", name, parallel_tool_calls=False)
    assert (called(one), one.finish_reason) == (CALLED[:1], "tool_calls")


@pytest.mark.parametrize("name", ["qwen3-coder", "minimax"])
def test_an_argument_is_of_its_type_however_the_schema_says_it(server: Server, name: str) -> None:
    """Where a model writes no quotes the schema alone says that 3 is a number."""
    days = {"anyOf": [{"$ref": "#/$defs/count"}, {"type": "null"}]}
    parameters = {
        "type": "object",
        "properties": {"city": {"type": ["string", "null"]}, "days": days},
        "$defs": {"count": {"type": "integer", "minimum": 1}},
    }
    weather = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    assert called(whole(server, "say and call", name, tools=[weather, TIME])) == CALLED


def test_a_call_alone_has_no_content(server: Server) -> None:
    message = whole(server, "call").message
    assert message.content is None
    assert len(message.tool_calls) == 2


def test_a_stream_says_what_is_called_and_then_with_what(server: Server) -> None:
    with server.openai() as client:
        chunks = list(client.chat.completions.create(**asking("call"), stream=True))
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [(d.index, d.type, d.function.name, bool(d.id)) for d in deltas] == [
        (0, "function", "weather", True),
        (0, None, None, False),
        (1, "function", "time", True),
        (1, None, None, False),
    ]
    assert [d.function.arguments for d in deltas] == [
        "",
        '{"city": "Köln", "days": 3}',
        "",
        '{"zone": "CET"}',
    ]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["tool_calls"]


def test_a_tools_answer_goes_back_to_the_model(server: Server) -> None:
    """As a client does it: the answer is sent back as it came."""
    with server.openai() as client:
        asked = client.chat.completions.create(**asking("say and call")).choices[0].message
        assert asked.tool_calls
        answered = {"role": "tool", "tool_call_id": asked.tool_calls[0].id, "content": "21 degrees"}
        for turn in (asked, asked.model_dump(), asked.model_dump(exclude_none=True)):
            messages: Any = [*user("say and call"), turn, answered]
            body = {**asking(""), "messages": messages}
            assert (
                client.chat.completions.create(**body).choices[0].message.content
                == MORE_SCRIPTS["21 degrees"]
            )


def after(server: Server, question: str, **turn: Any) -> Any:
    """What the model says when its template sees that turn before the question."""
    body = asking("")
    body["messages"] = [*user("hello"), {"role": "assistant", **turn}, *user(question)]
    with server.openai() as client:
        return client.chat.completions.create(**body).choices[0].message.content


def test_earlier_calls_and_thoughts_reach_the_template(server: Server) -> None:
    function = {"name": "weather", "arguments": '{"city": "Köln"}'}
    call = {"id": "a", "type": "function", "function": function}
    assert after(server, "called?", tool_calls=[call]) == MORE_SCRIPTS["Köln"]
    assert after(server, "thought?", content="So.", reasoning_content="because") == MORE_SCRIPTS["because"]


def test_what_is_offered_reaches_the_template(server: Server) -> None:
    assert whole(server, "offered?").message.content == MORE_SCRIPTS["weather+time"]
    assert whole(server, "offered?", tool_choice="auto").message.content == MORE_SCRIPTS["weather+time"]
    assert whole(server, "offered?", tool_choice="none").message.content == MORE_SCRIPTS[""]
    assert whole(server, "offered?", tools=openai.NOT_GIVEN).message.content == MORE_SCRIPTS[""]


def test_of_all_tools_those_are_offered_that_are_allowed(server: Server) -> None:
    choices = {("time",): "time", ("time", "weather"): "weather+time", ("time", "time"): "time"}
    for names, told in choices.items():
        message = whole(server, "offered?", tool_choice=allowed("auto", *names)).message
        assert message.content == MORE_SCRIPTS[told]


@pytest.mark.parametrize("more", [{"tool_choice": "none"}, {"tools": openai.NOT_GIVEN}])
def test_without_tools_a_call_is_text(server: Server, more: Any) -> None:
    choice = whole(server, "call", **more)
    assert (choice.message.content, choice.message.tool_calls) == (HERMES.calls, None)
    assert choice.finish_reason == "stop"


@pytest.mark.parametrize("answer", [whole, streamed])
def test_a_call_that_cannot_be_read_is_text(server: Server, answer: Any) -> None:
    choice = answer(server, "broken")
    assert choice.message.content == MORE_SCRIPTS["broken"]
    assert not choice.message.tool_calls
    assert choice.finish_reason == "stop"


def test_a_whole_call_beside_a_broken_one_is_made(server: Server) -> None:
    choice = whole(server, "broken and whole")
    assert choice.message.content == BROKEN
    assert called(choice) == [("weather", {"city": "Köln"})]
    assert choice.finish_reason == "tool_calls"


def test_stop_strings_do_not_cut_thinking_or_arguments(server: Server) -> None:
    choice = whole(server, "stop", stop=["END"])
    assert choice.message.reasoning_content == "Not this END.\n"
    assert called(choice) == [("weather", {"city": "END"})]
    assert choice.message.content == "But here: "


@pytest.mark.parametrize("answer", [whole, streamed])
def test_half_a_call_is_text(server: Server, answer: Any) -> None:
    choice = answer(server, "call for ever", max_tokens=40) if answer is whole else None
    if choice is None:
        with server.openai() as client:
            chunks = list(
                client.chat.completions.create(**asking("call for ever"), max_tokens=40, stream=True)
            )
        content = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert not any(chunk.choices[0].delta.tool_calls for chunk in chunks)
        assert chunks[-1].choices[0].finish_reason == "length"
    else:
        content = choice.message.content
        assert (choice.message.tool_calls, choice.finish_reason) == (None, "length")
    assert content.startswith('Well: <tool_call>\n{"name": "weather", "arguments": {"city": "Köln, and Köln')


def test_a_deadline_in_a_call_leaves_no_half_of_it(server: Server) -> None:
    server.set_timeouts(chat_seconds=1.5)
    with server.http() as http:
        answer = http.post("/v1/chat/completions", json=asking("call for ever"))
        assert answer.status_code == 504
        assert answer.json()["error"]["phase"] == "decode"
        with http.stream(
            "POST", "/v1/chat/completions", json=asking("call for ever", stream=True)
        ) as response:
            *chunks, last, done = [line.removeprefix("data: ") for line in response.iter_lines() if line]
    error = json.loads(last)["error"]
    assert (done, error["code"], error["partial"]) == ("[DONE]", "deadline_exceeded", True)
    assert error["usage"]["completion_tokens"] > 20
    choices = [json.loads(chunk)["choices"][0] for chunk in chunks]
    assert not any("tool_calls" in choice["delta"] or choice["finish_reason"] for choice in choices)
    assert "".join(choice["delta"]["content"] for choice in choices) == "Well: "


@pytest.mark.parametrize("stream", [False, True])
def test_who_wants_what_there_is_gets_no_half_call_as_one(server: Server, stream: bool) -> None:
    body = asking("call for ever", timeout=1.5, on_deadline="partial", stream=stream)
    with server.http() as http:
        answer = http.post("/v1/chat/completions", json=body)
    if stream:
        *chunks, done = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
        choices = [json.loads(chunk)["choices"][0] for chunk in chunks]
        content = "".join(choice["delta"].get("content", "") for choice in choices)
        assert done == "[DONE]"
        assert not any("tool_calls" in choice["delta"] for choice in choices)
        ending = choices[-1]
    else:
        ending = answer.json()["choices"][0]
        content = ending["message"]["content"]
        assert "tool_calls" not in ending["message"]
    assert ending["finish_reason"] == "length"
    assert content == "Well: "


def test_a_long_call_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is silent until it is complete: a proxy, or the client, would take the connection for dead."""
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", -1.0)
    now = time.monotonic()
    decision = Decision("hermes", None, (Target("hermes"),))
    call = Call("req_1", BY_KEY["chat"], decision, Deadline(now, 60, Wish(None)), now, row_ids=["req_1"])

    async def batches() -> AsyncGenerator[list[Item], None]:
        yield [Tokens("req_1", "Well", 1)]
        yield [Tokens("req_1", "", 1)]
        yield [ToolCall("req_1", 0, "a", "f", "{}")]

    async def lines(sign: Callable[[], bytes] | None) -> list[bytes]:
        wire = ChatWire(call)
        form = OpenAIForm(wire.empty())
        return [line async for line in text._chunks(call, batches(), wire, form, False, sign)]

    alive = asyncio.run(lines(lambda: sse.COMMENT))
    assert [line == sse.COMMENT for line in alive] == [False, False, True, False, False, False]
    assert sse.COMMENT not in asyncio.run(lines(None))


def test_the_log_says_how_it_ended(server: Server) -> None:
    with server.openai() as client:
        answer = client.chat.completions.with_raw_response.create(**asking("call"))
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["finish_reason"]) == ("ok", "tool_calls")
