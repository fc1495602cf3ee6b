"""What a request costs before anybody works for it."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from inference.handler import Handler
from settings_app import stored
from settings_app.snapshot import EMPTY, Snapshot


def test_a_request_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop stands still while one starts."""
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def noted(thread: threading.Thread) -> None:
        started.append(thread)
        start(thread)

    async def settings() -> Snapshot:
        return replace(EMPTY, require_key_on_loopback=False)

    monkeypatch.setattr(stored, "current", settings)
    monkeypatch.setattr(threading.Thread, "start", noted)
    assert asyncio.run(_status("/v1/nowhere")) == 404
    assert started == []


async def _status(path: str) -> int:
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
    }
    came: list[Any] = [{"type": "http.request"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return came.pop() if came else await asyncio.Future()

    async def send(message: Any) -> None:
        sent.append(message)

    await Handler()(scope, receive, send)
    return int(sent[0]["status"])
