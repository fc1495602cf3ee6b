"""Requests as the tests of /v1 make them."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2

from tests.server import Server

CHAT = "/v1/chat/completions"
LONG: dict[str, Any] = {
    "model": "tiny",
    "temperature": 0,
    "messages": [{"role": "user", "content": "tell me everything"}],
}
SHORT: dict[str, Any] = {**LONG, "max_tokens": 1}
LONG_PROMPT: dict[
    str, Any
] = {  # 8,400 tokens, read in 2.8 s where this was written: longer than what it is for
    **SHORT,
    "messages": [{"role": "user", "content": "the quick brown fox " * 600}],
}
BATCH_ROWS = 32


def ask(server: Server, path: str = CHAT, patience: float = 60, **body: Any) -> httpx2.Response:
    with server.http() as http:
        return http.post(path, json=body, timeout=patience)


@contextmanager
def unread(server: Server, asked: dict[str, Any], path: str = CHAT, share: float = 1) -> Iterator[None]:
    """A request whose client never reads, and sends that share of its body."""
    body = json.dumps(asked).encode()
    host, port = server.url.removeprefix("http://").split(":")
    head = f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body[: int(share * len(body))])
        yield


@contextmanager
def streaming(server: Server, count: int, **body: Any) -> Iterator[list[httpx2.Response]]:
    """So many streams that have begun, and run on while the block does; then their client leaves."""
    with ExitStack() as stack:
        responses = []
        for _ in range(count):
            http = stack.enter_context(server.http())
            response = stack.enter_context(
                http.stream("POST", CHAT, json={**LONG, "stream": True, **body}, timeout=60)
            )
            response.lines = response.iter_lines()  # type: ignore[attr-defined]
            next(response.lines)  # type: ignore[attr-defined]
            responses.append(response)
        yield responses
