"""A request is given more time than anything else allows, up to the highest bound, and the log says by whom."""

import json
import time

import httpx2
import pytest
from django.core.management import CommandError, call_command

from tests.provider import Provider
from tests.running.in_flight import Asking, extend, one_in, running
from tests.server import Server
from tests.v1.asking import BATCH_ROWS, SHORT, streaming
from tests.v1.routed import rule
from tests.waiting import in_time


def test_an_extended_stream_outlives_its_deadline_and_the_log_says_whose_word_it_was(
    server: Server, api: httpx2.Client
) -> None:
    server.set_timeouts(chat_seconds=2)
    with streaming(server, 1) as (answer,):
        (found,) = running(api)
        assert found["deadline_source"] == "endpoint"
        said = extend(api, found["id"], 1.5).json()
        assert (said["deadline_seconds"], said["deadline_source"]) == (3.5, "operator")
        began = time.monotonic() - found["elapsed_seconds"]
        *_, error, _done = [line for line in answer.lines if line]  # type: ignore[attr-defined]
        assert in_time(time.monotonic() - began, 3.4)  # when it began is known a little late
    assert json.loads(error.removeprefix("data: "))["error"]["source"] == "operator"
    row = server.logged(found["id"])
    assert (row["status"], row["deadline_seconds"], row["deadline_source"]) == ("timeout", 3.5, "operator")


@pytest.mark.parametrize("phase", ["queue", "cloud"])
def test_what_waits_is_extended_too(server: Server, api: httpx2.Client, afar: Provider, phase: str) -> None:
    afar.silence = 20
    with streaming(server, BATCH_ROWS if phase == "queue" else 0):
        asking = Asking(server, **{**SHORT, "timeout": 1.5, "model": "afar" if phase == "cloud" else "tiny"})
        found = one_in(api, phase)
        assert extend(api, found["id"], 1).json()["deadline_seconds"] == 2.5
        answer = asking.answer
    row = server.logged(found["id"])
    assert (answer.status_code, answer.json()["error"]["source"]) == (504, "operator")
    assert in_time(row["total_ms"] / 1000, 2.5)


def test_a_fallback_still_gets_its_share_of_an_extended_deadline(
    server: Server, api: httpx2.Client, afar: Provider
) -> None:
    """Half of what there is: of 2 s it would have been asked after one, of 4 s it is after two."""
    afar.silence = 20
    rule(server, afar, "slow", fallbacks=[{"provider": None, "target_model": "tiny", "causes": ["timeout"]}])
    asking = Asking(server, **{**SHORT, "model": "slow", "timeout": 2})
    extend(api, one_in(api, "cloud")["id"], 2)
    assert asking.answer.status_code == 200
    row = server.logged(asking.answer.headers["x-request-id"])
    assert row["backend"] == "local" and in_time(row["cloud_ms"] / 1000, 1.9)


def test_it_may_go_beyond_what_is_stored_but_not_beyond_the_highest_bound(
    server: Server, api: httpx2.Client
) -> None:
    server.set_timeouts(chat_seconds=7000)
    with streaming(server, 1, timeout=30):
        (found,) = running(api)
        assert found["deadline_seconds"] == 30
        assert extend(api, found["id"], 7100).json()["deadline_seconds"] == 7130
        refused = extend(api, found["id"], 71)
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"] == ["body", "seconds"]
        assert "2 h in all: enter 70 seconds at most" in refused.json()["detail"][0]["msg"]
        assert extend(api, found["id"], 70).json()["deadline_seconds"] == 7200
        assert "longest time that there is" in extend(api, found["id"], 1).json()["detail"][0]["msg"]


@pytest.mark.parametrize("seconds", [0, 0.5, 7201, -60, "60", True, None, [60], 1e400])
def test_what_is_no_time_is_refused_in_words(server: Server, api: httpx2.Client, seconds: object) -> None:
    with streaming(server, 1):
        (found,) = running(api)
        content = json.dumps({"seconds": seconds})
        refused = api.post(f"/api/requests/{found['id']}/extend", content=content)
        assert refused.status_code == 422, refused.text
        assert refused.json()["detail"][0]["msg"] == "Enter 1 to 7200 seconds, as a number."
        assert running(api)[0]["deadline_seconds"] == 900


def test_the_body_is_strict(server: Server, api: httpx2.Client) -> None:
    for body in ({}, {"seconds": 60, "minutes": 1}, [60]):
        assert api.post("/api/requests/req_1/extend", json=body).status_code == 422


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("written", "words"),
    [("7201", "Enter 1 to 7200"), ("nan", "Enter 1 to 7200"), ("soon", "is no duration")],
)
def test_the_command_refuses_what_is_no_time(written: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("running", "--extend", "req_1", written)
