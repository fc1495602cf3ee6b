"""Two hundred requests that all move: a viewer and a list are told of all of them, and it costs the server little."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.server import Server
from tests.v1.asking import LONG, unread
from tests.v1.routed import planted, rule
from tests.v1.signed_in import SignedIn
from tests.waiting import until

RUNNING = "/api/requests/running"
COUNT = 200
PACE_SECONDS = 0.2  # between two words of each: all move between two looks, and the machine has time for more
LOOK_SECONDS = 0.25
MOST_CPU_SECONDS = (
    0.025  # of the server, for an update that tells of all: some 1 ms, and what the measure is off by
)


@pytest.fixture
def api(server: Server) -> Iterator[httpx2.Client]:
    """With so many in flight, each of which has made something."""
    with planted(server) as afar, server.api() as api, ExitStack() as stack:
        afar.endless, afar.pace = True, PACE_SECONDS
        rule(server, afar, "afar")
        for _ in range(COUNT):
            stack.enter_context(unread(server, {**LONG, "model": "afar", "stream": True}))
        until(lambda: sum(call["completion_tokens"] > 0 for call in page(api)["running"]) == COUNT, 60)
        yield api
    until(lambda: page_count(server) == 0)


def page(api: httpx2.Client, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = api.get(RUNNING, params=asked).raise_for_status().json()
    return found


def page_count(server: Server) -> int:
    with server.api() as api:
        return int(page(api)["count"])


def cpu_seconds(server: Server) -> float:
    """Of the server's own process since its start."""
    stat = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def test_a_viewer_is_told_of_all_of_them_at_a_measured_pace_and_for_little(
    server: Server, api: httpx2.Client
) -> None:
    with server.http() as http:
        ada = SignedIn(server, http)
        before, began = cpu_seconds(server), time.monotonic()
        time.sleep(2)
        unwatched = (cpu_seconds(server) - before) / (time.monotonic() - began)
        with ada.http.stream("GET", "/settings/running/live/") as live:
            told = (json.loads(line[6:]) for line in live.iter_lines() if line.startswith("data: "))
            first = next(told)
            before, began = cpu_seconds(server), time.monotonic()
            later = [next(told) for _ in range(12)]
            spent, took = cpu_seconds(server) - before, time.monotonic() - began
    ids = {call["id"] for call in first["new"]}
    assert (first["whole"], first["count"], len(ids)) == (True, COUNT, COUNT)
    assert {moved[0] for message in later for moved in message["now"]} == ids
    for id in ids:  # by the server's own clock, in hundredths
        times = [moved[3] for message in later for moved in message["now"] if moved[0] == id]
        gaps = [after - before for before, after in pairwise(times)]
        assert min(gaps) >= LOOK_SECONDS - 0.011
    assert (spent - unwatched * took) / len(later) < MOST_CPU_SECONDS


def test_the_list_is_read_in_pages_also_while_requests_go(api: httpx2.Client) -> None:
    first = page(api, limit=100)
    second = page(api, limit=100, cursor=first["next_cursor"])
    assert second["next_cursor"] is None
    assert len({call["id"] for found in (first, second) for call in found["running"]}) == COUNT
    pages = [page(api, limit=60)]
    while cursor := pages[-1]["next_cursor"]:
        api.post(f"/api/requests/{pages[-1]['running'][-1]['id']}/cancel").raise_for_status()
        pages.append(page(api, limit=60, cursor=cursor))
    ids = [call["id"] for found in pages for call in found["running"]]
    assert [len(found["running"]) for found in pages] == [60, 60, 60, 20]
    assert len(set(ids)) == COUNT
    times = [call["at"] for found in pages for call in found["running"]]
    assert times == sorted(times)
    assert {call["id"] for call in page(api, limit=500)["running"]} <= set(ids)


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("page=2", "page")]
    + [(f"cursor={bad}", "cursor") for bad in ("x", "1", "1.", "-1.req_1", "²2.req_1", f"{'9' * 30}.req_1")],
)
def test_what_is_no_page_is_refused_by_name(server: Server, query: str, field: str) -> None:
    with server.api() as api:
        refused = api.get(f"{RUNNING}?{query}")
    assert (refused.status_code, refused.json()["detail"][0]["loc"]) == (422, ["query", field])
