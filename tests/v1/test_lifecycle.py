"""Processes: runners that die, servers that die, and nothing left behind."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FLOOR, warm
from tests.server import Server, alive, environment, manage, serving
from tests.tiny_model import make_tiny_model
from tests.v1.asking import LONG
from tests.waiting import in_time, until


@pytest.fixture
def own_server(tmp_path: Path, tiny_model: Path) -> Iterator[Server]:
    manage(environment(tmp_path, **FLOOR), "add_model", "tiny", str(tiny_model))
    with serving(tmp_path, **FLOOR) as server:
        yield server


def test_a_dead_runner_fails_its_requests_at_once_and_is_started_again(own_server: Server) -> None:
    warm(own_server)
    (pid,) = own_server.runner_pids()
    answers: dict[str, Any] = {}
    streaming = threading.Event()

    def stream() -> None:
        with (
            own_server.http() as http,
            http.stream("POST", "/v1/chat/completions", json={**LONG, "stream": True}) as s,
        ):
            lines = []
            for line in s.iter_lines():
                lines.append(line)
                streaming.set()
        answers["stream"] = [line for line in lines if line], time.monotonic()

    def whole() -> None:
        with own_server.http() as http:
            answers["whole"] = http.post("/v1/chat/completions", json=LONG), time.monotonic()

    threads = [threading.Thread(target=target) for target in (stream, whole)]
    with own_server.api() as api:

        def at_work() -> int:
            models = api.get("/api/models").raise_for_status().json()["models"]
            return sum(int(model["decoding"] + model["prefilling"]) for model in models)

        for thread in threads:
            thread.start()
        until(lambda: at_work() == len(threads))
    assert streaming.wait(20)
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    for thread in threads:
        thread.join(20)

    answer, at = answers["whole"]
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "runner_failed")
    assert answer.headers["x-should-retry"] == "true"
    assert in_time(at - killed, 0)
    (*_, last, done), at = answers["stream"]
    error = json.loads(last.removeprefix("data: "))["error"]
    assert (error["code"], error["partial"], done) == ("runner_failed", True, "data: [DONE]")
    assert in_time(at - killed, 0)

    warm(own_server)
    (again,) = own_server.runner_pids()
    assert again != pid


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_runners_go_with_the_server(own_server: Server, how: signal.Signals) -> None:
    warm(own_server)
    (pid,) = own_server.runner_pids()
    status = own_server.stop(how)
    until(lambda: not alive(pid))
    assert how == signal.SIGKILL or status == 0, own_server.lines
    assert not any("Traceback" in line for line in own_server.lines)


def test_an_open_stream_does_not_block_the_exit(own_server: Server) -> None:
    warm(own_server)
    with (
        own_server.http() as http,
        http.stream("POST", "/v1/chat/completions", json={**LONG, "stream": True}) as s,
    ):
        lines = s.iter_lines()  # kept: it leaves when it is forgotten
        next(lines)
        began = time.monotonic()
        own_server.stop()
        assert time.monotonic() - began < 15


def test_a_folder_that_cannot_be_loaded_is_said_and_can_be_tried_again(
    own_server: Server, tmp_path: Path, tiny_model: Path
) -> None:
    broken = make_tiny_model(tmp_path / "broken")
    config = (broken / "config.json").read_text()
    (broken / "config.json").write_text(config.replace('"llama"', '"nothing_known"'))
    own_server.manage("add_model", "broken", str(broken))
    asked = {**LONG, "model": "broken", "max_tokens": 1}
    with own_server.http() as http:
        failed = http.post("/v1/chat/completions", json=asked)
        assert (failed.status_code, failed.json()["error"]["code"]) == (503, "runner_failed")
        assert "nothing_known" in failed.json()["error"]["message"]
        assert failed.headers["x-should-retry"] == "false"
        (broken / "config.json").write_text(config)
        assert http.post("/v1/chat/completions", json=asked).status_code == 200


def test_a_load_that_outlives_a_deadline_goes_on_for_the_next(own_server: Server) -> None:
    """Trap 5: the deadline fires during a cold load."""
    with own_server.http() as http:
        cut = http.post("/v1/chat/completions", json={**LONG, "timeout": 0.3})
        assert (cut.status_code, cut.json()["error"]["phase"]) == (504, "load")
        assert http.post("/v1/chat/completions", json={**LONG, "max_tokens": 1}).status_code == 200
    assert len(own_server.runner_pids()) == 1


def test_many_cold_requests_share_one_load(own_server: Server) -> None:
    def ask() -> None:
        with own_server.http() as http:
            statuses.append(http.post("/v1/chat/completions", json={**LONG, "max_tokens": 2}).status_code)

    statuses: list[int] = []
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * 8
    assert len([line for line in own_server.lines if "started, process" in line]) == 1


def test_a_name_that_points_to_another_folder_is_served_from_there(
    own_server: Server, tmp_path: Path
) -> None:
    def text() -> str:
        with own_server.http() as http:
            answer = http.post("/v1/chat/completions", json={**LONG, "max_tokens": 8}).json()
        return str(answer["choices"][0]["message"]["content"])

    before = text()
    own_server.manage("add_model", "tiny", str(make_tiny_model(tmp_path / "other", seed=9)))
    assert text() != before


def test_a_port_in_use_is_said(own_server: Server) -> None:
    port = own_server.url.rsplit(":", 1)[1]
    second = own_server.manage("serve", "--port", port, check=False)
    assert second.returncode == 1
    assert f"Cannot serve on 127.0.0.1, port {port}" in second.stderr
    assert "Traceback" not in second.stderr
