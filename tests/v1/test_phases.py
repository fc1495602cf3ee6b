"""Deadlines and departures in every phase: the place is freed, and the log says what happened and when."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import FLOOR, warm
from tests.running.in_flight import Asking, one_in, running
from tests.server import Server, environment, frozen, manage, serving
from tests.v1.asking import BATCH_ROWS, LONG, LONG_PROMPT, SHORT, ask, streaming, unread
from tests.waiting import in_time, until


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


@pytest.mark.parametrize("stream", [False, True])
def test_a_deadline_in_the_queue_behind_a_full_batch(server: Server, stream: bool) -> None:
    """Trap 4: nothing ever happens to this request but its deadline."""
    with streaming(server, BATCH_ROWS):
        began = time.monotonic()
        answer = ask(server, **SHORT, timeout=0.5, stream=stream)
        took = time.monotonic() - began
    row = server.logged(answer.headers["x-request-id"])
    assert (answer.status_code, answer.json()["error"]["phase"]) == (504, "queue")
    assert in_time(took, 0.5)
    assert (row["status"], row["phase"], row["http_status"], row["streamed"]) == (
        "timeout",
        "queue",
        504,
        stream,
    )
    assert in_time(row["queue_ms"] / 1000, 0.45)
    assert row["stop_latency_ms"] is not None


@pytest.mark.parametrize("stream", [False, True])
def test_a_deadline_in_prefill_and_what_was_computed_is_kept(server: Server, stream: bool) -> None:
    body = _novel(LONG_PROMPT, stream)
    cut = ask(server, **body, stream=stream, timeout=0.5)
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
    assert in_time(row["load_ms"] / 1000, 0.15)  # it starts when there is room, a moment after it came


def test_a_models_own_limit_holds_in_load_too(cold_server: Server) -> None:
    """Which model it is, and so its limit, is known after the request began to be waited for."""
    cold_server.rows("UPDATE settings_app_localmodel SET deadline_seconds = 0.3")
    cut = ask(cold_server, **LONG)
    row = cold_server.logged(cut.headers["x-request-id"])
    assert (cut.status_code, row["phase"], row["deadline_source"]) == (504, "load", "model")
    assert in_time(row["load_ms"] / 1000, 0.15)  # it starts when there is room, a moment after it came


def test_a_load_that_nobody_waits_for_is_given_up(cold_server: Server) -> None:
    ask(cold_server, **LONG, timeout=0.3)
    until(cold_server.runner_pids)
    (pid,) = cold_server.runner_pids()
    with frozen(pid):  # else it would be loaded before
        until(lambda: not cold_server.runner_pids())
    assert ask(cold_server, **SHORT).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("phase", ["queue", "prefill", "decode"])
def test_a_client_that_leaves_in_any_phase(server: Server, phase: str, stream: bool) -> None:
    """Trap 10."""
    body = {"queue": SHORT, "prefill": _novel(LONG_PROMPT), "decode": LONG}[phase]
    with streaming(server, BATCH_ROWS if phase == "queue" else 0), server.api() as api:
        with unread(server, {**body, "stream": stream}):
            found = one_in(api, phase)
            while stream and phase == "decode" and not found["completion_tokens"]:
                found = one_in(api, phase)
        row = server.logged(found["id"])
    assert (row["status"], row["phase"], row["streamed"]) == ("client_closed", phase, stream)
    assert row["http_status"] == (200 if stream and phase == "decode" else None)
    assert row["stop_latency_ms"] is not None
    assert server.rows_held() == 0


def test_clients_that_leave_in_the_moment_of_a_token_leave_too(server: Server) -> None:
    """Python 3.11's wait_for can swallow a cancellation that comes together with an item."""
    for _ in range(4):
        with streaming(server, BATCH_ROWS):
            pass
        assert server.rows_held() == 0


def test_a_client_that_leaves_during_the_load(cold_server: Server) -> None:
    for stream in (False, True):
        _leave(cold_server, 0.4, **LONG, stream=stream)
    rows = [_closed_row(cold_server, -1), _closed_row(cold_server, 1)]
    assert {row["phase"] for row in rows} == {"load"}
    assert ask(cold_server, **SHORT).status_code == 200


@pytest.fixture(scope="module")
def silence(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> dict[str, httpx2.Response]:
    """A whole answer, and a stream for each kind of keep-alive, of a runner that does nothing for 11 s.

    The last two have a deadline then.
    """
    home = tmp_path_factory.mktemp("silence")
    manage(environment(home, **FLOOR), "add_model", "tiny", str(tiny_model))
    with serving(home, **FLOOR) as server, server.api() as api:
        warm(server)
        (pid,) = server.runner_pids()
        with frozen(pid):
            asked = {"whole": Asking(server, **SHORT)}
            for keep_alive, seconds in (("comment", 900), ("chunk", 11), ("off", 11)):
                server.rows("UPDATE settings_app_serving SET keep_alive = ?", keep_alive)
                asked[keep_alive] = Asking(server, **SHORT, stream=True, timeout=seconds)
                until(lambda: len(running(api)) == len(asked))
            answers = {keep_alive: asked[keep_alive].answer for keep_alive in ("chunk", "off")}
            assert api.get("/health/live").status_code == 200
        return {name: answers.get(name) or one.answer for name, one in asked.items()}


def said(answer: httpx2.Response) -> list[str]:
    return [line for line in answer.text.splitlines() if line]


def test_silence_before_the_first_token_is_no_end(silence: dict[str, httpx2.Response]) -> None:
    """Trap 12: no second cap in front of the stored value; the stream is kept alive meanwhile."""
    assert silence["whole"].status_code == silence["comment"].status_code == 200
    lines = said(silence["comment"])
    assert (lines[0], lines[-1]) == (": keep-alive", "data: [DONE]")
    assert not any("error" in line for line in lines)


def test_keep_alives_can_be_empty_chunks_or_off(silence: dict[str, httpx2.Response]) -> None:
    for keep_alive in ("chunk", "off"):
        assert silence[keep_alive].status_code == 200
        *before, error, done = said(silence[keep_alive])
        assert ['"delta":{"content":""}' in line for line in before] == [True] * (keep_alive == "chunk")
        assert '"deadline_exceeded"' in error
        assert done == "data: [DONE]"


def _leave(server: Server, after: float, **body: Any) -> None:
    with pytest.raises(httpx2.ReadTimeout):
        ask(server, patience=after, **body)


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
