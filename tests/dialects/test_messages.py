"""What POST /v1/messages answers, as Anthropic's own client meets it."""

from typing import Any

import anthropic
import pytest

from tests.dialects.asking import HELLO, MESSAGES, USER, WEATHER, answered, streamed
from tests.dialects.saying import called, ended, tell, whole
from tests.provider import Provider
from tests.server import Server
from tests.v1.asking import ask


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


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_that_is_to_be_omitted_is_not_shown(server: Server, afar: Provider, stream: bool) -> None:
    tell(afar, streamed=stream)
    asked: dict[str, Any] = {"tools": [WEATHER], "thinking": {"type": "adaptive", "display": "omitted"}}
    answer = streamed(server, **asked)[1] if stream else answered(server, **asked)
    thought, said, *_calls = answer.content
    assert (thought.type, thought.thinking, said.text) == ("thinking", "", "Looking.")
    assert answer.usage.output_tokens_details.thinking_tokens == 3


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
