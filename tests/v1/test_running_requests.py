"""A new deadline for requests that run already, through every door and from any process."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.running.in_flight import Asking, one_in, running
from tests.server import Server
from tests.v1.asking import LONG, SHORT, streaming
from tests.waiting import until

Door = Callable[[Server, float, bool], int | None]


def by_api(server: Server, seconds: float, running: bool) -> int | None:
    with server.api() as api:
        body = {"chat_seconds": seconds, "apply_to_running": running}
        answer = api.put("/api/settings/timeouts", json=body)
    assert answer.json()["chat_seconds"] == seconds
    changed: int | None = answer.json().get("running_changed")
    return changed


def by_command(server: Server, seconds: float, running: bool) -> int | None:
    printed = server.manage("set_timeout", "chat", str(seconds), *(["--running"] if running else [])).stdout
    last = printed.splitlines()[-1]
    return int(last.rsplit(" ", 1)[1]) if last.startswith("Running requests changed") else None


@pytest.mark.parametrize("door", [by_api, by_command])
def test_shortened_ones_end_and_extended_ones_live_on(server: Server, door: Door) -> None:
    server.set_timeouts(chat_seconds=60)
    with streaming(server, 2) as (one, other):
        assert door(server, 7000, True) == 2
        assert door(server, 0.3, True) == 2
        began = time.monotonic()
        for answer in (one, other):
            *_, error, done = [line for line in answer.lines if line]  # type: ignore[attr-defined]
            assert done == "data: [DONE]"
            assert json.loads(error.removeprefix("data: "))["error"]["deadline_seconds"] == 0.3
        assert time.monotonic() - began < 5, "they had 7000 s before"


def test_an_extended_one_outlives_its_old_deadline(server: Server) -> None:
    server.set_timeouts(chat_seconds=1.5)
    with streaming(server, 1), server.api() as api:
        assert by_api(server, 60, True) == 1
        until(lambda: running(api)[0]["elapsed_seconds"] > 1.6)
        (found,) = running(api)
        until(lambda: running(api)[0]["completion_tokens"] > found["completion_tokens"])


def test_without_being_asked_running_requests_keep_theirs(server: Server) -> None:
    server.set_timeouts(chat_seconds=60)
    with streaming(server, 1), server.api() as api:
        assert by_api(server, 0.3, False) is None
        until(lambda: running(api)[0]["elapsed_seconds"] > 0.5)
        (found,) = running(api)
        until(lambda: running(api)[0]["completion_tokens"] > found["completion_tokens"])


def test_a_clients_wish_still_only_shortens(server: Server) -> None:
    server.set_timeouts(chat_seconds=60)
    with streaming(server, 1, timeout=30):
        assert by_api(server, 7000, True) == 0


def test_a_request_in_the_queue_is_reached_too(server: Server) -> None:
    server.set_timeouts(chat_seconds=60)
    with streaming(server, 32), server.api() as api:
        waiting = Asking(server, **SHORT)
        until(lambda: one_in(api, "queue")["elapsed_seconds"] > 0.3)  # else it may get a place in time
        assert by_api(server, 0.3, True) == 33
        answer = waiting.answer
    assert (answer.status_code, answer.json()["error"]["phase"]) == (504, "queue")


def test_other_endpoints_are_left_alone(server: Server) -> None:
    server.set_timeouts(chat_seconds=60)
    with streaming(server, 1), server.api() as api:
        body = {"completions_seconds": 61, "apply_to_running": True}
        assert api.put("/api/settings/timeouts", json=body).json()["running_changed"] == 0


def test_with_no_server_the_command_says_so(tmp_path: Any) -> None:
    from tests.server import environment, manage

    ended = manage(environment(tmp_path), "set_timeout", "chat", "100", "--running", check=False)
    assert ended.returncode == 1
    assert "no server answered" in ended.stderr
    assert "  100 " in manage(environment(tmp_path), "set_timeout").stdout


def test_long_answers_without_a_stream_are_reached_too(server: Server) -> None:
    server.set_timeouts(chat_seconds=60)
    asking = Asking(server, **LONG)
    with server.api() as api:
        one_in(api, "decode")
    assert by_command(server, 0.3, True) == 1
    assert asking.answer.status_code == 504
