"""What no client sends by accident gets an answer of its own, never a 500."""

from typing import Any

import pytest

from tests.server import Server
from tests.v1.asking import CHAT, ask

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f"}}
LAST_TOOL = "tools[1].function.parameters"


@pytest.mark.parametrize("origin", ["http://[bad", "http://", "x"])
def test_an_origin_that_is_none_is_foreign(server: Server, origin: str) -> None:
    with server.http() as http:
        answer = http.get("/v1/models", headers={"origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_origin")


def test_a_body_that_is_nested_too_deeply_is_refused(server: Server) -> None:
    deep = '{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "timeout": ' + "[" * 100_000
    with server.http() as http:
        answer = http.post(CHAT, content=deep)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


def test_a_body_that_is_too_large_is_refused(server: Server) -> None:
    large = b" " * 40_000_000
    with server.http() as http:
        answer = http.post(CHAT, content=large)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert answer.headers["x-mlx-deadline-seconds"] == "900"
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["http_status"], row["error_code"]) == ("rejected", 413, "body_too_large")
    with server.api() as api:
        answer = api.put("/api/settings/timeouts", content=large)
    assert (answer.status_code, answer.json()["detail"]) == (413, "The body is too large.")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"chat_template_kwargs": {"a": 2**64}}, "chat_template_kwargs"),
        (
            {"tools": [TOOL, {**TOOL, "function": {"name": "g", "parameters": {"maximum": 10**30}}}]},
            LAST_TOOL,
        ),
        ({"logit_bias": {str(token): 1 for token in range(10_001)}}, "logit_bias"),
    ],
    ids=["a switch", "a tool", "biases"],
)
def test_what_is_too_large_to_be_passed_on_is_named(
    server: Server, change: dict[str, Any], param: str
) -> None:
    answer = ask(server, model="tiny", messages=HELLO, **change)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param), error
    assert server.logged(answer.headers["x-request-id"])["http_status"] == 400


def test_however_deep_a_body_is_it_is_no_failure_of_the_server(server: Server) -> None:
    """A little less deep than what can be read, it could not be passed on."""
    head = '{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"a": '
    with server.http() as http:
        for depth in range(960, 990):
            answer = http.post(CHAT, content=head + '{"a":' * depth + "1" + "}" * depth + "}}")
            assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
