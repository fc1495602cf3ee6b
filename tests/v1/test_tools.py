"""Tools: what a model is offered, what it calls, and what it is told of earlier calls, by the official client."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
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
from tests.scripted_model import Endless
from tests.server import Server, environment, manage, serving
from tests.tool_formats import (
    CALLED,
    FORMATS,
    HERMES,
    SAID,
    THOUGHT,
    TIME,
    TOOLS,
    allowed,
    make_calling_model,
)
from tests.v1.test_pool import add

CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln"}}\n</tool_call>'
BROKEN = '<tool_call>\n{"name": "weather", "arguments": {"city": }}\n</tool_call>'
SCRIPTS: dict[str, str | Endless] = {
    "21 degrees": "It is 21 degrees in Köln.",
    "think": "<think>\nHm, hm.\n</think>\n\nYes.",
    "think at once": "No.",
    "broken": f"Wait. {BROKEN}",
    "broken and whole": f"{BROKEN}\n{CALL}",
    "stop": f"<think>\nNot this END.\n</think>\n\n{CALL.replace('Köln', 'END')}\nBut here: END and no more.",
    "call for ever": Endless('Well: <tool_call>\n{"name": "weather", "arguments": {"city": "', "Köln, and "),
    "think for ever": Endless("<think>\n", "hm, and so "),
    "": "nothing",
    "weather+time": "two tools",
    "Köln": "called as an object",
    "because": "was told why",
    "high": "with all its might",
    "time": "one tool",
}
FLOOR = {"MLX_MANAGER_TIMEOUT_FLOOR": "0.2"}


@pytest.fixture(scope="module")
def calling(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Server]:
    """A server of one model for each format, named after it, and `tiny`, which knows no tools."""
    home = tmp_path_factory.mktemp("calling")
    manage(environment(home, **FLOOR), "add_model", "tiny", str(tiny_model))
    with serving(home, **FLOOR) as server:
        for name, form in FORMATS.items():
            add(server, name, make_calling_model(home / name, form, SCRIPTS if form is HERMES else {}))
        yield server
        assert server.rows_held() == 0


@pytest.fixture
def server(calling: Server) -> Iterator[Server]:
    with calling.watched():
        yield calling
    calling.set_timeouts(chat_seconds=900)


def user(content: str) -> Any:
    return [{"role": "user", "content": content}]


def asking(content: str, model: str = "hermes", **more: Any) -> Any:
    return {"model": model, "messages": user(content), "temperature": 0, "tools": TOOLS, **more}


def whole(server: Server, content: str, model: str = "hermes", **more: Any) -> Any:
    with server.openai() as client:
        return client.chat.completions.create(**asking(content, model, **more)).choices[0]


def streamed(server: Server, content: str, model: str = "hermes", **more: Any) -> Any:
    """Put together by the official client, as its users have it."""
    with (
        server.openai() as client,
        client.chat.completions.stream(**asking(content, model, **more)) as stream,
    ):
        return stream.get_final_completion().choices[0]


def called(choice: Any) -> list[tuple[str, Any]]:
    return [(c.function.name, json.loads(c.function.arguments)) for c in choice.message.tool_calls]


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
            assert client.chat.completions.create(**body).choices[0].message.content == SCRIPTS["21 degrees"]


def after(server: Server, question: str, **turn: Any) -> Any:
    """What the model says when its template sees that turn before the question."""
    body = asking("")
    body["messages"] = [*user("hello"), {"role": "assistant", **turn}, *user(question)]
    with server.openai() as client:
        return client.chat.completions.create(**body).choices[0].message.content


def test_earlier_calls_and_thoughts_reach_the_template(server: Server) -> None:
    function = {"name": "weather", "arguments": '{"city": "Köln"}'}
    call = {"id": "a", "type": "function", "function": function}
    assert after(server, "called?", tool_calls=[call]) == SCRIPTS["Köln"]
    assert after(server, "thought?", content="So.", reasoning_content="because") == SCRIPTS["because"]


def test_what_is_offered_reaches_the_template(server: Server) -> None:
    assert whole(server, "offered?").message.content == SCRIPTS["weather+time"]
    assert whole(server, "offered?", tool_choice="auto").message.content == SCRIPTS["weather+time"]
    assert whole(server, "offered?", tool_choice="none").message.content == SCRIPTS[""]
    assert whole(server, "offered?", tools=openai.NOT_GIVEN).message.content == SCRIPTS[""]


def test_of_all_tools_those_are_offered_that_are_allowed(server: Server) -> None:
    choices = {("time",): "time", ("time", "weather"): "weather+time", ("time", "time"): "time"}
    for names, told in choices.items():
        message = whole(server, "offered?", tool_choice=allowed("auto", *names)).message
        assert message.content == SCRIPTS[told]


@pytest.mark.parametrize("more", [{"tool_choice": "none"}, {"tools": openai.NOT_GIVEN}])
def test_without_tools_a_call_is_text(server: Server, more: Any) -> None:
    choice = whole(server, "call", **more)
    assert (choice.message.content, choice.message.tool_calls) == (HERMES.calls, None)
    assert choice.finish_reason == "stop"


@pytest.mark.parametrize("answer", [whole, streamed])
def test_a_call_that_cannot_be_read_is_text(server: Server, answer: Any) -> None:
    choice = answer(server, "broken")
    assert choice.message.content == SCRIPTS["broken"]
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


def test_thinking_is_set_apart_and_counted(server: Server) -> None:
    with server.openai() as client:
        asked = asking("think", tools=openai.NOT_GIVEN)
        answer = client.chat.completions.create(**asked)
        chunks = list(
            client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        )
    message: Any = answer.choices[0].message
    assert (message.reasoning_content, message.content) == ("Hm, hm.\n", "Yes.")
    deltas: list[Any] = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(getattr(d, "reasoning_content", None) or "" for d in deltas) == "Hm, hm.\n"
    assert "".join(d.content or "" for d in deltas) == "Yes."
    usage = answer.usage
    assert usage and usage.completion_tokens_details and chunks[-1].usage
    assert usage.completion_tokens_details == chunks[-1].usage.completion_tokens_details
    assert 4 <= (usage.completion_tokens_details.reasoning_tokens or 0) < usage.completion_tokens


def test_log_probabilities_are_told_of_all_that_is_made(server: Server) -> None:
    asked = asking("think", logprobs=True)
    with server.openai() as client:
        once = client.chat.completions.create(**asked).choices[0]
        chunks = [chunk.choices[0] for chunk in client.chat.completions.create(**asked, stream=True)]
        stopped = client.chat.completions.create(**asked, stop=["es"]).choices[0]
    assert once.logprobs
    told = [one.token for one in once.logprobs.content or ()]
    assert "".join(told) == SCRIPTS["think"]
    assert [one.token for c in chunks if c.logprobs for one in c.logprobs.content or ()] == told
    assert stopped.logprobs and stopped.message.content == "Y"
    kept = [one.token for one in stopped.logprobs.content or ()]
    assert kept == told[: len(kept)] and "".join(kept[:-1]) in "<think>\nHm, hm.\n</think>\n\nY"


def test_thinking_that_is_cut_is_no_answer(server: Server) -> None:
    choice = whole(server, "think for ever", max_tokens=20)
    assert choice.message.content == ""
    assert choice.message.reasoning_content.startswith("hm, and so hm, and so")
    assert choice.finish_reason == "length"


def test_thinking_can_be_switched_off(server: Server) -> None:
    off = {"chat_template_kwargs": {"enable_thinking": False}}
    assert whole(server, "think", extra_body=off).message.content == "No."
    assert whole(server, "think", reasoning_effort="none").message.content == "No."
    on = {"chat_template_kwargs": {"enable_thinking": True}}
    assert whole(server, "think", extra_body=on).message.content == "Yes."


def test_an_effort_reaches_a_template_that_knows_it(server: Server) -> None:
    assert whole(server, "effort?", reasoning_effort="high").message.content == SCRIPTS["high"]


def refused(server: Server, content: str, model: str = "hermes", **more: Any) -> openai.BadRequestError:
    with server.openai() as client, pytest.raises(openai.BadRequestError) as found:
        client.chat.completions.create(**asking(content, model, **more))
    return found.value


def test_a_model_without_tools_says_so(server: Server) -> None:
    error = refused(server, "hello", "tiny")
    assert (error.param, error.code) == ("tools", "tools_not_supported")
    assert "does not call tools" in error.message


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tools": openai.NOT_GIVEN, "tool_choice": "required"}, "tool_choice"),
        ({"tools": []}, "tools"),
        ({"tools": [{"type": "custom", "function": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
        ({"extra_body": {"chat_template_kwargs": {"no_such": 1}}}, "chat_template_kwargs.no_such"),
        ({"extra_body": {"chat_template_kwargs": {"tools": []}}}, "chat_template_kwargs.tools"),
        (
            {"extra_body": {"chat_template_kwargs": {"chat_template": ""}}},
            "chat_template_kwargs.chat_template",
        ),
        ({"extra_body": {"chat_template_kwargs": [1]}}, "chat_template_kwargs"),
        ({"extra_body": {"reasoning_effort": "utmost"}}, "reasoning_effort"),
    ],
)
def test_what_cannot_be_held_to_is_refused(server: Server, more: Any, param: str) -> None:
    error = refused(server, "call", **more)
    assert (error.param, error.type) == (param, "invalid_request_error")


def test_an_effort_that_the_template_does_not_know_is_refused(server: Server) -> None:
    error = refused(server, "hello", "tiny", tools=openai.NOT_GIVEN, reasoning_effort="low")
    assert error.param == "reasoning_effort"
    asked = {"tools": openai.NOT_GIVEN, "max_tokens": 1}
    off = {"chat_template_kwargs": {"enable_thinking": False}}
    assert whole(server, "hello", "tiny", reasoning_effort="none", **asked)  # it does not think as it is
    assert whole(server, "hello", "tiny", extra_body=off, **asked)


CALL_TURN = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("turn", "param"),
    [
        ({"role": "tool", "content": "x"}, "messages[1].tool_call_id"),
        ({"role": "assistant"}, "messages[1].content"),
        ({"role": "user", "content": "x", "tool_calls": [CALL_TURN]}, "messages[1].tool_calls"),
        ({"role": "user", "content": "x", "reasoning_content": "y"}, "messages[1].reasoning_content"),
        ({"role": "user", "content": "x", "tool_call_id": "a"}, "messages[1].tool_call_id"),
        (
            {
                "role": "assistant",
                "tool_calls": [{**CALL_TURN, "function": {"name": "f", "arguments": "[1]"}}],
            },
            "messages[1].tool_calls[0].function.arguments",
        ),
        ({"role": "assistant", "tool_calls": [{"id": "a"}]}, "messages[1].tool_calls[0].function"),
    ],
)
def test_a_turn_that_makes_no_sense_is_named(server: Server, turn: Any, param: str) -> None:
    with server.http() as http:
        body = {**asking(""), "messages": [*user("hello"), turn]}
        error = http.post("/v1/chat/completions", json=body).json()["error"]
    assert error["param"] == param


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
