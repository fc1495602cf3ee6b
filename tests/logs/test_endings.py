"""One row for each request, also when the server is stopped or killed, or more come than can be written."""

import asyncio
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from inference import journal, metrics, request_log
from inference.journal import Journal, left_behind
from settings_app.models import RequestLog
from tests.conftest import FLOOR, warm
from tests.logs.seeded import row
from tests.server import Server, environment, manage, serving
from tests.v1.asking import CHAT, LONG, SHORT, ask
from tests.v1.signed_in import SignedIn
from tests.waiting import until

STREAM = {**LONG, "stream": True}
SECRETS = ("sesame-prompt", "sesame-header")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    home = tmp_path_factory.mktemp("endings")
    manage(environment(home, **FLOOR), "add_model", "tiny", str(tiny_model))
    return home


def stopped_in_a_stream(home: Path, how: signal.Signals) -> tuple[Server, str, str]:
    """A server that ended while a request ran, the id of one that was over just before, and of that one."""
    with serving(home, **FLOOR) as server:
        warm(server)
        key = server.manage("create_api_key", f"k{how}").stdout.splitlines()[-1]
        body = {**STREAM, "messages": [{"role": "user", "content": SECRETS[0]}]}
        headers = {"authorization": f"Bearer {key}", "x-secret": SECRETS[1]}
        with (
            server.http(headers=headers) as http,
            http.stream("POST", "/v1/chat/completions", json=body) as answer,
        ):
            lines = answer.iter_lines()  # kept: it leaves when it is forgotten
            next(lines)
            done = ask(server, **SHORT).headers["x-request-id"]  # perhaps not yet written
            (file,) = home.glob("in_flight.*")
            held = file.read_bytes()
            assert answer.headers["x-request-id"].encode() in held
            assert not any(secret.encode() in held for secret in (*SECRETS, key))
            server.stop(how)
        return server, done, answer.headers["x-request-id"]


def test_what_ran_when_the_server_was_killed_is_interrupted_on_the_next_start(home: Path) -> None:
    _, done, running = stopped_in_a_stream(home, signal.SIGKILL)
    with serving(home, **FLOOR) as server:
        row = server.logged(running)
        assert (row["status"], row["error_code"], row["http_status"]) == ("interrupted", "interrupted", None)
        assert (row["model"], row["streamed"], row["api_key"], row["deadline_seconds"]) == (
            "tiny",
            1,
            f"k{signal.SIGKILL}",
            900,
        )
        assert server.logged(done)["status"] in (
            "ok",
            "interrupted",
        )  # which, if its row was still to be written
        assert any("interrupted when the server before was killed" in line for line in server.lines)
        with server.api() as api:
            (told,) = api.get("/api/requests", params={"status": "interrupted", "text": running}).json()[
                "requests"
            ]
        assert told["id"] == running
    assert list(home.glob("in_flight.*")) == []
    with serving(home, **FLOOR) as server:
        assert not any("interrupted when" in line for line in server.lines)
        stop_with_a_live_view(server)


def stop_with_a_live_view(server: Server) -> None:
    """It ends with the server, and does not hold it up."""
    with server.http() as http:
        SignedIn(server, http)
        with http.stream("GET", "/settings/logs/live/?after=0") as stream:
            lines = stream.iter_lines()  # kept: it leaves when it is forgotten
            next(lines)
            began = time.monotonic()
            server.stop()
            assert time.monotonic() - began < 6  # what is not told to end is cut after 10 s


def test_what_ran_when_the_server_was_stopped_is_written_at_the_end(home: Path) -> None:
    server, done, running = stopped_in_a_stream(home, signal.SIGTERM)
    assert (
        server.logged(running)["status"] != "interrupted"
    )  # it may have come to its end while it was waited for
    assert server.logged(done)["status"] == "ok"
    assert list(home.glob("in_flight.*")) == []


def test_a_journal_holds_what_has_begun_and_not_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Journal(tmp_path, "a")
    for number in range(journal.SLOTS + 10):
        kept.begin(f"r{number}", {"n": number})
    assert left_behind(tmp_path) == []  # it is in use
    for number in range(2, journal.SLOTS + 10):
        kept.end(f"r{number}")
    kept.begin("again", {"n": 7})
    kept.begin("too long", {"n": "x" * journal.SLOT_BYTES})
    assert "more than a slot takes" in caplog.text
    kept.close()
    ((path, entries),) = left_behind(tmp_path)
    assert sorted(entry["n"] for entry in entries) == [0, 1, 7]
    assert path.stat().st_mode & 0o077 == 0


def test_the_longest_names_leave_a_trace(tmp_path: Path) -> None:
    lengths = {"model": 200, "served_model": 200, "backend": 80, "api_key": 80}
    told = {name: "\x01" * length for name, length in lengths.items()}  # six bytes each
    kept = Journal(tmp_path, "a")
    kept.begin(
        "r", {**told, "endpoint": "/" * 40, "request_id": "r" * 40, "at": "2026-01-01T00:00:00.000000Z"}
    )
    kept.close()
    ((_, (entry,)),) = left_behind(tmp_path)
    assert entry["served_model"] == told["served_model"]


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """As on a disk that is full from there on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 7])  # the last slot: not at all, or a part of it
def test_on_a_full_disk_requests_go_on_without_a_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, room: int
) -> None:
    kept = Journal(tmp_path, "a")
    with files_end_at(2 * journal.SLOT_BYTES + room):
        for number in range(4):
            kept.begin(f"r{number}", {"n": number})
        kept.end("r1")
        kept.end("r3")  # which left none
    assert caplog.text.count("a kill may leave requests out of the log") == 1
    kept.begin("later", {"n": 7})
    kept.close()
    ((_, entries),) = left_behind(tmp_path)
    assert sorted(entry["n"] for entry in entries) == [0, 7]


def test_without_a_place_for_a_journal_the_server_starts(
    writer: request_log.Writer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer.open_journal(tmp_path / "missing")
    assert "leaves no trace" in caplog.text
    with files_end_at(journal.SLOT_BYTES):
        writer.open_journal(tmp_path)
    assert caplog.text.count("leaves no trace") == 2
    writer.close_journal()


def is_gone(server: Server, id: str) -> bool:
    return not server.rows("SELECT 1 FROM settings_app_requestlog WHERE request_id = ?", id)


LOWERED = """
import os, runpy, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "mlx_manager.settings"
import django
django.setup()
from inference import retention
retention.DAY_SECONDS = 0.5
sys.argv = sys.argv[2:]
runpy.run_path("manage.py", run_name="__main__")
"""


def test_what_grows_too_old_is_deleted_day_after_day(tmp_path: Path) -> None:
    """With days of half a second: nothing is changed, and the server is not started anew."""
    with serving(tmp_path, before=[sys.executable, "-c", LOWERED], **FLOOR) as server:
        for _ in range(2):
            old, new = (ask(server, **{**SHORT, "model": "nobody"}).headers["x-request-id"] for _ in range(2))
            for id in (old, new):
                server.logged(id)
            server.rows(
                "UPDATE settings_app_requestlog SET at = '2020-01-01 00:00:00' WHERE request_id = ?", old
            )
            until(partial(is_gone, server, old))
            server.logged(new)


@pytest.fixture
def writer() -> Iterator[request_log.Writer]:
    yield request_log.Writer()


def test_a_full_queue_drops_the_oldest_and_says_how_many(
    writer: request_log.Writer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, db: None
) -> None:
    monkeypatch.setattr(request_log, "MOST_WAITING", 3)
    for number in range(5):
        writer.put(row(number))
    written: list[str] = []

    def write(batch: list[RequestLog]) -> list[RequestLog]:
        written.extend(row.request_id for row in batch)
        return []

    monkeypatch.setattr(request_log, "write_batch", write)
    asyncio.run(writer.flush())
    assert written == [row(number).request_id for number in (2, 3, 4)]
    assert writer.dropped == 2
    assert "2 requests are missing in the log" in caplog.text


def test_a_row_that_cannot_be_written_does_not_hold_up_the_others(
    db: None, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [row(1), row(2, model="\ud800"), row(3)]
    assert request_log.write_batch(rows) == [rows[1]]
    assert f"{rows[1].request_id} cannot be written" in caplog.text


def test_what_is_tried_again_is_not_there_already(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up while the rows of a batch are written one by one, for one of them cannot be."""
    rows = [row(1), row(2, model="\ud800"), row(3)]
    save = RequestLog.save

    def fail_at_the_last(self: RequestLog, **options: Any) -> None:
        if self is rows[-1]:
            raise OperationalError("database or disk is full")
        save(self, **options)

    with monkeypatch.context() as full, pytest.raises(OperationalError):
        full.setattr(RequestLog, "save", fail_at_the_last)
        request_log.write_batch(rows)
    assert request_log.write_batch(rows) == [rows[1]]
    assert set(RequestLog.objects.values_list("request_id", flat=True)) == {
        rows[0].request_id,
        rows[2].request_id,
    }


def test_a_trace_that_cannot_be_read_holds_up_no_other(
    db: None, tmp_path: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A server of another version, with other columns, was killed."""
    settings.HOME = tmp_path
    good = {"endpoint": CHAT, "model": "tiny", "api_key": "", "streamed": False, "at": "2026-01-01T00:00:00Z"}
    kept = Journal(tmp_path, "a")
    traces: dict[str, dict[str, Any]] = {"r1": {"no_such_column": 1}, "r2": {}, "r3": {"at": "soon"}}
    for id, told in traces.items():
        kept.begin(id, {**good, "request_id": id, **told})
    kept.begin("r4", {})
    kept.close()
    assert request_log._write_interrupted() == 1
    assert [row.request_id for row in RequestLog.objects.all()] == ["r2"]
    assert caplog.text.count("cannot be read back") == 3
    assert list(tmp_path.glob("in_flight.*")) == []


def test_a_row_that_cannot_be_counted_is_written_all_the_same(
    writer: request_log.Writer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(row: RequestLog) -> None:
        raise ValueError

    monkeypatch.setattr(metrics, "count", refuse)
    writer.put(row(1))
    assert [waiting.request_id for waiting in writer._waiting] == [row(1).request_id]
    assert "is missing in the metrics" in caplog.text
