"""A request to /v1/messages that goes to a provider of Anthropic's protocol: it is passed on as it came, both ways."""

import json
from typing import Any

import anthropic
import httpx2
import pytest

from tests import blocks
from tests.blocks import MESSAGE, text, thinking, use
from tests.dialects.asking import MESSAGES, USER, WEATHER, answered, falling_back, streamed
from tests.dialects.saying import claude
from tests.protocols import WORDS
from tests.provider import KEY, Provider
from tests.server import Server
from tests.v1.asking import ask

STREAMED = pytest.mark.parametrize("stream", [False, True])
ASKED: dict[str, Any] = {"model": "claude-9", "messages": [USER], "max_tokens": 99}
BETAS = "interleaved-thinking-2025-05-14,from-the-future-2031-01-01"
MARK = {"type": "ephemeral"}
RICH: dict[str, Any] = {
    **ASKED,
    "system": [text("Be kind.", cache_control=MARK)],
    "messages": [
        {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}]},
        {
            "role": "assistant",
            "content": [text("Look."), {**use("a"), "cache_control": MARK, "from": "afar"}],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "a", "content": "Rain.", "is_error": True}],
        },
        {"role": "assistant", "content": "Well"},
    ],
    "tools": [{**WEATHER, "cache_control": MARK}, {"type": "web_search_20260209", "name": "web_search"}],
    "tool_choice": {"type": "auto"},
    "output_config": {"effort": "max", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "cache_control": MARK,
    "service_tier": "standard_only",
    "top_k": 5,
    "container": {"id": "c"},
    "from_the_future": [1, None],
}
CITED = {"type": "char_location", "cited_text": "Rain.", "document_index": 0}
NEW = {"type": "from_the_future", "text": {"in": 1}, "id": None, "input": 7}
SAID = [thinking("Hm."), text("It rains.", citations=[CITED]), NEW, use("a", place="Bern")]


def sent(beyond: Provider) -> dict[str, Any]:
    """The body of the last request."""
    beside = ("path", "x-api-key", "anthropic-version", "anthropic-beta")
    return {name: value for name, value in beyond.asked[-1].items() if name not in beside}


def told(answer: httpx2.Response) -> list[Any]:
    """A stream's events. Each names its type once more inside."""
    found = []
    for block in answer.text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


@STREAMED
def test_the_body_goes_there_as_it_came(server: Server, beyond: Provider, stream: bool) -> None:
    answer = ask(server, MESSAGES, **RICH, stream=stream, timeout=30, on_deadline="partial")
    assert answer.status_code == 200, answer.text
    assert sent(beyond) == {**RICH, "model": "large", "stream": stream}
    head = beyond.asked[-1]
    assert (head["path"], head["x-api-key"], head["anthropic-version"]) == ("/v1/messages", KEY, "2023-06-01")
    assert "anthropic-beta" not in head


def test_what_the_client_asks_for_ahead_of_its_time_is_asked_for_there(
    server: Server, beyond: Provider
) -> None:
    with claude(server, default_headers={"anthropic-beta": BETAS}) as client:
        client.messages.create(**ASKED)
        beyond_said = beyond.asked[-1]["anthropic-beta"]
        beyond.body = [b'{"input_tokens": 3}']
        counted = client.messages.count_tokens(model="claude-9", messages=[USER])
    assert (beyond_said, beyond.asked[-1]["anthropic-beta"], counted.input_tokens) == (BETAS, BETAS, 3)


def test_a_header_that_cannot_be_passed_on_is_refused(server: Server, beyond: Provider) -> None:
    with server.http() as http:
        answer = http.post(MESSAGES, json=ASKED, headers={"anthropic-beta": "a" * 2001})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "anthropic-beta")
    assert beyond.asked == []


def test_a_whole_answer_is_told_as_it_is(server: Server, beyond: Provider) -> None:
    beyond.body = blocks.message(SAID, "tool_use", stop_details={"from": "afar"}, container=None)
    answer = ask(server, MESSAGES, **ASKED)
    assert answer.json() == json.loads(beyond.body[0])
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["finish_reason"], row["backend"]) == ("ok", "tool_calls", "Beyond")
    assert (row["prompt_tokens"], row["cached_tokens"], row["completion_tokens"]) == (35, 20, 8)


def test_a_stream_is_told_as_it_is(server: Server, beyond: Provider) -> None:
    said = blocks.events(SAID, "tool_use")
    odd = {"type": "from_the_future", "index": "x", "delta": {"type": 7}, "content_block": []}
    beyond.events = [*said[:4], odd, {"type": "two\nlines"}, *said[4:]]
    answer = ask(server, MESSAGES, **ASKED, stream=True)
    assert told(answer) == [*said[:4], odd, *said[4:]]
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["finish_reason"], row["first_token_ms"] is None) == ("ok", "tool_calls", False)
    assert (row["prompt_tokens"], row["cached_tokens"], row["completion_tokens"]) == (35, 20, 44)


@STREAMED
def test_the_official_client_reads_both(server: Server, beyond: Provider, stream: bool) -> None:
    answer = streamed(server, model="claude-9")[1] if stream else answered(server, model="claude-9")
    assert (answer.id, answer.content[0].text, answer.stop_reason) == (
        "msg_afar",
        "".join(WORDS),
        "end_turn",
    )


@STREAMED
@pytest.mark.parametrize("stop_reason", ["stop_sequence", "pause_turn", "refusal", "from_the_future"])
def test_why_it_ended_is_told_in_its_own_words(
    server: Server, beyond: Provider, stop_reason: str, stream: bool
) -> None:
    if stream:
        beyond.events = blocks.events([text("a")], stop_reason)
        assert told(ask(server, MESSAGES, **ASKED, stream=True))[-2]["delta"]["stop_reason"] == stop_reason
    else:
        beyond.body = blocks.message([text("a")], stop_reason)
        assert ask(server, MESSAGES, **ASKED).json()["stop_reason"] == stop_reason


def test_what_it_refuses_keeps_its_words(server: Server, beyond: Provider) -> None:
    made_up = {**thinking("Hm."), "signature": "made up"}
    with pytest.raises(anthropic.BadRequestError) as failed:
        answered(server, model="claude-9", messages=[USER, {"role": "assistant", "content": [made_up]}, USER])
    error: Any = failed.value.body["error"]  # type: ignore[index]
    assert error["type"] == "invalid_request_error"
    assert "Provider Beyond answered with 400: messages.1.content.0: Invalid `signature`" in error["message"]


def test_of_one_that_fails_before_its_first_word_nothing_is_told(server: Server, beyond: Provider) -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    beyond.events = [*blocks.events([], "end_turn")[:2], overloaded]
    with falling_back(server, beyond, "tiny") as model:
        answer = ask(server, MESSAGES, **{**ASKED, "model": model, "max_tokens": 3}, stream=True)
    events = [event["type"] for event in told(answer)]
    assert (events.count("message_start"), events[-1]) == (1, "message_stop")
    assert told(answer)[0]["message"]["model"] == "tiny"
    assert server.logged(answer.headers["x-request-id"])["backend"] == "local"


def test_a_failure_later_is_an_error_and_no_ending(server: Server, beyond: Provider) -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    beyond.events = [*blocks.events(SAID, "tool_use")[:6], overloaded]
    events = told(ask(server, MESSAGES, **ASKED, stream=True))
    assert [event["type"] for event in events[-2:]] == ["content_block_delta", "error"]
    error = events[-1]["error"]
    assert (error["type"], error["partial"], error["provider_status"]) == ("overloaded_error", True, 529)


def test_what_the_deadline_cuts_is_ended_for_who_takes_it(server: Server, beyond: Provider) -> None:
    beyond.events, beyond.stall = blocks.events([text("Well, well.")], "end_turn")[:4], True
    answer = ask(server, MESSAGES, **ASKED, stream=True, timeout=0.5, on_deadline="partial")
    *_, grown, stop, delta, last = told(answer)
    assert (grown["delta"]["text"], last["type"]) == ("Well,", "message_stop")
    assert stop == {"type": "content_block_stop", "index": 0}
    assert (delta["delta"]["stop_reason"], delta["mlx"]["deadline_exceeded"]) == ("max_tokens", True)
    assert (delta["usage"]["output_tokens"], delta["usage"]["cache_read_input_tokens"]) == (1, 20)
    assert server.logged(answer.headers["x-request-id"])["status"] == "timeout"


def test_an_answer_that_is_none_is_the_provider_s_fault(server: Server, beyond: Provider) -> None:
    no_text = {**MESSAGE, "content": [{"type": "text", "text": 1}], "stop_reason": "end_turn"}
    wrong: list[Any] = [{"type": "message"}, {**no_text, "content": "a"}, no_text, []]
    for said in wrong:
        beyond.body = [json.dumps(said).encode()]
        answer = ask(server, MESSAGES, **ASKED)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_failed")


def test_one_here_that_cannot_take_it_does_not_stand_in(server: Server, beyond: Provider) -> None:
    beyond.status = 529
    with falling_back(server, beyond, "tiny") as model:
        answer = ask(server, MESSAGES, **{**RICH, "model": model})
    assert (answer.status_code, answer.json()["error"]["type"]) == (529, "overloaded_error")
    assert sent(beyond) == {**RICH, "model": "large"}
