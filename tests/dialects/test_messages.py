"""POST /v1/messages as Anthropic's own client meets it."""

import json
from typing import Any

import anthropic
import pytest

from tests.dialects.saying import called, claude, ended, tell, turn, whole
from tests.protocols import WORDS
from tests.provider import Provider
from tests.server import Server
from tests.tiny_model import BEYOND_CONTEXT
from tests.v1.asking import ask

MESSAGES = "/v1/messages"
USER: Any = {"role": "user", "content": "hello"}
HELLO: dict[str, Any] = {"model": "tiny", "messages": [USER], "temperature": 0, "max_tokens": 12}
WEATHER: Any = {
    "name": "weather",
    "description": "The weather in a place.",
    "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}},
}


def answered(server: Server, **more: Any) -> Any:
    with claude(server) as client:
        return client.messages.create(**_given(more))


def streamed(server: Server, **more: Any) -> tuple[list[Any], Any]:
    """The events, and the message that the client puts together."""
    with claude(server) as client, client.messages.stream(**_given(more)) as stream:
        return list(stream), stream.get_final_message()


def _given(more: dict[str, Any]) -> Any:
    """As the client takes it: it has no names for some of what the API takes."""
    asked = {"model": "gpt-9", "messages": [USER], "max_tokens": 99, **more}
    unnamed = ("temperature", "top_p", "top_k", "timeout")
    beside = {name: asked.pop(name) for name in unnamed if name in asked}
    return {**asked, "extra_body": beside}


def test_a_message_has_what_the_client_expects(server: Server) -> None:
    answer = answered(server, **HELLO)
    chat: dict[str, Any] = {"model": "tiny", "messages": [USER], "temperature": 0, "max_tokens": 12}
    same = ask(server, **chat).json()
    assert (answer.type, answer.role, answer.model) == ("message", "assistant", "tiny")
    assert answer.id.startswith("msg_")
    assert answer._request_id.startswith("req_")
    (block,) = answer.content
    assert (block.type, block.text) == ("text", same["choices"][0]["message"]["content"])
    assert (answer.stop_reason, answer.stop_sequence) == ("max_tokens", None)
    read = answer.usage.input_tokens + answer.usage.cache_read_input_tokens
    assert (read, answer.usage.output_tokens) == (same["usage"]["prompt_tokens"], 12)


def test_a_stream_says_the_same_as_the_whole_answer(server: Server) -> None:
    said = answered(server, **HELLO)
    events, final = streamed(server, **HELLO)
    kinds = [event.type for event in events if event.type not in ("text", "content_block_delta")]
    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert len([event for event in events if event.type == "text"]) > 1
    assert final.content[0].text == said.content[0].text
    assert final.stop_reason == "max_tokens"
    assert final.usage.output_tokens == 12
    start = events[0].message
    assert start.usage.input_tokens + start.usage.cache_read_input_tokens > 0, (
        "what was read is known by then"
    )
    assert start.usage.output_tokens == 0


def test_a_stream_pings(server: Server) -> None:
    lines = ask(server, MESSAGES, **HELLO, stream=True).text.splitlines()
    assert lines[lines.index("event: ping") + 1] == 'data: {"type":"ping"}'
    assert "[DONE]" not in "".join(lines)


def test_a_stop_sequence_is_named(server: Server) -> None:
    text = answered(server, **{**HELLO, "max_tokens": 40}).content[0].text
    stop = text[10:14]
    asked = {**HELLO, "max_tokens": 40, "stop_sequences": ["never said", stop]}
    whole = answered(server, **asked)
    assert (whole.stop_reason, whole.stop_sequence) == ("stop_sequence", stop)
    assert whole.content[0].text == text[: text.index(stop)]
    _, final = streamed(server, **asked)
    assert (final.stop_reason, final.stop_sequence) == ("stop_sequence", stop)


@pytest.mark.parametrize("header", [{"x-api-key": "KEY"}, {"authorization": "Bearer KEY"}])
def test_a_key_is_taken_in_either_header(server: Server, header: dict[str, str]) -> None:
    key = server.manage("create_api_key", f"dialect {next(iter(header))}").stdout.splitlines()[-1]
    afar = {"x-forwarded-for": "203.0.113.7"}  # not from this machine: it needs one
    good = {name: value.replace("KEY", key) for name, value in header.items()}
    with server.http() as http:
        assert http.post(MESSAGES, json=HELLO, headers={**afar, **good}).status_code == 200
        refused = http.post(MESSAGES, json=HELLO, headers={**afar, **header})
    assert refused.status_code == 401
    assert (refused.json()["type"], refused.json()["error"]["type"]) == ("error", "authentication_error")


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_words_and_calls_are_blocks(server: Server, afar: Provider, stream: bool) -> None:
    tell(afar, streamed=stream)
    answer = streamed(server, tools=[WEATHER])[1] if stream else answered(server, tools=[WEATHER])
    thought, said, weather, clock = answer.content
    assert (thought.type, thought.thinking, said.text) == ("thinking", "Let me", "Looking.")
    assert (weather.type, weather.id, weather.name) == ("tool_use", "call_0", "weather")
    assert (weather.input, clock.input) == ({"place": "Oslo"}, {})
    assert answer.stop_reason == "tool_use"
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens) == (16, 4)
    assert answer.usage.output_tokens == 9


def test_blocks_of_a_stream_come_one_after_the_other(server: Server, afar: Provider) -> None:
    tell(afar, streamed=True)
    events, _ = streamed(server, tools=[WEATHER])
    blocks = [event for event in events if event.type.startswith("content_block")]
    assert [event.index for event in blocks] == sorted(event.index for event in blocks)
    for index in range(4):
        mine = [event.type for event in blocks if event.index == index]
        assert (mine[0], mine[-1]) == ("content_block_start", "content_block_stop")
        assert set(mine[1:-1]) == {"content_block_delta"}


def test_what_was_answered_can_be_sent_back_as_it_is(server: Server, afar: Provider) -> None:
    tell(afar, streamed=False)
    first = answered(server, tools=[WEATHER])
    afar.forget()
    results = [
        {"type": "text", "text": "And now?"},
        {"type": "tool_result", "tool_use_id": "call_0", "content": "Rain."},
        {
            "type": "tool_result",
            "tool_use_id": "call_1",
            "content": [{"type": "text", "text": "x"}],
            "is_error": True,
        },
    ]
    turns = [USER, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    answered(server, messages=turns, tools=[WEATHER])
    assert afar.asked[-1]["messages"] == [
        USER,
        turn('{"place":"Oslo"}'),
        {"role": "tool", "tool_call_id": "call_0", "content": "Rain."},
        {"role": "tool", "tool_call_id": "call_1", "content": "Error: x"},
        {"role": "user", "content": "And now?"},
    ]


def test_each_field_reaches_the_chat_under_its_name_there(server: Server, afar: Provider) -> None:
    schema = {"type": "object", "properties": {}}
    answered(
        server,
        system=[
            {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "Be short."},
        ],
        tools=[WEATHER],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        max_tokens=50,
        temperature=0.5,
        top_p=0.9,
        stop_sequences=["END"],
        output_config={"format": {"type": "json_schema", "schema": schema}, "effort": "low"},
        metadata={"user_id": "me"},
        top_k=7,
        timeout=30,
    )
    sent = {name: value for name, value in afar.asked[-1].items() if name not in ("path", "authorization")}
    function = {
        "name": "weather",
        "description": WEATHER["description"],
        "parameters": WEATHER["input_schema"],
    }
    assert sent == {
        "model": "large",
        "messages": [{"role": "system", "content": "Be kind.\n\nBe short."}, USER],
        "max_completion_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 7,
        "stop": ["END"],
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": True},
        },
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "user": "me",
    }
    answered(server, tools=[WEATHER], tool_choice={"type": "tool", "name": "weather"})
    assert afar.asked[-1]["tool_choice"] == {"type": "function", "function": {"name": "weather"}}


def test_a_provider_of_the_same_protocol_is_sent_what_it_knows(server: Server, beyond: Provider) -> None:
    cached: Any = {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}
    prefilled: Any = [USER, {"role": "assistant", "content": "Well"}]
    asked: dict[str, Any] = {
        "system": [cached],
        "messages": prefilled,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [WEATHER],
        "tool_choice": {"type": "auto"},
        "top_k": 5,
    }
    answer = answered(server, model="claude-9", **asked)
    assert (answer.content[0].text, answer.stop_reason) == ("".join(WORDS), "end_turn")
    sent = beyond.asked[-1]
    assert (sent["path"], sent["max_tokens"], sent["top_k"]) == ("/v1/messages", 99, 5)
    assert (sent["system"], sent["thinking"]) == ([cached], asked["thinking"])
    assert sent["messages"][-1] == {"role": "assistant", "content": [{"type": "text", "text": "Well"}]}
    assert sent["tools"] == [WEATHER]
    _, final = streamed(server, model="claude-9", **asked)
    assert (final.content[0].text, final.stop_reason) == ("".join(WORDS), "end_turn")
    assert (final.usage.input_tokens, final.usage.cache_read_input_tokens) == (7, 2)


def test_what_it_keeps_is_marked_where_it_was(server: Server, beyond: Provider) -> None:
    mark: Any = {"type": "ephemeral"}
    call = {"type": "tool_use", "id": "a", "name": "weather", "input": {}, "cache_control": mark}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "Rain.", "cache_control": mark}
    turns: list[Any] = [
        USER,
        {"role": "assistant", "content": [{"type": "text", "text": "Look."}, call]},
        {"role": "user", "content": [result]},
    ]
    config: Any = {"effort": "max", "format": {"type": "json_schema", "schema": {"type": "object"}}}
    answered(
        server,
        model="claude-9",
        messages=turns,
        tools=[{**WEATHER, "cache_control": mark}],
        output_config=config,
        cache_control=mark,
        service_tier="standard_only",
    )
    sent = beyond.asked[-1]
    assert sent["tools"] == [{**WEATHER, "cache_control": mark}]
    assert sent["messages"][1]["content"] == [{"type": "text", "text": "Look."}, call]
    assert sent["messages"][2]["content"] == [{**result, "content": [{"type": "text", "text": "Rain."}]}]
    assert (sent["output_config"], sent["cache_control"]) == (config, mark)
    assert sent["service_tier"] == "standard_only"


def test_a_model_here_and_others_are_told_of_no_marks(server: Server, afar: Provider) -> None:
    mark: Any = {"type": "ephemeral"}
    tool = {**WEATHER, "cache_control": mark}
    answered(server, tools=[tool], cache_control=mark, service_tier="standard_only")
    assert "cache_control" not in str(afar.asked[-1]) and "service_tier" not in afar.asked[-1]
    assert ask(server, MESSAGES, **HELLO, cache_control=mark, service_tier="auto").status_code == 200


def test_what_a_user_says_in_turns_in_a_row_is_one(server: Server, afar: Provider) -> None:
    turns: list[Any] = [
        {"role": "user", "content": "One."},
        {"role": "user", "content": [{"type": "text", "text": "Two."}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "Three."}]},
        {"role": "user", "content": "Four."},
    ]
    answered(server, messages=turns, tools=[WEATHER])
    told = afar.asked[-1]["messages"]
    assert [(message["role"], message["content"]) for message in told] == [
        ("user", "One.\n\nTwo."),
        ("assistant", None),
        ("tool", "Three."),
        ("user", "Four."),
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_that_is_to_be_omitted_is_not_shown(server: Server, afar: Provider, stream: bool) -> None:
    tell(afar, streamed=stream)
    asked: dict[str, Any] = {"tools": [WEATHER], "thinking": {"type": "adaptive", "display": "omitted"}}
    answer = streamed(server, **asked)[1] if stream else answered(server, **asked)
    thought, said, *_calls = answer.content
    assert (thought.type, thought.thinking, said.text) == ("thinking", "", "Looking.")
    assert answer.usage.output_tokens_details.thinking_tokens == 3


@pytest.mark.parametrize("stream", [False, True])
def test_its_stop_sequence_is_named_too(server: Server, beyond: Provider, stream: bool) -> None:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "large", "usage": {}}
    ending = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    text = {"type": "text", "text": "a"}
    if stream:
        beyond.events = [
            {"type": "message_start", "message": {**message, "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": text},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ]
        answer = streamed(server, model="claude-9")[1]
    else:
        beyond.body = [json.dumps({**message, "content": [text], **ending}).encode()]
        answer = answered(server, model="claude-9")
    assert (answer.stop_reason, answer.stop_sequence, answer.content[0].text) == ("stop_sequence", "END", "a")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]},
            "messages[0].content[0]",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {
                "messages": [
                    USER,
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}],
                    },
                    {
                        "role": "user",
                        "content": [
                            {"type": "tool_result", "tool_use_id": "a", "content": "x"},
                            {"type": "image", "source": {}},
                        ],
                    },
                ]
            },
            "messages[2].content[1]",
        ),
        ({"messages": [USER, {"role": "assistant", "content": "Well"}]}, "messages"),
        ({"messages": [{"role": "user", "content": BEYOND_CONTEXT}]}, "messages"),
        ({"temperature": 1.5}, "temperature"),
        ({"stop_sequences": [""]}, "stop_sequences[0]"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {"type": "perhaps"}}, "thinking.type"),
        ({"mcp_servers": []}, "mcp_servers"),
        ({"on_deadline": "whatever"}, "on_deadline"),
    ],
)
def test_a_wrong_body_is_a_400_that_names_the_field(
    server: Server, change: dict[str, Any], param: str
) -> None:
    answer = ask(server, MESSAGES, **{**HELLO, **change})
    found = answer.json()
    error = found["error"]
    assert (answer.status_code, found["type"], error["type"]) == (400, "error", "invalid_request_error")
    assert error["param"] == param
    assert found["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]
    assert server.logged(found["request_id"])["endpoint"] == MESSAGES


@pytest.mark.parametrize(
    ("asked", "status", "type"),
    [
        ({**HELLO, "model": "nobody"}, 404, anthropic.NotFoundError),
        ({**HELLO, "model": "tiny-embed"}, 400, anthropic.BadRequestError),
    ],
)
def test_errors_are_the_clients_own(server: Server, asked: dict[str, Any], status: int, type: Any) -> None:
    with pytest.raises(type) as failed:
        answered(server, **asked)
    assert failed.value.status_code == status
    assert failed.value.body["type"] == "error"


@pytest.mark.parametrize(
    ("status", "ours", "type"),
    [
        (429, 429, "rate_limit_error"),
        (401, 502, "api_error"),
        (408, 504, "timeout_error"),
        (529, 529, "overloaded_error"),
    ],
)
def test_what_a_provider_refuses_is_said_in_this_envelope(
    server: Server, afar: Provider, status: int, ours: int, type: str
) -> None:
    afar.status = status
    with pytest.raises(anthropic.APIStatusError) as failed:
        answered(server)
    assert (failed.value.status_code, failed.value.body["error"]["type"]) == (ours, type)  # type: ignore[index]


def test_other_methods_and_bodies_are_refused_in_this_envelope(server: Server) -> None:
    with server.http() as http:
        wrong = http.get(MESSAGES)
        broken = http.post(MESSAGES, content=b"{")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "error")
    assert (broken.status_code, broken.json()["error"]["type"]) == (400, "invalid_request_error")


def test_half_a_call_is_no_call(server: Server, afar: Provider) -> None:
    half = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"pla'}}
    afar.body = whole({"content": "Looking.", "tool_calls": [half]}, "length")
    answer = answered(server)
    assert (answer.stop_reason, [block.type for block in answer.content]) == ("max_tokens", ["text"])
    afar.forget()
    afar.body = whole({"content": "Looking.", "tool_calls": [half]}, "tool_calls")
    with pytest.raises(anthropic.InternalServerError) as failed:
        answered(server)
    assert failed.value.status_code == 502
    afar.forget()
    afar.events = [*called(0, "weather", '{"pla'), *ended("length")]
    assert streamed(server)[1].stop_reason == "max_tokens"
