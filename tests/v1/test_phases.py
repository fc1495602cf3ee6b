"""Deadlines and departures in every phase: the place is freed, and the log says what happened and when."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import FLOOR, warm
from tests.server import Server, environment, manage, serving
from tests.v1.asking import BATCH_ROWS, CHAT, LONG, LONG_PROMPT, SHORT, ask, streaming


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The runner does nothing, as if its step did not come back."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
def cold_server(tmp_path: Path, tiny_model: Path) -> Iterator[Server]:
    manage(environment(tmp_path, **FLOOR), "add_model", "tiny", str(tiny_model))
    with serving(tmp_path, **FLOOR) as server:
        yield server


def _novel(body: dict[str, Any], *words: object) -> dict[str, Any]:
    """With another beginning of its prompt, so that nothing of it is in the prompt cache."""
    (message,) = body["messages"]
    said = f"{words} {time.monotonic()} {message['content']}"
    return {**body, "messages": [{**message, "content": said}]}


def _prefill_seconds(server: Server) -> float:
    """The least that LONG_PROMPT takes: at first the runner does not know how fast the machine is."""
    asked = [ask(server, **_novel(LONG_PROMPT)).headers["x-request-id"] for _ in range(3)]
    return float(min(server.logged(request_id)["prefill_ms"] for request_id in asked) / 1000)


@pytest.mark.parametrize("stream", [False, True])
def test_a_deadline_in_the_queue_behind_a_full_batch(server: Server, stream: bool) -> None:
    """Trap 4: nothing ever happens to this request but its deadline."""
    with streaming(server, BATCH_ROWS):
        began = time.monotonic()
        answer = ask(server, **SHORT, timeout=0.5, stream=stream)
        took = time.monotonic() - began
    row = server.logged(answer.headers["x-request-id"])
    assert (answer.status_code, answer.json()["error"]["phase"]) == (504, "queue")
    assert 0.5 <= took < 1
    assert (row["status"], row["phase"], row["http_status"], row["streamed"]) == (
        "timeout",
        "queue",
        504,
        stream,
    )
    assert row["queue_ms"] == pytest.approx(500, abs=60)
    assert row["stop_latency_ms"] is not None


@pytest.mark.parametrize("stream", [False, True])
def test_a_deadline_in_prefill_and_what_was_computed_is_kept(server: Server, stream: bool) -> None:
    body = _novel(LONG_PROMPT, stream)
    prefill = _prefill_seconds(server)
    cut = ask(server, **body, stream=stream, timeout=prefill * 0.7)
    row = server.logged(cut.headers["x-request-id"])
    assert (cut.status_code, cut.json()["error"]["phase"]) == (504, "prefill")
    assert (row["status"], row["phase"], row["completion_tokens"]) == ("timeout", "prefill", 0)
    again = ask(server, **body)
    assert again.json()["usage"]["prompt_tokens_details"]["cached_tokens"] >= 256
    assert server.logged(again.headers["x-request-id"])["cached_tokens"] >= 256


def test_a_deadline_in_load_is_one_too(cold_server: Server) -> None:
    cut = ask(cold_server, **LONG, timeout=0.3)
    row = cold_server.logged(cut.headers["x-request-id"])
    assert (row["status"], row["phase"], row["stop_latency_ms"]) == ("timeout", "load", None)
    assert row["load_ms"] == pytest.approx(300, abs=150)


def test_a_models_own_limit_holds_in_load_too(cold_server: Server) -> None:
    """Which model it is, and so its limit, is known after the request began to be waited for."""
    cold_server.rows("UPDATE settings_app_localmodel SET deadline_seconds = 0.3")
    cut = ask(cold_server, **LONG)
    row = cold_server.logged(cut.headers["x-request-id"])
    assert (cut.status_code, row["phase"], row["deadline_source"]) == (504, "load", "model")
    assert row["load_ms"] == pytest.approx(300, abs=150)


def test_a_load_that_nobody_waits_for_is_given_up(cold_server: Server) -> None:
    ask(cold_server, **LONG, timeout=0.3)
    (pid,) = cold_server.runner_pids()
    with frozen(pid):  # else it would be loaded before
        ends = time.monotonic() + 10
        while cold_server.runner_pids() and time.monotonic() < ends:
            time.sleep(0.1)
        assert cold_server.runner_pids() == []
    assert ask(cold_server, **SHORT).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("phase", ["queue", "prefill", "decode"])
def test_a_client_that_leaves_in_any_phase(server: Server, phase: str, stream: bool) -> None:
    """Trap 10."""
    before = _last_id(server)
    if phase == "queue":
        with streaming(server, BATCH_ROWS):
            _leave(server, 0.3, **SHORT, stream=stream)
            row = _closed_row(server, before)
    elif phase == "prefill":
        prefill = _prefill_seconds(server)
        _leave(server, prefill * 0.6, **_novel(LONG_PROMPT), stream=stream)
        row = _closed_row(server, before)
    elif stream:
        with streaming(server, 1):
            time.sleep(0.1)
        row = _closed_row(server, before)
    else:
        _leave(server, 0.4, **LONG)
        row = _closed_row(server, before)
    assert (row["phase"], row["streamed"]) == (phase, stream)
    assert row["http_status"] == (200 if stream and phase == "decode" else None)
    assert row["stop_latency_ms"] is not None
    assert server.rows_held() == 0


def test_clients_that_leave_in_the_moment_of_a_token_leave_too(server: Server) -> None:
    """Python 3.11's wait_for can swallow a cancellation that comes together with an item."""
    for _ in range(4):
        with streaming(server, BATCH_ROWS):
            pass
        assert server.rows_held(wait_seconds=3) == 0


def test_a_client_that_leaves_during_the_load(cold_server: Server) -> None:
    for stream in (False, True):
        _leave(cold_server, 0.4, **LONG, stream=stream)
    rows = [_closed_row(cold_server, -1), _closed_row(cold_server, 1)]
    assert {row["phase"] for row in rows} == {"load"}
    assert ask(cold_server, **SHORT).status_code == 200


def test_silence_before_the_first_token_is_no_end(cold_server: Server) -> None:
    """Trap 12: no second cap in front of the stored value; the stream is kept alive meanwhile."""
    warm(cold_server)
    (pid,) = cold_server.runner_pids()
    answers: dict[str, Any] = {}

    def whole() -> None:
        answers["whole"] = ask(cold_server, **SHORT)

    def stream() -> None:
        with cold_server.http() as http, http.stream("POST", CHAT, json={**SHORT, "stream": True}) as answer:
            answers["stream"] = answer.status_code, [line for line in answer.iter_lines() if line]

    threads = [threading.Thread(target=target) for target in (whole, stream)]
    with frozen(pid):
        for thread in threads:
            thread.start()
        threads[0].join(12)
        with cold_server.http() as http:
            assert http.get("/health/live").status_code == 200
    for thread in threads:
        thread.join(30)
    assert answers["whole"].status_code == 200
    status, lines = answers["stream"]
    assert (status, lines[0], lines[-1]) == (200, ": keep-alive", "data: [DONE]")
    assert not any("error" in line for line in lines)


def test_keep_alives_can_be_empty_chunks_or_off(cold_server: Server) -> None:
    warm(cold_server)
    (pid,) = cold_server.runner_pids()
    expected = '"delta":{"content":""}'
    for keep_alive in ("chunk", "off"):
        cold_server.rows("UPDATE settings_app_serving SET keep_alive = ?", keep_alive)
        body = {**SHORT, "stream": True, "timeout": 11}
        with frozen(pid), cold_server.http() as http, http.stream("POST", CHAT, json=body) as answer:
            lines = [line for line in answer.iter_lines() if line]
        assert answer.status_code == 200
        *before, error, done = lines
        assert [expected in line for line in before] == ([True] if keep_alive == "chunk" else [])
        assert '"deadline_exceeded"' in error
        assert done == "data: [DONE]"


def _leave(server: Server, after: float, **body: Any) -> None:
    with pytest.raises(httpx2.ReadTimeout):
        ask(server, patience=after, **body)


def _last_id(server: Server) -> int:
    time.sleep(0.5)  # rows of the test before this one
    return int(server.rows("SELECT COALESCE(MAX(id), 0) AS id FROM settings_app_requestlog")[0]["id"])


def _closed_row(server: Server, after: int) -> dict[str, Any]:
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        if rows := server.rows(
            "SELECT * FROM settings_app_requestlog WHERE id > ? AND status = 'client_closed' ORDER BY id",
            after,
        ):
            return rows[0]
        time.sleep(0.05)
    raise AssertionError("no row says client_closed")
