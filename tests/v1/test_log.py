"""One request, one id, one row: whatever the ending, with what really happened in it."""

import json
import signal
import socket
import struct
import threading
from typing import Any

import pytest

from tests.server import Server
from tests.tiny_model import BEYOND_CONTEXT
from tests.v1.asking import CHAT, LONG, SHORT, ask, streaming
from tests.waiting import in_time, until


@pytest.mark.parametrize("stream", [False, True])
def test_a_success_has_its_times_and_tokens(server: Server, stream: bool) -> None:
    answer = ask(server, **{**LONG, "max_tokens": 20}, stream=stream)
    row = server.logged(answer.headers["x-request-id"])
    expected = {
        "endpoint": CHAT,
        "model": "tiny",
        "served_model": "tiny",
        "backend": "local",
        "status": "ok",
        "http_status": 200,
        "finish_reason": "length",
        "error_code": "",
        "phase": "decode",
        "completion_tokens": 20,
        "deadline_seconds": 900,
        "deadline_source": "endpoint",
        "stop_latency_ms": None,
        "streamed": stream,
    }
    assert {key: row[key] for key in expected} == expected
    assert row["prompt_tokens"] > 0
    parts = [row[f"{phase}_ms"] for phase in ("queue", "load", "prefill", "decode")]
    assert sum(parts) == pytest.approx(row["total_ms"], abs=0.01)
    assert 0 < row["first_token_ms"] <= row["total_ms"]


def test_a_timeout_is_a_timeout_with_its_phase_and_real_duration(server: Server) -> None:
    """Trap 9."""
    for stream, status in ((False, 504), (True, 200)):
        answer = ask(
            server, **LONG, stream=stream, timeout=1.5
        )  # a busy machine still gets to decode in that
        row = server.logged(answer.headers["x-request-id"])
        assert (row["status"], row["http_status"], row["phase"]) == ("timeout", status, "decode")
        assert in_time(row["total_ms"] / 1000, 1.5)
        assert row["completion_tokens"] > 1
        assert row["error_code"] == "deadline_exceeded"
        assert (row["deadline_seconds"], row["deadline_source"]) == (1.5, "client")


def test_a_partial_answer_is_a_timeout_that_the_client_saw_as_200(server: Server) -> None:
    answer = ask(server, **LONG, on_deadline="partial", timeout=1.5)
    row = server.logged(answer.headers["x-request-id"])
    assert (answer.status_code, row["http_status"], row["status"]) == (200, 200, "timeout")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (CHAT, {"model": "nobody"}, 404, "model_not_found"),
        (CHAT, {"temperature": 9}, 400, "invalid_value"),
        (CHAT, {"messages": [{"role": "user", "content": BEYOND_CONTEXT}]}, 400, "context_length_exceeded"),
        ("/v1/embeddings", {"input": "x", "messages": None}, 400, "unsupported_parameter"),
    ],
)
def test_what_is_refused_has_a_row_too(
    server: Server, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = ask(server, path, **{**SHORT, **body})
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["http_status"], row["error_code"]) == ("rejected", status, code)
    assert row["model"] == body.get("model", "tiny")
    assert row["endpoint"] == path


def test_the_key_is_named_and_the_clients_retry_counted(server: Server) -> None:
    key = server.manage("create_api_key", "named-key").stdout.splitlines()[-1]
    headers = {"authorization": f"Bearer {key}", "x-stainless-retry-count": "2", "prefer": "wait=soon"}
    with server.http() as http:
        answer = http.post(CHAT, json=SHORT, headers=headers)
    row = server.logged(answer.headers["x-request-id"])
    assert (row["api_key"], row["client_retries"], row["ignored_wishes"]) == ("named-key", 2, "prefer")


def test_the_official_clients_patience_counts_unless_switched_off_or_streamed(server: Server) -> None:
    def seconds(**options: Any) -> tuple[str, str]:
        with server.openai(timeout=200) as client:
            raw = client.chat.completions.with_raw_response.create(**SHORT, **options)
            return raw.headers["x-mlx-deadline-seconds"], raw.headers["x-mlx-deadline-source"]

    assert seconds() == ("200", "client")
    assert seconds(stream=True) == ("900", "endpoint")
    server.rows("UPDATE settings_app_serving SET honour_client_timeout = 0")
    try:
        assert seconds() == ("900", "endpoint")
    finally:
        server.rows("UPDATE settings_app_serving SET honour_client_timeout = 1")


def test_a_models_own_limit_counts(server: Server) -> None:
    server.rows("UPDATE settings_app_localmodel SET deadline_seconds = 5")
    try:
        answer = ask(server, **SHORT)
    finally:
        server.rows("UPDATE settings_app_localmodel SET deadline_seconds = NULL")
    assert (answer.headers["x-mlx-deadline-seconds"], answer.headers["x-mlx-deadline-source"]) == (
        "5",
        "model",
    )


def test_a_timed_out_request_runs_once(server: Server) -> None:
    """Trap 6: no second attempt by the server itself."""
    answer = ask(server, **LONG, timeout=1)
    row = server.logged(answer.headers["x-request-id"])
    assert row["total_ms"] < 1900
    assert (row["status"], row["client_retries"]) == ("timeout", 0)


def test_neighbours_of_a_cancelled_request_say_what_they_would_have_said(server: Server) -> None:
    """Trap 15: over HTTP; the runner's own tests cancel in every phase."""
    bodies = [
        {**LONG, "max_tokens": 120, "messages": [{"role": "user", "content": f"story {n}"}]} for n in range(4)
    ]
    alone = [ask(server, **body).json()["choices"][0]["message"]["content"] for body in bodies]
    texts: dict[int, str] = {}

    def tell(n: int) -> None:
        texts[n] = ask(server, **bodies[n]).json()["choices"][0]["message"]["content"]

    threads = [threading.Thread(target=tell, args=(n,)) for n in range(4)]
    with streaming(server, 3):
        for thread in threads:
            thread.start()
        ask(server, **LONG, timeout=0.05)
    for thread in threads:
        thread.join()
    assert [texts[n] for n in range(4)] == alone


def test_a_stream_comes_as_it_is_made(server: Server) -> None:
    """Trap 18: nothing compresses or gathers it."""
    body = {**LONG, "stream": True, "max_tokens": 300}
    with (
        server.http(headers={"accept-encoding": "gzip"}) as http,
        http.stream("POST", CHAT, json=body) as answer,
    ):
        assert "content-encoding" not in answer.headers
        assert answer.headers["x-accel-buffering"] == "no"
        pieces = sum(1 for _ in answer.iter_raw())
    assert pieces > 20


def test_a_client_that_left_before_it_was_looked_at_left(server: Server) -> None:
    """Where it came from nobody can say then; it was not refused for lack of a key."""
    server.logged(ask(server, **SHORT).headers["x-request-id"])  # and so has all that came before
    count = "SELECT status, count(*) AS rows FROM settings_app_requestlog GROUP BY status"
    before = {found["status"]: found["rows"] for found in server.rows(count)}
    host, port = server.url.removeprefix("http://").split(":")
    body = json.dumps(SHORT).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-length: {len(body)}\r\n\r\n"
    server.process.send_signal(signal.SIGSTOP)
    try:
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + body)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # at once
    finally:
        server.process.send_signal(signal.SIGCONT)

    def more() -> dict[str, int]:
        found = {row["status"]: row["rows"] for row in server.rows(count)}
        return {status: rows - before.get(status, 0) for status, rows in found.items()}

    until(lambda: any(more().values()))
    assert {status: rows for status, rows in more().items() if rows} == {"client_closed": 1}
