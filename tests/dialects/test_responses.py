"""POST /v1/responses as the official client meets it."""

from typing import Any

import openai
import pytest

from tests.dialects.saying import THINKS, called, ended, tell, turn, whole
from tests.protocols import WORDS
from tests.provider import Provider
from tests.server import Server
from tests.tiny_model import BEYOND_CONTEXT
from tests.v1.asking import ask

RESPONSES = "/v1/responses"
HELLO: dict[str, Any] = {"model": "tiny", "input": "hello", "temperature": 0, "max_output_tokens": 12}
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "The weather in a place.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    "strict": True,
}

CLOCK = {"type": "function", "name": "clock"}


def respond(server: Server, **more: Any) -> Any:
    with server.openai(max_retries=0) as client:
        return client.responses.create(**{"model": "gpt-9", "input": "hi", **more})


def events(server: Server, **more: Any) -> list[Any]:
    with server.openai(max_retries=0) as client:
        return list(client.responses.create(**{"model": "gpt-9", "input": "hi", **more}, stream=True))


def test_a_response_has_what_the_client_expects(server: Server) -> None:
    answer = respond(server, **HELLO, metadata={"a": "b"}, user="me")
    assert (answer.object, answer.status, answer.model) == ("response", "incomplete", "tiny")
    assert answer.id.startswith("resp_")
    assert answer.incomplete_details.reason == "max_output_tokens"
    (item,) = answer.output
    assert (item.type, item.role, item.status) == ("message", "assistant", "incomplete")
    chat: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}
    same = ask(server, **chat, temperature=0, max_tokens=12).json()
    assert answer.output_text == same["choices"][0]["message"]["content"]
    assert (answer.usage.output_tokens, answer.usage.input_tokens) == (12, same["usage"]["prompt_tokens"])
    assert answer.usage.total_tokens == answer.usage.input_tokens + 12
    assert (answer.metadata, answer.user, answer.store, answer.temperature) == ({"a": "b"}, "me", False, 0)


def test_a_stream_says_the_same_as_the_whole_answer(server: Server) -> None:
    said = respond(server, **HELLO)
    told = events(server, **HELLO)
    assert [event.sequence_number for event in told] == list(range(len(told)))
    assert [event.type for event in told if event.type != "response.output_text.delta"] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.incomplete",
    ]
    deltas = [event.delta for event in told if event.type == "response.output_text.delta"]
    assert len(deltas) > 1
    assert "".join(deltas) == said.output_text == told[-1].response.output_text
    assert told[-1].response.usage.output_tokens == said.usage.output_tokens
    assert len({event.response.id for event in told if hasattr(event, "response")}) == 1


@pytest.mark.parametrize("field", ["instructions", "input"])
def test_instructions_and_system_messages_become_one(server: Server, afar: Provider, field: str) -> None:
    given: dict[str, Any] = {"instructions": "Be kind."}
    items = [{"role": "developer", "content": "Be short."}, {"role": "user", "content": "hi"}]
    if field == "input":
        given, items = {}, [{"role": "system", "content": "Be kind."}, *items]
    answer = respond(server, input=items, **given)
    assert answer.output_text == "".join(WORDS)
    assert (answer.status, answer.output[0].status) == ("completed", "completed")
    assert afar.asked[-1]["messages"] == [
        {"role": "system", "content": "Be kind.\n\nBe short."},
        {"role": "user", "content": "hi"},
    ]


@pytest.mark.parametrize("streamed", [False, True])
def test_thoughts_words_and_calls_are_items(server: Server, afar: Provider, streamed: bool) -> None:
    tell(afar, streamed=streamed)
    told = events(server, tools=[WEATHER]) if streamed else []
    answer = told[-1].response if streamed else respond(server, tools=[WEATHER])
    assert answer.status == "completed"
    thought, said, weather, clock = answer.output
    assert (thought.type, thought.content[0].text) == ("reasoning", "Let me")
    assert (said.type, answer.output_text) == ("message", "Looking.")
    assert (weather.type, weather.call_id, weather.name) == ("function_call", "call_0", "weather")
    assert (weather.arguments, clock.arguments) == ('{"place": "Oslo"}', "{}")
    assert {item.status for item in answer.output} == {"completed"}
    assert answer.usage.output_tokens_details.reasoning_tokens == 3
    assert answer.usage.input_tokens_details.cached_tokens == 4
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (20, 9)


def test_each_item_of_a_stream_begins_grows_and_ends(server: Server, afar: Provider) -> None:
    tell(afar, streamed=True)
    told = events(server, tools=[WEATHER])
    of_items = [event for event in told if hasattr(event, "output_index")]
    assert [event.output_index for event in of_items] == sorted(event.output_index for event in of_items)
    for index in range(4):
        mine = [event for event in of_items if event.output_index == index]
        assert mine[0].type == "response.output_item.added" and mine[0].item.status == "in_progress"
        assert mine[-1].type == "response.output_item.done" and mine[-1].item.status == "completed"
        assert mine[-1].item == told[-1].response.output[index]
        whole = next(
            event for event in mine if event.type.endswith((".text.done", "text.done", "arguments.done"))
        )
        text = "".join(event.delta for event in mine if event.type.endswith(".delta"))
        assert text == (whole.arguments if index > 1 else whole.text)


def test_the_clients_own_stream_puts_it_together(server: Server, afar: Provider) -> None:
    tell(afar, streamed=True)
    with (
        server.openai() as client,
        client.responses.stream(model="gpt-9", input="hi", tools=[WEATHER]) as stream,
    ):
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call", "function_call"]
    assert final.output[2].parsed_arguments == {"place": "Oslo"}  # type: ignore[union-attr]


def test_what_was_answered_can_be_sent_back_as_it_is(server: Server, afar: Provider) -> None:
    tell(afar, streamed=False)
    first = respond(server, tools=[WEATHER])
    afar.forget()
    back = [item.to_dict() for item in first.output]
    result = {"type": "function_call_output", "call_id": "call_0", "output": "Rain."}
    other = {
        "type": "function_call_output",
        "call_id": "call_1",
        "output": [{"type": "input_text", "text": "9"}],
    }
    user = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    respond(server, input=[user, *back, result, other], tools=[WEATHER])
    assert afar.asked[-1]["messages"] == [
        {"role": "user", "content": "hi"},
        turn('{"place": "Oslo"}'),
        {"role": "tool", "tool_call_id": "call_0", "content": "Rain."},
        {"role": "tool", "tool_call_id": "call_1", "content": "9"},
    ]


def test_each_field_reaches_the_chat_under_its_name_there(server: Server, afar: Provider) -> None:
    schema = {"type": "object", "properties": {}}
    respond(
        server,
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
        parallel_tool_calls=False,
        max_output_tokens=50,
        temperature=0.5,
        top_p=0.9,
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "json_schema", "name": "x", "schema": schema, "strict": True}},
        user="me",
        include=["reasoning.encrypted_content"],
        store=False,
        prompt_cache_key="k",
        extra_body={"timeout": 30},
    )
    sent = {name: value for name, value in afar.asked[-1].items() if name not in ("path", "authorization")}
    function = {name: WEATHER[name] for name in ("name", "description", "parameters", "strict")}
    assert sent == {
        "model": "large",
        "messages": [{"role": "user", "content": "hi"}],
        "max_completion_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": schema, "strict": True},
        },
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
        "user": "me",
    }
    allowed = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "weather"}],
    }
    answer = respond(server, tools=[WEATHER], tool_choice=allowed)
    assert answer.tool_choice.to_dict() == allowed
    assert afar.asked[-1]["tool_choice"] == {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "required",
            "tools": [{"type": "function", "function": {"name": "weather"}}],
        },
    }
    events(server, text={"format": {"type": "json_object"}})
    assert afar.asked[-1]["response_format"] == {"type": "json_object"}
    assert afar.asked[-1]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "king", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"type": "web_search_call"}]}, "input[0].type"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"store": True}, "store"),
        ({"background": True}, "background"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"truncation": "auto"}, "truncation"),
        ({"tools": [{"type": "web_search", "filters": {}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "name": "f", "color": 1}]}, "tools[0].color"),
        ({"tool_choice": {"type": "web_search"}}, "tool_choice.type"),
        (
            {"tools": [WEATHER], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [CLOCK]}},
            "tool_choice.tools",
        ),
        ({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}}, "tool_choice.tools"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"on_deadline": "whatever"}, "on_deadline"),
        ({"input": BEYOND_CONTEXT}, "input"),  # what the model refuses of the chat
    ],
)
def test_a_wrong_body_is_a_400_that_names_the_field(
    server: Server, change: dict[str, Any], param: str
) -> None:
    answer = ask(server, RESPONSES, **{**HELLO, **change})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    row = server.logged(answer.headers["x-request-id"])
    assert (row["endpoint"], row["status"], row["model"]) == (
        RESPONSES,
        "rejected",
        "tiny" if row["model"] else "",
    )


def test_what_is_stored_nowhere_is_told_with_what_to_do(server: Server) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        respond(server, **HELLO, previous_response_id="resp_1")
    assert "send the whole conversation as input" in refused.value.message


def test_an_answer_that_was_cut_says_so(server: Server, afar: Provider) -> None:
    afar.events = [*THINKS, *called(0, "weather", '{"pla'), *ended("length")]
    last = events(server)[-1].response
    assert (last.status, last.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert [item.status for item in last.output] == ["completed", "incomplete"]
    afar.forget()
    afar.body = whole({"content": "No"}, "content_filter")
    cut = respond(server)
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "content_filter")
    afar.forget()
    afar.body = whole({"content": None, "refusal": "I will not."}, "stop")
    assert respond(server).output[0].content[0].refusal == "I will not."
