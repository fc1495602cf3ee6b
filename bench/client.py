"""A client that costs the machine next to nothing: one connection a request, and when each piece of the answer came."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
MODEL = "tiny"


@dataclass
class Answer:
    """What came back. `sent` and the moments of `pieces` are seconds of `time.monotonic()`."""

    sent: float = 0.0
    pieces: list[tuple[float, bytes]] = field(default_factory=list)

    @property
    def raw(self) -> bytes:
        return b"".join(data for _, data in self.pieces)

    @property
    def head(self) -> dict[str, str]:
        lines = self.raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def status(self) -> int:
        return int(self.raw[9:12])

    @property
    def request_id(self) -> str:
        return self.head["x-request-id"]

    def json(self) -> Any:
        return json.loads(self.raw.partition(b"\r\n\r\n")[2])

    @property
    def answered(self) -> float:
        """When the error was here: the last byte of a 504, or the error's line in a stream."""
        if self.status != 200:
            return self.pieces[-1][0]
        return next(at for at, data in self.pieces if b'data: {"error"' in data)

    def token_moments(self) -> list[float]:
        """When text of a stream came; the opening says nothing yet."""
        return [at for at, data in self.pieces if b'"content":"' in data or b'"text":"' in data]

    def gaps(self) -> list[float]:
        """Seconds between the pieces of a stream."""
        moments = self.token_moments()
        return [after - before for before, after in pairwise(moments)]


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, keep: bool) -> None:
        self.answer = Answer()
        self.begun = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()
        self._request = request
        self._keep = keep

    def connection_made(self, transport: Any) -> None:
        self.answer.sent = time.monotonic()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._keep:
            self.answer.pieces.append((time.monotonic(), data))
        if not self.begun.done():
            self.begun.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.begun, self.ended):
            if not future.done():
                future.set_result(None)


class Client:
    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80

    async def post(self, path: str, **body: Any) -> Answer:
        """The whole answer, up to the end of the connection."""
        connection, _ = await self._open("POST", path, body)
        await connection.ended
        return connection.answer

    async def get(self, path: str) -> Answer:
        connection, _ = await self._open("GET", path, {})
        await connection.ended
        return connection.answer

    async def leave(self, path: str, after: float, **body: Any) -> None:
        """Hangs up so many seconds after the request was sent."""
        connection, transport = await self._open("POST", path, body)
        await asyncio.wait({connection.ended}, timeout=after)
        transport.close()
        await connection.ended

    @asynccontextmanager
    async def stream(self, path: str, keep: bool = True, **body: Any) -> AsyncGenerator[Answer, None]:
        """A stream that has begun and runs on while the block does."""
        connection, transport = await self._open("POST", path, {**body, "stream": True}, keep)
        try:
            await connection.begun
            yield connection.answer
        finally:
            transport.close()
            await connection.ended

    async def follow(self, path: str, kept: list[Answer] | None = None, **body: Any) -> None:
        """A stream to its end. What comes is in the last of `kept` as it comes, or nowhere."""
        connection, transport = await self._open("POST", path, {**body, "stream": True}, kept is not None)
        if kept is not None:
            kept.append(connection.answer)
        try:
            await connection.ended
        finally:
            transport.close()

    async def _open(
        self, method: str, path: str, body: dict[str, Any], keep: bool = True
    ) -> tuple[_Connection, asyncio.Transport]:
        content = json.dumps({"model": MODEL, "temperature": 0, **body}).encode() if body else b""
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: {self._host}:{self._port}\r\nconnection: close\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        transport, connection = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(head.encode() + content, keep), self._host, self._port
        )
        return connection, transport


def chat(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


async def own_cost(count: int) -> list[float]:
    """Seconds that it takes to ask and to be answered at once, in this very process: part of whatever is measured."""
    took = []
    async with await asyncio.start_server(_answer_at_once, "127.0.0.1", 0) as nothing:
        nobody = Client(f"http://127.0.0.1:{nothing.sockets[0].getsockname()[1]}")
        for _ in range(count):
            answer = await nobody.get("/")
            took.append(answer.pieces[-1][0] - answer.sent)
    return took


async def _answer_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    writer.close()
    await writer.wait_closed()
