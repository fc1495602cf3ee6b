"""Counting tokens as the official clients ask for it: POST /v1/messages/count_tokens, /v1/responses/input_tokens."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx2
import pytest

from tests.dialects.asking import USER, WEATHER
from tests.dialects.saying import claude
from tests.provider import Provider
from tests.running.in_flight import running
from tests.server import Server
from tests.tiny_model import BEYOND_CONTEXT, CONTEXT_TOKENS
from tests.v1.asking import ask
from tests.waiting import until

COUNT = "/v1/messages/count_tokens"
ASKED: dict[str, Any] = {"model": "tiny", "messages": [USER]}
HEADERS = ("x-api-key", "anthropic-version")


def counted(server: Server, **more: Any) -> int:
    with claude(server) as client:
        return client.messages.count_tokens(**{**ASKED, **more}).input_tokens


def read(server: Server, **more: Any) -> int:
    """What an answer to the same says that was read for it."""
    with claude(server) as client:
        asked: Any = {**ASKED, "max_tokens": 1, **more}
        usage: Any = client.messages.create(**asked).usage
    return int(usage.input_tokens + usage.cache_read_input_tokens)


@contextmanager
def held_up(server: Server) -> Iterator[None]:
    """No runner gets to anything."""
    pids = server.runner_pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_it_is_what_the_answer_says_that_was_read(server: Server) -> None:
    turns: list[Any] = [USER, {"role": "assistant", "content": "Well."}, {"role": "user", "content": "And?"}]
    for more in ({}, {"system": "Be kind."}, {"system": "Be kind.", "messages": turns}):
        assert counted(server, **more) == read(server, **more)
    assert counted(server) < counted(server, system="Be kind.")


def test_what_the_context_does_not_hold_is_counted_too(server: Server) -> None:
    long = [{"role": "user", "content": BEYOND_CONTEXT}]
    assert counted(server, messages=long) > CONTEXT_TOKENS
    assert ask(server, "/v1/messages", **{**ASKED, "messages": long}, max_tokens=1).status_code == 400


def test_the_model_is_loaded_for_it(server: Server) -> None:
    with server.api() as api:
        api.post("/api/models/tiny/unload").raise_for_status()
    assert counted(server) > 0
    with server.api() as api:
        models = {model["name"]: model for model in api.get("/api/models").json()["models"]}
    assert models["tiny"]["loaded"]


def test_the_log_has_it_as_what_it_is(server: Server) -> None:
    answer = ask(server, COUNT, **ASKED)
    row = server.logged(answer.headers["request-id"])
    assert (row["endpoint"], row["status"], row["model"], row["backend"]) == (COUNT, "ok", "tiny", "local")
    assert (row["prompt_tokens"], row["completion_tokens"], row["first_token_ms"]) == (0, 0, None)
    assert answer.headers["x-mlx-deadline-source"] == "endpoint"
    with server.api() as api:
        found = api.get("/api/requests", params={"endpoint": COUNT}).json()["requests"]
    assert row["request_id"] in [one["id"] for one in found]


def test_the_chat_deadline_holds(server: Server) -> None:
    server.set_timeouts(chat_seconds=0.5)
    with held_up(server):
        answer = ask(server, COUNT, **ASKED)
        error = answer.json()["error"]
        assert (answer.status_code, error["type"], error["code"]) == (
            504,
            "timeout_error",
            "deadline_exceeded",
        )
        assert f"0.5 s deadline for {COUNT}" in error["message"]
    assert server.logged(answer.headers["request-id"])["status"] == "timeout"
    server.set_timeouts(chat_seconds=900)
    assert counted(server) > 0


def test_a_client_may_leave(server: Server) -> None:
    pids = server.runner_pids()
    left = "SELECT * FROM settings_app_requestlog WHERE endpoint = ? AND status = 'client_closed'"
    before = len(server.rows(left, COUNT))
    with held_up(server), server.http() as http, server.api() as api:
        with pytest.raises(httpx2.ReadTimeout):
            http.post(COUNT, json=ASKED, timeout=httpx2.Timeout(20, read=0.2))
        until(
            lambda: not running(api)
        )  # or its count might be there before the server sees that nobody waits for it
    assert counted(server) > 0
    assert server.runner_pids() == pids
    until(lambda: len(server.rows(left, COUNT)) == before + 1)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0]"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"stream": True}, "stream"),
        ({"temperature": 1}, "temperature"),
        ({"tools": [WEATHER]}, "tools"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"model": "tiny-embed"}, "model"),
    ],
)
def test_a_wrong_body_is_a_400_that_names_the_field(
    server: Server, change: dict[str, Any], param: str
) -> None:
    answer = ask(server, COUNT, **{**ASKED, **change})
    found = answer.json()
    assert (answer.status_code, found["type"], found["error"]["param"]) == (400, "error", param), found
    assert found["request_id"] == answer.headers["request-id"]


def test_nobody_counts_for_a_model_that_is_not_there(server: Server) -> None:
    with pytest.raises(anthropic.NotFoundError):
        counted(server, model="nobody")


def test_a_provider_of_the_same_protocol_counts_itself(server: Server, beyond: Provider) -> None:
    """It is asked as it came."""
    beyond.body = [b'{"input_tokens": 41}']
    cached: Any = [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]
    thinking: Any = {"type": "enabled", "budget_tokens": 1024}
    asked = {"system": cached, "tools": [WEATHER], "tool_choice": {"type": "any"}, "thinking": thinking}
    assert counted(server, model="claude-9", **asked) == 41
    sent = {name: value for name, value in beyond.asked[-1].items() if name not in HEADERS}
    assert sent == {**ASKED, "model": "large", "path": COUNT, **asked}


def test_openais_client_has_it_count_a_chat(server: Server, beyond: Provider) -> None:
    beyond.body = [b'{"input_tokens": 41}']
    with server.openai(max_retries=0) as client:
        found = client.responses.input_tokens.count(model="claude-9", input="hello", instructions="Be kind.")
    sent = {name: value for name, value in beyond.asked[-1].items() if name not in HEADERS}
    assert (found.input_tokens, sent) == (
        41,
        {
            "model": "large",
            "system": [{"type": "text", "text": "Be kind."}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
            "path": COUNT,
        },
    )


@pytest.mark.parametrize("said", [b'{"input_tokens": "many"}', b'{"type": "error", "error": {}}', b"[]"])
def test_what_is_no_count_is_the_provider_s_fault(server: Server, beyond: Provider, said: bytes) -> None:
    beyond.body = [said]
    with pytest.raises(anthropic.InternalServerError) as failed:
        counted(server, model="claude-9")
    assert (failed.value.status_code, failed.value.body["error"]["code"]) == (502, "provider_failed")  # type: ignore[index]


def test_a_provider_that_does_not_count_is_not_asked(server: Server, afar: Provider) -> None:
    answer = ask(server, COUNT, **{**ASKED, "model": "gpt-9"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_endpoint", "model")
    assert "Afar" in error["message"] and afar.asked == []


def test_openais_client_counts_the_same(server: Server) -> None:
    asked: dict[str, Any] = {"model": "tiny", "input": "hello", "instructions": "Be kind."}
    with server.openai(max_retries=0) as client:
        found = client.responses.input_tokens.count(**asked)
        usage = client.responses.create(**asked, max_output_tokens=1).usage
    assert (found.object, found.input_tokens) == ("response.input_tokens", usage and usage.input_tokens)
    assert found.input_tokens == counted(server, system="Be kind.")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": None}, "input"),
        ({"max_output_tokens": 5}, "max_output_tokens"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"truncation": "auto"}, "truncation"),
        ({"tools": [{"type": "function", "name": "f"}]}, "tools"),
        ({"model": "gpt-9"}, "model"),
    ],
)
def test_what_openais_client_may_not_ask_is_a_400_that_names_it(
    server: Server, afar: Provider, change: dict[str, Any], param: str
) -> None:
    path = "/v1/responses/input_tokens"
    answer = ask(server, path, **{"model": "tiny", "input": "hello", **change})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    row = server.logged(answer.headers["x-request-id"])
    assert (row["endpoint"], row["status"]) == (path, "rejected")
    assert afar.asked == []
