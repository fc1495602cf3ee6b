"""What one who looks at Running now is sent: what has changed, at a measured pace, and no more."""

import json
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2

from tests.running.in_flight import RUNNING, cancel
from tests.server import Server, serving
from tests.v1.asking import LONG, streaming, unread
from tests.v1.signed_in import SignedIn
from tests.waiting import until


def test_many_are_told_four_times_a_second_at_most_and_in_little(server: Server, api: httpx2.Client) -> None:
    """More in flight than are shown, one who looks, and all others are served as before."""
    with server.http() as http, server.http() as other, ExitStack() as stack:
        ada = SignedIn(server, http)
        for _ in range(203):
            stack.enter_context(unread(server, {**LONG, "stream": True}))
        until(lambda: api.get(RUNNING).json()["count"] == 203)
        unwatched = _median_seconds(other)
        with ada.http.stream("GET", "/settings/running/live/") as live:
            told = _messages(live)
            first = next(told)
            assert (first["whole"], first["count"], len(first["new"])) == (True, 203, 200)
            began = time.monotonic()
            later = []
            while time.monotonic() - began < 2:
                later.append(next(told))
        assert len(later) <= 10  # four a second, and one at either end
        assert not any(message["whole"] or message["new"] for message in later)
        assert max(len(json.dumps(message)) for message in later) < 32_000
        with ada.http.stream("GET", "/settings/running/live/"):
            assert _median_seconds(other) < 3 * unwatched + 0.05
        assert "<span data-more-count>3</span> more that came later" in ada.get("/settings/").text


def test_nothing_is_sent_when_nothing_moves_and_the_end_is_told(server: Server, api: httpx2.Client) -> None:
    with server.http() as http:
        ada = SignedIn(server, http)
        with ada.http.stream("GET", "/settings/running/live/") as live:
            assert live.headers["content-type"] == "text/event-stream"
            told = _messages(live)
            assert next(told) == {"whole": True, "count": 0, "new": [], "now": [], "gone": []}
            time.sleep(1)
            with streaming(server, 1) as (answer,):
                id = answer.headers["x-request-id"]
                assert [call["id"] for call in next(told)["new"]] == [id]  # and none before that
                cancel(api, id)
            for message in told:
                if message["gone"]:
                    assert (message["gone"], message["count"]) == ([id], 0)
                    break


def test_a_viewer_does_not_hold_the_server_up_when_it_stops(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.http() as http:
        ada = SignedIn(server, http)
        with ada.http.stream("GET", "/settings/running/live/") as live:
            told = _messages(live)
            assert next(told)["whole"]
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 5  # and not the 10 s after which what is open is cut
            assert list(told) == []


def _messages(live: httpx2.Response) -> Iterator[dict[str, Any]]:
    for line in live.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def _median_seconds(http: httpx2.Client) -> float:
    """How long a small request to /v1 takes."""
    took = []
    for _ in range(25):
        began = time.monotonic()
        http.get("/v1/models").raise_for_status()
        took.append(time.monotonic() - began)
    return statistics.median(took)
