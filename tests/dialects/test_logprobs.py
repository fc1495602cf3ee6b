"""Log-probabilities in /v1/responses: beside the text that they are of, whole and streamed."""

import json
from typing import Any

import pytest

from inference.api.text_logprobs import TextLogprobs
from inference.messages import TokenLogprob, Tokens
from tests.dialects.saying import PIECE, SAYS, ended
from tests.dialects.test_responses import HELLO, RESPONSES, events, respond
from tests.provider import Provider
from tests.server import Server
from tests.v1.asking import ask

LOGPROBS: Any = {"include": ["message.output_text.logprobs"], "top_logprobs": 3}


def spelled(told: list[Any]) -> str:
    return b"".join(bytes(one.bytes) for one in told).decode("utf-8", "replace")


def test_they_are_those_of_a_chat(server: Server) -> None:
    text = respond(server, **HELLO, **LOGPROBS).output[0].content[0]
    chat: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}
    same = ask(server, **chat, temperature=0, max_tokens=12, logprobs=True, top_logprobs=3).json()
    told = same["choices"][0]["logprobs"]["content"]
    assert [one.to_dict() for one in text.logprobs] == told
    assert len(told) == 12 and all(len(one.top_logprobs) == 3 for one in text.logprobs)
    assert spelled(text.logprobs).removeprefix(" ") == text.text


def test_a_stream_tells_them_with_the_text(server: Server) -> None:
    told = events(server, **HELLO, **LOGPROBS)
    whole = respond(server, **HELLO, **LOGPROBS)
    pieces = [event.logprobs for event in told if event.type == "response.output_text.delta"]
    assert sum(map(bool, pieces)) > 3, "in pieces"
    (done,) = (event for event in told if event.type == "response.output_text.done")
    (part,) = (event.part for event in told if event.type == "response.content_part.done")
    said = told[-1].response.output[0].content[0].logprobs
    tokens = [one.token for one in whole.output[0].content[0].logprobs]
    for each in ([one for piece in pieces for one in piece], done.logprobs, part.logprobs, said):
        assert [one.token for one in each] == tokens
    assert told[0].response.top_logprobs == told[-1].response.top_logprobs == 3


def test_none_are_told_that_were_not_asked_for(server: Server) -> None:
    answer = respond(server, **HELLO)
    assert (answer.output[0].content[0].logprobs, answer.top_logprobs) == ([], 0)
    some = respond(server, **HELLO, include=["message.output_text.logprobs"]).output[0].content[0].logprobs
    assert len(some) == 12 and all(one.top_logprobs == [] for one in some)
    alone = respond(server, **HELLO, include=["reasoning.encrypted_content"])
    assert alone.output[0].content[0].logprobs == []


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"top_logprobs": 2}, "top_logprobs"),
        ({**LOGPROBS, "top_logprobs": 21}, "top_logprobs"),
        ({"include": ["file_search_call.results"]}, "include[0]"),
    ],
)
def test_what_cannot_be_told_is_a_400(server: Server, change: dict[str, Any], param: str) -> None:
    answer = ask(server, RESPONSES, **{**HELLO, **change})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_provider_s_are_passed_on(server: Server, afar: Provider, streamed: bool) -> None:
    entry = {"token": "Lö", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "No", "logprob": -1}]}
    if streamed:
        piece = PIECE({"content": "Lö"})
        piece["choices"][0]["logprobs"] = {"content": [entry], "refusal": None}
        afar.events = [piece, *ended("stop")]
        (text,) = events(server, **LOGPROBS)[-1].response.output[0].content
    else:
        choice = {"message": {"content": "Lö"}, "logprobs": {"content": [entry]}, "finish_reason": "stop"}
        afar.body = [json.dumps({"choices": [choice]}).encode()]
        (text,) = respond(server, **LOGPROBS).output[0].content
    (told,) = text.logprobs
    assert (told.token, told.logprob, bytes(told.bytes).decode()) == ("Lö", -0.5, "Lö")
    assert (told.top_logprobs[0].token, told.top_logprobs[0].bytes) == ("No", [78, 111])
    assert (afar.asked[-1]["logprobs"], afar.asked[-1]["top_logprobs"]) == (True, 3)


def test_what_is_no_log_probability_is_an_error_where_they_are_asked_for(
    server: Server, afar: Provider
) -> None:
    piece = PIECE({"content": "a"})
    piece["choices"][0]["logprobs"] = {"content": [{"token": "a"}]}
    afar.events = [piece, *SAYS, *ended("stop")]
    assert events(server)[-1].type == "response.completed"
    answer = ask(server, RESPONSES, model="gpt-9", input="hi", stream=True, **LOGPROBS)
    assert '"provider_failed"' in answer.text.rstrip().splitlines()[-1]


def test_a_provider_that_has_none_is_not_asked(server: Server, beyond: Provider) -> None:
    answer = ask(server, RESPONSES, model="claude-9", input="hi", **LOGPROBS)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "include")
    assert beyond.asked == []


def logprobs(tokens: list[str | bytes]) -> list[TokenLogprob]:
    return [TokenLogprob(one if isinstance(one, bytes) else one.encode(), -1.0) for one in tokens]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([("Yes", ["Yes"])], ["Yes"]),
        ([("Yes.", ["</think>", "\n\n", "Yes", "."])], ["Yes", "."]),
        ([("See.", ["See", ".", "<tool_call>", "{"])], ["See", "."]),
        ([("See", ["\n\nS", "e"]), ("", ["e<"]), ("", ["tool_call>"])], ["\n\nS", "e", "e<"]),
        ([("S", ["S"]), ("ee.", []), ("", ["ee.<", "tool", "_call>"])], ["S", "ee.<"]),
        ([("a", []), ("b", ["ab"]), ("c", [])], ["ab"]),
        ([("EN", ["E", "ND"])], ["E", "ND"]),
        ([("", ["<tool_call>"])], []),
        ([("\N{REPLACEMENT CHARACTER}", [b"\xe2", b"\xff"]), ("a", ["a"])], [b"\xe2", "a"]),
        ([("?", [b"\xe2"]), ("a", ["a"])], [b"\xe2", "a"]),
    ],
)
def test_tags_beside_a_text_are_none_of_its_tokens(
    said: list[tuple[str, list[str | bytes]]], kept: list[str | bytes]
) -> None:
    of_text = TextLogprobs()
    steps = [Tokens("row", text, 1, logprobs(tokens)) for text, tokens in said]
    assert [one for step in steps for one in of_text.of(step)] == logprobs(kept)
    assert of_text.of(Tokens("row", "Hm", 1, logprobs(["Hm"]), "reasoning")) == []
