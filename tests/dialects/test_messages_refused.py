"""What POST /v1/messages refuses, and how it says so, as Anthropic's own client meets it."""

from typing import Any

import anthropic
import pytest

from tests.dialects.asking import HELLO, MESSAGES, USER, answered
from tests.provider import Provider
from tests.server import Server
from tests.tiny_model import BEYOND_CONTEXT
from tests.v1.asking import ask


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
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
