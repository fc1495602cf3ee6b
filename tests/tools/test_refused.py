"""What no model here can be held to, and turns that make no sense: a 400 that names the field."""

from typing import Any

import openai
import pytest

from tests.server import Server
from tests.tools.asking import TALKER, asking, user, whole


def refused(server: Server, content: str, model: str = TALKER, **more: Any) -> openai.BadRequestError:
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
