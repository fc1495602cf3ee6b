"""A runner that a test plays: its process as the server sees it, and its end of the socket."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec

from inference.channel import Channel
from inference.frames import Frames, framed
from inference.local import Runner
from inference.messages import Command, Event
from inference.process import RunnerProcess


class _Process:
    pid = 0
    stdin = None

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.killed = False

    async def wait(self) -> int:
        await self.ended.wait()
        return 0

    def kill(self) -> None:
        self.killed = True
        self.ended.set()


@dataclass
class Played:
    """`runner`: as the server has it. All else is the runner's end."""

    runner: Runner
    process: _Process
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    def say(self, *events: Event) -> None:
        self.send(msgspec.msgpack.encode(list(events)))

    def send(self, frame: bytes) -> None:
        self._writer.write(framed(frame))

    async def told(self) -> Command:
        """The next command; fails if none comes."""
        [frame] = Frames().feed(await asyncio.wait_for(self._reader.read(65536), 5))
        return msgspec.msgpack.decode(frame, type=Command)  # type: ignore[no-any-return]


@asynccontextmanager
async def played(changed: Callable[[], None] = lambda: None) -> AsyncIterator[Played]:
    """A runner of the model `tiny` that has said nothing yet; its process ends with the block."""
    ours, theirs = socket.socketpair()
    process = _Process()
    runner = Runner("tiny", RunnerProcess(process, await Channel.over(ours)), changed)  # type: ignore[arg-type]
    reader, writer = await asyncio.open_unix_connection(sock=theirs)
    try:
        yield Played(runner, process, reader, writer)
    finally:
        process.ended.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        writer.close()
