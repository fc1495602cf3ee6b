"""A client that does not read what it is sent holds up no work: it ends when it is cancelled, or its time is up."""

import math
import time
from typing import Any

import httpx2
import pytest

from tests.protocols import OpenAI
from tests.provider import Provider
from tests.running.in_flight import cancel, extend, one_in, running
from tests.server import Server
from tests.v1.asking import LONG, unread
from tests.waiting import in_time, until


def test_the_provider_stops_also_when_the_client_does_not_read(
    server: Server, api: httpx2.Client, afar: Provider
) -> None:
    """The request is stuck in the sending of what it has; the work need not wait for that."""
    afar.events = [OpenAI().piece({"content": "." * 2**18})] * 400
    with unread(server, {**LONG, "model": "afar", "stream": True}):
        found = stuck_in(api, "cloud")
        cancel(api, found["id"])
        assert afar.left.wait(5)
        assert running(api)[0]["cancelled"]
    assert server.logged(found["id"])["status"] == "cancelled"


@pytest.mark.parametrize("applied", [False, True])
def test_the_provider_stops_at_the_deadline_also_when_the_client_does_not_read(
    server: Server, api: httpx2.Client, afar: Provider, applied: bool
) -> None:
    """Also at one that was shortened meanwhile. The request is over then, whenever its client leaves."""
    afar.events = [OpenAI().piece({"content": "." * 2**18})] * 400
    with unread(server, {**LONG, "model": "afar", "stream": True, **({} if applied else {"timeout": 1})}):
        found = one_in(api, "cloud")
        if applied:
            api.put("/api/settings/timeouts", json={"chat_seconds": 1, "apply_to_running": True})
        assert afar.left.wait(5)
        time.sleep(0.5)
        assert running(api)[0]["remaining_seconds"] == 0
        assert extend(api, found["id"]).status_code == 404
        assert applied or cancel(api, found["id"]).status_code == 200  # of no account any more
    row = server.logged(found["id"])
    assert (row["status"], row["phase"], row["http_status"]) == ("timeout", "cloud", 200)
    assert in_time(row["total_ms"] / 1000, 1)


def test_a_local_model_stops_at_the_deadline_too_and_that_is_what_it_ended_with(
    server: Server, api: httpx2.Client
) -> None:
    """Much is sent for each token, so that the connection is full soon. Its client leaves some time after."""
    with unread(server, {**LONG, "stream": True, "logprobs": True, "top_logprobs": 20}):
        found = stuck_in(api, "decode")
        seconds = math.ceil(found["elapsed_seconds"] + 0.5)
        api.put("/api/settings/timeouts", json={"chat_seconds": seconds, "apply_to_running": True})
        until(lambda: running(api)[0]["remaining_seconds"] == 0)
        assert server.rows_held() == 0
        time.sleep(0.5)  # in which the client could have read on
        assert extend(api, found["id"]).status_code == 404
    row = server.logged(found["id"])
    assert (row["status"], row["phase"], row["http_status"]) == ("timeout", "decode", 200)
    assert row["error_code"] == "deadline_exceeded" and in_time(row["total_ms"] / 1000, seconds)
    assert row["stop_latency_ms"] is not None


def stuck_in(api: httpx2.Client, phase: str) -> dict[str, Any]:
    """The newest request, once its answer goes no further."""
    found, seen = one_in(api, phase), -1
    while found["completion_tokens"] != seen or not seen:
        seen = found["completion_tokens"]
        time.sleep(0.3)
        found = one_in(api, phase)
    return found
