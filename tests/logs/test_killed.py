"""A server that is killed, or told to stop while its log is written: each request has its row, and no two."""

import asyncio
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.db import OperationalError

from inference import request_log
from settings_app.models import RequestLog
from tests.conftest import FLOOR, warm
from tests.logs.seeded import row
from tests.protocols import OpenAI
from tests.server import Server, environment, frozen, manage, serving
from tests.v1.asking import CHAT, LONG, LONG_PROMPT, SHORT, ask, unread
from tests.v1.routed import planted, rule
from tests.waiting import until

EMBEDDINGS = "/v1/embeddings"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    home = tmp_path_factory.mktemp("killed")
    for name in ("tiny", "other"):
        manage(environment(home, **FLOOR), "add_model", name, str(tiny_model))
    return home


def phases(api: httpx2.Client) -> dict[str, str]:
    """Of what runs, by id."""
    found = api.get("/api/requests/running").raise_for_status().json()["running"]
    return {call["id"]: call["phase"] for call in found}


def wait_for(api: httpx2.Client, phase: str) -> None:
    until(lambda: phase in phases(api).values())


@contextmanager
def one_in_each_phase(server: Server, api: httpx2.Client) -> Iterator[None]:
    """And one whose body is still to come. Both models stand still."""
    with ExitStack() as stack:

        def begin(phase: str, path: str = CHAT, share: float = 1, **body: Any) -> None:
            stack.enter_context(unread(server, {**LONG, "stream": True, **body}, path, share))
            if phase:
                wait_for(api, phase)

        begin("", EMBEDDINGS, share=0.5)
        begin("cloud", model="afar")
        begin("decode")
        pids = server.runner_pids()
        begin("load", model="other")
        until(lambda: len(server.runner_pids()) == 2)
        stack.enter_context(frozen(next(pid for pid in server.runner_pids() if pid not in pids)))
        begin("prefill", messages=LONG_PROMPT["messages"])
        stack.enter_context(frozen(pids[0]))
        yield


def test_a_kill_in_any_phase_leaves_one_row_for_each(home: Path) -> None:
    with serving(home, **FLOOR) as server, planted(server) as afar, server.api() as api:
        warm(server)
        afar.endless = True
        rule(server, afar, "afar")
        with one_in_each_phase(server, api):
            done = ask(server, EMBEDDINGS, model="nobody", input="x").headers["x-request-id"]
            ran = phases(api)
            server.stop(signal.SIGKILL)
    assert set(ran.values()) >= {"load", "prefill", "decode", "cloud"}
    with serving(home, **FLOOR) as server:
        rows = Counter(server.logged(id)["status"] for id in ran)
        assert rows == {"interrupted": len(ran)}
        assert server.logged(done)["status"] in (
            "rejected",
            "interrupted",
        )  # which, if it was still to be written
        (half,) = server.rows(
            "SELECT * FROM settings_app_requestlog WHERE endpoint = ? AND request_id != ?", EMBEDDINGS, done
        )
        assert (half["status"], half["model"], half["phase"]) == ("interrupted", "", "")
        assert list(home.glob("in_flight.*")) != []  # its own
    assert list(home.glob("in_flight.*")) == []


def test_a_server_that_stops_while_its_log_is_written_loses_and_doubles_no_row(home: Path) -> None:
    """Another process holds the database, so that the writer is at work."""
    answered: list[str] = []
    with serving(home, **FLOOR) as server:
        database = sqlite3.connect(home / "db.sqlite3", isolation_level=None, check_same_thread=False)

        def ask_on() -> None:
            with server.http() as http, suppress(httpx2.HTTPError):
                while True:
                    body = {**SHORT, "model": "nobody"}
                    answered.append(http.post(CHAT, json=body).headers["x-request-id"])

        asking = [threading.Thread(target=ask_on) for _ in range(4)]
        database.execute("BEGIN IMMEDIATE")
        for thread in asking:
            thread.start()
        until(lambda: len(answered) > 300)
        server.process.send_signal(signal.SIGTERM)
        for thread in asking:
            thread.join()
        database.execute("ROLLBACK")
        assert server.process.wait(30) == 0
        database.close()
        logged = Counter(
            row["request_id"] for row in server.rows("SELECT request_id FROM settings_app_requestlog")
        )
    assert set(answered) <= set(logged)
    assert set(logged.values()) == {1}
    assert list(home.glob("in_flight.*")) == []


def test_a_target_that_lets_go_only_after_the_deadline_makes_no_second_row(
    tmp_path: Path, tiny_model: Path
) -> None:
    """The provider was asked after it, and has used up the time; the client reads nothing, and leaves at last."""
    manage(environment(tmp_path, **FLOOR), "add_model", "tiny", str(tiny_model))
    with serving(tmp_path, **FLOOR) as server, planted(server) as afar, server.api() as api:
        warm(server)
        afar.events = [OpenAI().piece({"content": "." * 2**18})] * 400
        later = {"provider": afar.id, "target_model": "large", "causes": ["timeout"], "after_seconds": 0.4}
        wanted = {"pattern": "here-first", "provider": None, "target_model": "tiny", "fallbacks": [later]}
        api.post("/api/settings/rules", json=wanted).raise_for_status()
        with ExitStack() as stack:
            with frozen(server.runner_pids()[0]):
                asked = {**LONG, "model": "here-first", "stream": True, "timeout": 1}
                stack.enter_context(unread(server, asked))
                assert afar.left.wait(10)
            assert ask(server, **SHORT).status_code == 200  # it has read what it was told before
            (id,) = phases(api)
        row = server.logged(id)
        assert (row["status"], row["phase"], row["backend"]) == ("timeout", "cloud", "Afar")
        assert row["fell_back"] == "local tiny: did not begin in time"
        assert row["stop_latency_ms"] is not None
        server.logged(
            ask(server, **{**SHORT, "model": "nobody"}).headers["x-request-id"]
        )  # and what came before it
        assert not any("cannot be written" in line for line in server.lines)


def test_a_writer_that_is_told_to_end_ends_and_keeps_what_could_not_be_written(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    is_writing, may_fail = threading.Event(), threading.Event()
    written: list[str] = []

    def fail(batch: list[RequestLog]) -> list[RequestLog]:
        is_writing.set()
        may_fail.wait(10)
        raise OperationalError("database is locked")

    def write(batch: list[RequestLog]) -> list[RequestLog]:
        written.extend(row.request_id for row in batch)
        return []

    async def end() -> None:
        writer = request_log.Writer()
        monkeypatch.setattr(request_log, "_write_interrupted", lambda: 0)
        monkeypatch.setattr(request_log, "write_batch", fail)
        writer.put(row(1))
        task = asyncio.create_task(writer.write_forever())
        await asyncio.to_thread(is_writing.wait, 10)
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()
        monkeypatch.setattr(request_log, "write_batch", write)
        may_fail.set()
        await writer.flush()

    asyncio.run(end())
    assert written == [row(1).request_id]
    assert "it is tried again" in caplog.text
