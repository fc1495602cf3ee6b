"""Requests in flight as the tests of Running now see them, end them, and give them more time."""

import threading
import time
from typing import Any

import httpx2

from tests.server import Server
from tests.v1.asking import CHAT, ask

RUNNING = "/api/requests/running"


class Asking:
    """A request in a thread of its own; `answer` is there when it has ended."""

    def __init__(self, server: Server, path: str = CHAT, **body: Any) -> None:
        self._answers: list[httpx2.Response] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(ask(server, path, **body)))
        self._thread.start()

    @property
    def answer(self) -> httpx2.Response:
        self._thread.join(30)
        return self._answers[0]


def running(api: httpx2.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(RUNNING).raise_for_status().json()["running"]
    return found


def one_in(api: httpx2.Client, phase: str, seconds: float = 10) -> dict[str, Any]:
    """The newest request that runs, once it is in this phase."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = running(api)
        if found and found[-1]["phase"] == phase:
            return found[-1]
    raise AssertionError(f"none came into {phase}")


def cancel(api: httpx2.Client, id: str) -> httpx2.Response:
    return api.post(f"/api/requests/{id}/cancel")


def extend(api: httpx2.Client, id: str, seconds: object = 60) -> httpx2.Response:
    return api.post(f"/api/requests/{id}/extend", json={"seconds": seconds})
