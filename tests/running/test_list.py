"""What is in flight is told alike by the API and the command, which also say what they cannot do, and to whom."""

import time
from pathlib import Path

import httpx2
import pytest

from tests.provider import Provider
from tests.running.in_flight import RUNNING, cancel, extend, running
from tests.server import Server, environment, manage
from tests.v1.asking import CHAT, LONG, SHORT, ask, streaming


def test_one_that_has_ended_is_not_found_and_strangers_learn_nothing(
    server: Server, api: httpx2.Client
) -> None:
    ended = ask(server, **SHORT).headers["x-request-id"]
    for answer in (cancel(api, ended), extend(api, ended), cancel(api, "req_nobody")):
        assert answer.status_code == 404
        assert "is running: it has ended, or there was none" in answer.json()["detail"]
    assert server.logged(ended)["status"] == "ok"
    with server.http() as stranger:
        assert stranger.get(RUNNING).status_code == 401
        assert stranger.post(f"/api/requests/{ended}/cancel").status_code == 401
        assert stranger.get("/settings/running/live/").status_code == 302


def test_what_runs_is_told_as_it_is(server: Server, api: httpx2.Client) -> None:
    key = server.manage("create_api_key", "laptop-that-runs").stdout.splitlines()[-1]
    assert running(api) == []
    with server.http(headers={"authorization": f"Bearer {key}"}) as http:
        body = {**LONG, "stream": True}
        with http.stream("POST", CHAT, json=body) as answer:
            lines = answer.iter_lines()
            next(lines)
            (found,) = running(api)
            assert found["id"] == answer.headers["x-request-id"]
            wanted = {
                "endpoint": CHAT,
                "model": "tiny",
                "served_model": "tiny",
                "backend": "local",
                "api_key": "laptop-that-runs",
                "streamed": True,
                "phase": "decode",
                "deadline_seconds": 900,
                "deadline_source": "endpoint",
                "cancelled": False,
            }
            assert {name: found[name] for name in wanted} == wanted
            assert found["prompt_tokens"] > 0
            assert found["remaining_seconds"] == pytest.approx(900 - found["elapsed_seconds"])
            time.sleep(0.2)
            for _ in range(5):
                next(lines)
            (later,) = running(api)
            assert later["completion_tokens"] > found["completion_tokens"]
            assert later["tokens_per_second"] > 1


def test_the_command_lists_cancels_and_extends_from_another_process(
    server: Server, api: httpx2.Client, afar: Provider
) -> None:
    afar.endless = True
    with streaming(server, 2, model="afar") as (one, other):
        first, second = (answer.headers["x-request-id"] for answer in (one, other))
        head, *rows = server.manage("running").stdout.splitlines()
        assert head.split() == [
            "ID", "PHASE", "MODEL", "BACKEND", "KEY", "TOKENS", "TOKENS/S", "ELAPSED", "LEFT",
        ]  # fmt: skip
        assert [row.split()[:5] for row in rows] == [
            [id, "cloud", "afar", "Afar", "-"] for id in (first, second)
        ]
        said = server.manage("running", "--extend", first, "2m").stdout
        assert said.startswith(f"{first} may take 1020 s in all now, ")
        beyond = server.manage("running", "--extend", first, "7000", check=False)
        assert (beyond.returncode, "enter 6180 seconds at most" in beyond.stderr) == (1, True)
        assert server.manage("running", "--cancel", second).stdout == f"{second} is cancelled.\n"
        assert "cancelled" in [line for line in other.lines if line][-2]  # type: ignore[attr-defined]
        assert [found["deadline_seconds"] for found in running(api)] == [1020]
    assert server.rows("SELECT * FROM settings_app_runningorder") == []
    assert server.manage("running").stdout == "No request is running.\n"


def test_with_no_server_the_command_says_so(tmp_path: Path) -> None:
    ended = manage(environment(tmp_path), "running", check=False)
    assert (ended.returncode, "No server answered" in ended.stderr) == (1, True)


def test_who_cancelled_or_extended_stands_in_the_servers_log(server: Server, api: httpx2.Client) -> None:
    with streaming(server, 1):
        (found,) = running(api)
        extend(api, found["id"])
        cancel(api, found["id"])
    told = [line for line in server.lines if found["id"] in line]
    assert any(f"{found['id']} is extended by key tests (api), to 960 s in all" in line for line in told)
    assert any(f"{found['id']} is cancelled by key tests (api), during decode" in line for line in told)
