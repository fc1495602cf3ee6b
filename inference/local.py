"""A model on this machine: its runner process, and what is said to it and heard from it."""

import asyncio
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec
import zmq
import zmq.asyncio

from inference.errors import ApiError, RunnerFailed
from inference.inbox import Inbox
from inference.messages import (
    Abort,
    Add,
    Command,
    Done,
    Embed,
    Event,
    LoadFailed,
    Loading,
    Prefill,
    Ready,
    Refused,
    SetDeadline,
    Stats,
    Stop,
)

log = logging.getLogger(__name__)

PROJECT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 3.0
ABANDONED_LOAD_SECONDS = (
    5.0  # a client that was cut may come back at once; a load that nobody waits for is given up
)

OnStopped = Callable[[float | None], None]
"""Called with the seconds that the runner took to drop a row; None if it never said."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Event])


@dataclass
class _Stopping:
    """A row that was told to go and is not known to be gone. `since`: seconds of `time.monotonic()`."""

    since: float
    on_stopped: OnStopped


class Runner:
    """One loaded model in one process. Made by `start`; it fails everyone who waits when the process ends.

    Everything runs on the event loop, so between two awaits nothing changes under anyone.
    """

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, socket: zmq.asyncio.Socket, folder: Path
    ):
        self.name = name
        self.process = process
        self.ready: Ready | None = None
        self.failure: ApiError | None = None
        self.stats: Stats | None = None
        self._socket = socket
        self._folder = folder
        self._waiting: set[Inbox] = set()
        self._rows: dict[str, Inbox] = {}
        self._queued: set[str] = set()
        self._stopping: dict[str, _Stopping] = {}
        self._retired = False
        self.seconds_per_row = 1.0  # from being sent to its end, a running mean
        self._sent_at: dict[str, float] = {}
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._watch())]

    @classmethod
    async def start(cls, name: str, model: Path, kind: str) -> Self:
        folder = Path(tempfile.mkdtemp(prefix="mlxm-"))  # short: a Unix socket's path has 103 bytes on macOS
        socket = zmq.asyncio.Context.instance().socket(zmq.PAIR)
        socket.set(zmq.SNDHWM, 0)
        socket.set(zmq.RCVHWM, 0)
        socket.set(zmq.LINGER, 0)
        address = f"ipc://{folder}/s"
        socket.bind(address)
        options = ["--socket", address, "--model", str(model), "--kind", kind]
        # The pipe at its stdin closes when this process ends, however it ends: the runner leaves then.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "inference.runner", *options, cwd=PROJECT, stdin=asyncio.subprocess.PIPE
        )
        log.info("runner of %s started, process %d", name, process.pid)
        return cls(name, process, socket, folder)

    @property
    def alive(self) -> bool:
        return self.failure is None

    @property
    def queued(self) -> int:
        """Rows that were sent and are not begun, and requests that wait for the model to be loaded."""
        return len(self._queued) + len(self._waiting)

    @property
    def busy(self) -> bool:
        return bool(self._rows or self._waiting or self._stopping)

    def stuck_seconds(self) -> float:
        """How long the row that was told to go first has not been let go of."""
        first = min((stopping.since for stopping in self._stopping.values()), default=time.monotonic())
        return time.monotonic() - first

    def wait(self, inbox: Inbox) -> None:
        """Puts `Ready` into the inbox when the model is loaded, or fails it."""
        if self.failure is not None:
            inbox.fail(self.failure)
        elif self.ready is not None:
            inbox.put(self.ready)
        else:
            self._waiting.add(inbox)

    def leave(self, inbox: Inbox) -> None:
        """Stops waiting. The load goes on for others; a while after the last has left it is given up."""
        if inbox in self._waiting:
            self._waiting.discard(inbox)
            if not self._waiting:
                asyncio.get_running_loop().call_later(ABANDONED_LOAD_SECONDS, self._give_up)

    def add(self, row: Add | Embed, inbox: Inbox) -> None:
        """What the runner says of the row goes to the inbox, up to `Done` or `Refused`."""
        if self.failure is not None:
            inbox.fail(self.failure)
            return
        self._rows[row.id] = inbox
        self._sent_at[row.id] = time.monotonic()
        self._queued.add(row.id)
        self._send(row)

    def set_deadline(self, row_id: str, at: float) -> None:
        if row_id in self._rows:
            self._send(SetDeadline(row_id, at))

    def drop(self, row_id: str, grace_seconds: float, on_stopped: OnStopped) -> None:
        """Has the row dropped. A runner that does not do so within the grace is stuck, and ended."""
        self._forget(row_id)
        if not self.alive:
            on_stopped(None)
            return
        self._stopping[row_id] = _Stopping(time.monotonic(), on_stopped)
        self._send(Abort(row_id))
        asyncio.get_running_loop().call_later(grace_seconds, self._end_if_stuck, row_id)

    def retire(self) -> None:
        """Ends the process when its last row has ended."""
        self._retired = True
        self._close_if_retired()

    async def close(self) -> None:
        """Ends the process: politely, then not."""
        self._fail(RunnerFailed("The server is stopping."))
        self._send(Stop())
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _send(self, command: Command) -> None:
        if not self._socket.closed:
            # Returns a future that is done already: the queue has no bound, and the order is kept.
            self._socket.send(_encoder.encode(command))

    async def _listen(self) -> None:
        try:
            while True:
                for event in _decoder.decode(await self._socket.recv()):
                    self._hear(event)
        except (
            Exception
        ):  # without its ears the runner would look alive, and every request wait for its deadline
            log.exception("runner of %s, process %d, said what cannot be read", self.name, self.process.pid)
            self._fail(RunnerFailed(f"Model {self.name} failed and was ended. Send the request again."))
            self.process.kill()

    def _hear(self, event: Event) -> None:
        match event:
            case Loading():
                log.info("runner of %s loads %d MB", self.name, event.bytes_total // 1_000_000)
            case Ready():
                log.info("runner of %s is ready, %d MB", self.name, event.memory_bytes // 1_000_000)
                self.ready = event
                for inbox in self._waiting:
                    inbox.put(event)
                self._waiting.clear()
            case LoadFailed():
                self._fail(RunnerFailed(event.message, retry=False))
            case Stats():
                self.stats = event
            case _:
                self._hear_of_row(event, event.id)

    def _hear_of_row(self, event: Event, row_id: str) -> None:
        inbox = self._rows.get(row_id)
        if isinstance(event, Prefill):
            self._queued.discard(row_id)
        if isinstance(event, Done | Refused):
            stopping = self._stopping.pop(row_id, None)
            if stopping is not None:
                stopping.on_stopped(event.stop_latency if isinstance(event, Done) else None)
            self._forget(row_id)
        if inbox is not None:
            inbox.put(event)

    def _forget(self, row_id: str) -> None:
        self._rows.pop(row_id, None)
        self._queued.discard(row_id)
        if (sent_at := self._sent_at.pop(row_id, None)) is not None:
            self.seconds_per_row += 0.1 * (time.monotonic() - sent_at - self.seconds_per_row)
        self._close_if_retired()

    def _close_if_retired(self) -> None:
        if self._retired and not self._rows and not self._waiting and self.alive:
            self._send(Stop())

    def _give_up(self) -> None:
        if self.ready is None and not self._waiting and self.alive:
            log.info("runner of %s: nobody waits for the load any more", self.name)
            self._fail(RunnerFailed("The load was given up."))
            self.process.kill()

    def _end_if_stuck(self, row_id: str) -> None:
        if row_id not in self._stopping or not self.alive:
            return
        log.error("runner of %s, process %d, is stuck: it is ended", self.name, self.process.pid)
        self._fail(RunnerFailed(f"Model {self.name} got stuck and was ended. Send the request again."))
        self.process.kill()

    async def _watch(self) -> None:
        status = await self.process.wait()
        if self.alive and not self._retired:
            log.error("runner of %s, process %d, ended with status %d", self.name, self.process.pid, status)
        self._fail(
            RunnerFailed(
                f"The process of model {self.name} ended (exit status {status}). Send the request again."
            )
        )
        self._tasks[0].cancel()
        self._socket.close()
        if self.process.stdin:
            self.process.stdin.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _fail(self, error: ApiError) -> None:
        if self.failure is not None:
            return
        self.failure = error
        for inbox in (*self._waiting, *self._rows.values()):
            inbox.fail(error)
        self._waiting.clear()
        for stopping in self._stopping.values():
            stopping.on_stopped(None)
        self._stopping.clear()
