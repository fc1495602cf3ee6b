"""A model on this machine: its runner process, and what is said to it and heard from it."""

import asyncio
import logging
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Self

import msgspec
import zmq
import zmq.asyncio

from inference.errors import RunnerFailed
from inference.messages import (
    Abort,
    Add,
    Command,
    Done,
    Event,
    LoadFailed,
    Loading,
    Ready,
    Refused,
    Stop,
)

log = logging.getLogger(__name__)

PROJECT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 3.0

_ENDS = (Done, Refused)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Event])


class Runner:
    """One loaded model in one process. Made by `start`; it fails everyone who waits when the process ends."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, socket: zmq.asyncio.Socket, folder: Path
    ):
        self.name = name
        self.process = process
        self.ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self.failure: RunnerFailed | None = None
        self._socket = socket
        self._folder = folder
        self._emptied: asyncio.Event | None = None
        self._rows: dict[str, asyncio.Queue[Event | RunnerFailed]] = {}
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._watch())]

    @classmethod
    async def start(cls, name: str, model: Path) -> Self:
        folder = Path(tempfile.mkdtemp(prefix="mlxm-"))  # short: a Unix socket's path has 103 bytes on macOS
        socket = zmq.asyncio.Context.instance().socket(zmq.PAIR)
        socket.set(zmq.SNDHWM, 0)
        socket.set(zmq.RCVHWM, 0)
        socket.set(zmq.LINGER, 0)
        address = f"ipc://{folder}/s"
        socket.bind(address)
        command = [sys.executable, "-m", "inference.runner", "--socket", address, "--model", str(model)]
        # The pipe at its stdin closes when this process ends, however it ends: the runner leaves then.
        process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stdin=asyncio.subprocess.PIPE)
        log.info("runner of %s started, process %d", name, process.pid)
        return cls(name, process, socket, folder)

    @property
    def alive(self) -> bool:
        return self.failure is None

    async def wait_ready(self) -> None:
        """Returns when the model is loaded. Who stops waiting does not stop the load. Raises RunnerFailed."""
        await asyncio.shield(self.ready)

    async def generate(self, add: Add) -> AsyncGenerator[list[Event], None]:
        """What the runner says of the row, as much at a time as has come in; ends after `Done` or `Refused`.

        Closing it early drops the row. Raises RunnerFailed when the process ends.
        """
        inbox: asyncio.Queue[Event | RunnerFailed] = asyncio.Queue()
        self._rows[add.id] = inbox
        ended = False
        try:
            if self.failure is not None:
                raise self.failure
            self._send(add)
            while not ended:
                events: list[Event] = []
                while not events or not inbox.empty():
                    item = await inbox.get()
                    if isinstance(item, RunnerFailed):
                        if events:
                            inbox.put_nowait(item)
                            break
                        ended = True
                        raise item
                    events.append(item)
                ended = isinstance(events[-1], _ENDS)
                yield events
        finally:
            del self._rows[add.id]
            if self._emptied and not self._rows:
                self._emptied.set()
            if not ended and self.alive:
                self._send(Abort(add.id))

    async def close(self) -> None:
        """Ends the process: politely, then not."""
        self._fail("The server is stopping.")
        self._send(Stop())
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._release()

    async def retire(self) -> None:
        """Closes when the last row has ended."""
        if self._rows:
            self._emptied = asyncio.Event()
            await self._emptied.wait()
        await self.close()

    def _send(self, command: Command) -> None:
        # Returns a future that is done already: the queue has no bound, and the order is kept.
        self._socket.send(_encoder.encode(command))

    async def _listen(self) -> None:
        while True:
            for event in _decoder.decode(await self._socket.recv()):
                match event:
                    case Loading():
                        log.info("runner of %s loads %d MB", self.name, event.bytes_total // 1_000_000)
                    case Ready():
                        log.info("runner of %s is ready, %d MB", self.name, event.memory_bytes // 1_000_000)
                        if not self.ready.done():
                            self.ready.set_result(event)
                    case LoadFailed():
                        self._fail(event.message, retry=False)
                    case _:
                        if inbox := self._rows.get(event.id):
                            inbox.put_nowait(event)

    async def _watch(self) -> None:
        status = await self.process.wait()
        if self.alive:
            log.error("runner of %s, process %d, ended with status %d", self.name, self.process.pid, status)
        self._fail(f"The process of model {self.name} ended (exit status {status}). Send the request again.")
        self._tasks[0].cancel()
        self._release()

    def _fail(self, message: str, *, retry: bool = True) -> None:
        if self.failure is not None:
            return
        self.failure = RunnerFailed(message, retry=retry)
        if not self.ready.done():
            self.ready.set_exception(self.failure)
            self.ready.exception()  # seen: nobody need be waiting
        for inbox in self._rows.values():
            inbox.put_nowait(self.failure)

    def _release(self) -> None:
        self._socket.close()
        if self.process.stdin:
            self.process.stdin.close()
        shutil.rmtree(self._folder, ignore_errors=True)
