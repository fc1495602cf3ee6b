"""A runner whose step does not come back, and other ways in which a server must not hang."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import FLOOR, warm
from tests.protocols import OpenAI
from tests.provider import Provider
from tests.running.in_flight import Asking, one_in, running
from tests.server import Server, alive, environment, manage, serving
from tests.v1.asking import LONG, SHORT, ask, streaming, unread
from tests.v1.routed import planted, rule
from tests.waiting import in_time, until


@pytest.fixture
def own_server(tmp_path: Path, tiny_model: Path) -> Iterator[Server]:
    manage(environment(tmp_path, **FLOOR), "add_model", "tiny", str(tiny_model))
    with serving(tmp_path, **FLOOR) as server:
        warm(server)
        yield server


def test_a_stuck_runner_is_ended_after_the_grace_and_its_other_requests_fail(own_server: Server) -> None:
    own_server.rows("UPDATE settings_app_serving SET stuck_grace_seconds = 4")
    (pid,) = own_server.runner_pids()
    answers: dict[str, Any] = {}
    neighbour = threading.Thread(target=lambda: answers.update(neighbour=ask(own_server, **LONG)))
    neighbour.start()
    with own_server.api() as api:
        one_in(api, "decode")
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    cut = ask(own_server, **SHORT, timeout=0.5)
    assert cut.status_code == 504
    assert in_time(time.monotonic() - began, 0.5)
    with own_server.http() as http:
        assert http.get("/health/ready").status_code == 200
        until(lambda: http.get("/health/ready").status_code == 503)
        assert "tiny has not let go" in http.get("/health/ready").text
        assert http.get("/health/live").status_code == 200
    neighbour.join(10)
    assert in_time(time.monotonic() - began, 4.5)
    until(lambda: not alive(pid))
    failed = answers["neighbour"]
    assert (failed.status_code, failed.json()["error"]["code"]) == (503, "runner_failed")
    assert "stuck" in failed.json()["error"]["message"]
    with own_server.http() as http:
        assert http.get("/health/ready").status_code == 200
    assert ask(own_server, **SHORT).status_code == 200
    assert own_server.logged(cut.headers["x-request-id"])["stop_latency_ms"] is None
    assert own_server.logged(failed.headers["x-request-id"])["status"] == "error"


def test_a_full_queue_is_a_429_that_says_when_to_come_back(own_server: Server) -> None:
    own_server.rows("UPDATE settings_app_serving SET max_queued = 2")
    with streaming(own_server, 32), own_server.api() as api:
        waiting = [Asking(own_server, **SHORT) for _ in range(2)]
        until(lambda: queued(api) == 2)
        refused = ask(own_server, **SHORT)
    assert [asking.answer.status_code for asking in waiting] == [200, 200]
    error = refused.json()["error"]
    assert (refused.status_code, error["type"], error["code"]) == (429, "rate_limit_error", "queue_full")
    assert refused.headers["x-should-retry"] == "true"
    assert int(refused.headers["retry-after"]) >= 1
    assert own_server.logged(refused.headers["x-request-id"])["status"] == "rejected"


def test_what_cannot_be_done_in_time_is_told_at_once(own_server: Server) -> None:
    """Twenty wait, a row took about a second of late, 32 run at once: 0.6 s, and this one has 0.2."""
    with streaming(own_server, 32), own_server.api() as api:
        waiting = [Asking(own_server, **SHORT) for _ in range(20)]
        until(lambda: queued(api) == 20)
        refused = ask(own_server, **SHORT, timeout=0.2)
        assert ask(own_server, **SHORT, timeout=2).json()["error"]["code"] == "deadline_exceeded"
    assert [asking.answer.status_code for asking in waiting] == [200] * 20
    error = refused.json()["error"]
    assert (refused.status_code, error["type"], error["code"]) == (
        503,
        "overloaded_error",
        "deadline_unattainable",
    )
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["x-should-retry"] == "true"


def test_a_body_that_does_not_come_is_a_408(own_server: Server) -> None:
    own_server.set_timeouts(chat_seconds=0.5)
    host, port = own_server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as slow:
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{"
        slow.sendall(head.encode())
        began = time.monotonic()
        answer = slow.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 408 ")
    assert '"body_too_late"' in answer
    assert "x-mlx-deadline-seconds: 0.5\r\nx-mlx-deadline-source: endpoint" in answer
    assert in_time(time.monotonic() - began, 0.4)  # its clock runs since before it was looked at here
    row = own_server.logged(answer.split("x-request-id: ")[1].split()[0])
    assert (row["status"], row["http_status"], row["error_code"]) == ("rejected", 408, "body_too_late")


def test_a_client_that_leaves_before_its_body_was_there_has_a_row(own_server: Server) -> None:
    host, port = own_server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as gone:
        gone.sendall(b"POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
    query = "SELECT * FROM settings_app_requestlog WHERE endpoint = '/v1/embeddings'"
    until(lambda: own_server.rows(query))
    (row,) = own_server.rows(query)
    assert (row["status"], row["http_status"]) == ("client_closed", None)


def test_a_stopping_server_tells_its_streams_why(own_server: Server) -> None:
    with (
        planted(own_server) as afar,
        streaming(own_server, 1) as (answer,),
        unread(own_server, {}, "/v1/embeddings", share=0.5),
        one_that_reads_nothing(own_server, afar),
    ):
        stopper = threading.Thread(target=own_server.stop)
        stopper.start()
        os.kill(own_server.runner_pids()[0], signal.SIGSTOP)  # else it might be done in time
        *_, error, done = [line for line in answer.lines if line]  # type: ignore[attr-defined]
        stopper.join()
    assert '"draining"' in error
    assert done == "data: [DONE]"
    query = "SELECT * FROM settings_app_requestlog WHERE streamed OR endpoint = '/v1/embeddings'"
    rows = own_server.rows(
        query
    )  # and of the one whose body was still to come, and of the one that is not read
    assert [(row["status"], row["error_code"]) for row in rows] == [("rejected", "draining")] * 3


def queued(api: httpx2.Client) -> int:
    return sum(call["phase"] == "queue" for call in running(api))


@contextmanager
def one_that_reads_nothing(server: Server, afar: Provider) -> Iterator[None]:
    """Its answer is being sent, and will be until somebody ends that."""
    afar.events = [OpenAI().piece({"content": "." * 2**18})] * 400
    rule(server, afar, "afar")
    with unread(server, {**LONG, "model": "afar", "stream": True}), server.api() as api:
        until(lambda: any(call["phase"] == "cloud" and call["completion_tokens"] for call in running(api)))
        yield
