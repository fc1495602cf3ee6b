"""A stored deadline bounds the whole request, whichever door changed it, and the work stops."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.server import Server
from tests.v1.asking import LONG, SHORT, ask
from tests.waiting import in_time


def test_without_a_stream_the_deadline_is_a_504_that_is_not_retried(server: Server) -> None:
    server.set_timeouts(chat_seconds=1)
    began = time.monotonic()
    with server.http() as http:
        answer = http.post("/v1/chat/completions", json=LONG)
    took = time.monotonic() - began
    error = answer.json()["error"]
    assert answer.status_code == 504
    assert answer.headers["x-should-retry"] == "false"
    assert "retry-after" not in answer.headers
    assert answer.headers["x-mlx-deadline-seconds"] == "1"
    assert answer.headers["x-mlx-deadline-source"] == "endpoint"
    assert (error["type"], error["code"], error["param"]) == ("timeout_error", "deadline_exceeded", None)
    assert (error["deadline_seconds"], error["source"], error["phase"]) == (1.0, "endpoint", "decode")
    assert error["request_id"] == answer.headers["x-request-id"]
    assert in_time(sum(error["elapsed"].values()), 0.99)  # each of them is rounded
    assert "1 s deadline for /v1/chat/completions during decode" in error["message"]
    assert in_time(took, 1.0)


def test_a_stream_ends_with_an_error_in_band_and_no_finish_reason(server: Server) -> None:
    server.set_timeouts(chat_seconds=1)
    began = time.monotonic()
    with (
        server.http() as http,
        http.stream("POST", "/v1/chat/completions", json={**LONG, "stream": True}) as answer,
    ):
        lines = [line for line in answer.iter_lines() if line]
    took = time.monotonic() - began
    *chunks, last, done = lines
    assert answer.status_code == 200
    assert done == "data: [DONE]"
    error = json.loads(last.removeprefix("data: "))["error"]
    assert (error["code"], error["partial"], error["phase"]) == ("deadline_exceeded", True, "decode")
    assert error["usage"]["completion_tokens"] >= len(chunks) - 1 > 1
    assert all(json.loads(c.removeprefix("data: "))["choices"][0]["finish_reason"] is None for c in chunks)
    assert in_time(took, 1.0)


@pytest.mark.parametrize("stream", [False, True])
def test_it_ends_when_it_is_due(server: Server, stream: bool) -> None:
    """The best of four: a machine may be busy once, but what is always late is late by itself."""
    took = []
    for _ in range(4):
        began = time.monotonic()
        ask(server, **LONG, stream=stream, timeout=0.3)
        took.append(time.monotonic() - began)
    assert 0.3 <= min(took) < 0.4


def test_the_official_client_sees_a_failure_and_asks_once(server: Server) -> None:
    server.set_timeouts(chat_seconds=1)
    requests: list[httpx2.Request] = []
    watched = httpx2.Client(event_hooks={"request": [requests.append]})
    with server.openai(http_client=watched) as client:
        with pytest.raises(openai.InternalServerError) as failed:
            client.chat.completions.create(**LONG)
        assert failed.value.status_code == 504
        assert len(requests) == 1
        with pytest.raises(openai.APIError):
            list(client.chat.completions.create(**LONG, stream=True))
        assert len(requests) == 2


def test_who_wants_what_there_is_gets_it_as_an_ending(server: Server) -> None:
    asked = {**LONG, "on_deadline": "partial", "timeout": 1}
    with server.http() as http:
        whole = http.post("/v1/chat/completions", json=asked).json()
        with http.stream("POST", "/v1/chat/completions", json={**asked, "stream": True}) as answer:
            *_, last, done = [line for line in answer.iter_lines() if line]
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["choices"][0]["message"]["content"]
    assert whole["mlx"]["deadline_exceeded"] is True
    ending = json.loads(last.removeprefix("data: "))
    assert (ending["choices"][0]["finish_reason"], ending["mlx"]["source"]) == ("length", "client")
    assert done == "data: [DONE]"


def test_a_client_can_only_shorten(server: Server) -> None:
    server.set_timeouts(chat_seconds=60)
    with server.http() as http:
        cases: list[tuple[dict[str, Any], dict[str, str], str, str]] = [
            ({"timeout": 30}, {}, "30", "client"),
            ({"timeout": 7200}, {}, "60", "endpoint"),
            ({}, {"x-request-timeout": "20"}, "20", "client"),
            ({}, {"prefer": "respond-async, wait=10"}, "10", "client"),
            ({}, {"grpc-timeout": "5000m"}, "5", "client"),
            ({}, {"x-envoy-expected-rq-timeout-ms": "2500"}, "2.5", "client"),
            ({"timeout": 30}, {"x-request-timeout": "20"}, "20", "client"),
            ({"timeout": "soon"}, {"x-request-timeout": "-3", "grpc-timeout": "x"}, "60", "endpoint"),
        ]
        for body, headers, seconds, source in cases:
            answer = http.post("/v1/chat/completions", json={**SHORT, **body}, headers=headers)
            assert answer.status_code == 200
            got = answer.headers["x-mlx-deadline-seconds"], answer.headers["x-mlx-deadline-source"]
            assert got == (seconds, source), (body, headers)


@pytest.fixture
def idle_seconds(server: Server) -> float:
    """The best of three: time to first token when nothing else runs."""
    return min(_first_token(server) for _ in range(3))


@pytest.mark.parametrize("stream", [False, True])
def test_after_a_deadline_the_next_request_starts_as_before(
    server: Server, idle_seconds: float, stream: bool
) -> None:
    """Work that went on would share the batch with it, and the row's place would still be taken."""
    with server.http() as http:
        for _ in range(40):  # more than the batch holds: what is not freed shows
            http.post("/v1/chat/completions", json={**LONG, "timeout": 0.05, "stream": stream})
    assert min(_first_token(server) for _ in range(3)) < idle_seconds * 3 + 0.05


def test_a_client_that_leaves_frees_its_place(server: Server, idle_seconds: float) -> None:
    for _ in range(40):
        with (
            server.http() as http,
            http.stream("POST", "/v1/chat/completions", json={**LONG, "stream": True}) as answer,
        ):
            next(answer.iter_lines())
    for _ in range(3):
        with server.http() as http, pytest.raises(httpx2.ReadTimeout):
            http.post("/v1/chat/completions", json=LONG, timeout=0.2)
    assert server.rows_held() == 0  # a runner that is stuck is ended only after 30 s
    assert min(_first_token(server) for _ in range(3)) < idle_seconds * 3 + 0.05


def test_the_command_in_another_process_holds_from_the_next_request_on(server: Server) -> None:
    server.manage("set_timeout", "chat", "1.5")
    assert _seconds_in_force(server) == "1.5"
    server.manage("set_timeout", "chat", "15m")
    assert _seconds_in_force(server) == "900"


def test_a_write_past_all_doors_holds_too_and_a_corrupt_one_is_not_served(server: Server) -> None:
    """Trap 1 at its hardest: straight into the file."""
    for stored, expected in [("77", "77"), ("0.001", "900"), ("42", "42")]:
        server.rows(f"UPDATE settings_app_timeout SET seconds = {stored} WHERE endpoint = 'chat'")
        assert _seconds_in_force(server) == expected
    with server.api() as api:
        assert api.get("/api/settings/timeouts").json()["chat_seconds"] == 42


def _seconds_in_force(server: Server) -> str:
    with server.http() as http:
        return str(http.post("/v1/chat/completions", json=SHORT).headers["x-mlx-deadline-seconds"])


def _first_token(server: Server) -> float:
    began = time.monotonic()
    with (
        server.http() as http,
        http.stream("POST", "/v1/chat/completions", json={**SHORT, "stream": True}) as answer,
    ):
        lines: Iterator[str] = answer.iter_lines()
        next(line for line in lines if '"content":"' in line and '"content":""' not in line)
    return time.monotonic() - began
