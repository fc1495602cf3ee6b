"""A model on this machine: what is said to its runner and heard from it."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from inference.errors import ApiError, RunnerFailed
from inference.inbox import Inbox
from inference.messages import (
    ENDS,
    Abort,
    Add,
    Configure,
    Done,
    Embed,
    Event,
    LoadFailed,
    Loading,
    Prefill,
    Ready,
    SetDeadline,
    Stats,
    Stop,
)
from inference.process import RunnerProcess
from settings_app.sizes import size_text

log = logging.getLogger(__name__)

STOP_SECONDS = 3.0

OnStopped = Callable[[float | None], None]
"""Called with the seconds that the runner took to drop a row; None if it never said."""


@dataclass
class _Stopping:
    """A row that was told to go and is not known to be gone. `since`: seconds of `time.monotonic()`."""

    since: float
    on_stopped: OnStopped


class Runner:
    """One loaded model in one process; it fails everyone who waits for a row when the process ends.

    Everything runs on the event loop, so between two awaits nothing changes under anyone. `on_change` is called when
    the model is loaded, when the last row has gone, when it holds other memory, when it failed, and when its process
    has ended.
    """

    def __init__(self, name: str, process: RunnerProcess, on_change: Callable[[], None]):
        self.name = name
        self.process = process
        self.loading: Loading | None = None
        self.ready: Ready | None = None
        self.failure: ApiError | None = None
        self.stats: Stats | None = None
        self.ended = False  # the process is gone, and its memory back
        self._on_change = on_change
        self._rows: dict[str, Inbox] = {}
        self._queued: set[str] = set()
        self._stopping: dict[str, _Stopping] = {}
        self._told_to_stop = False
        self.seconds_per_row = 1.0  # from being sent to its end, a running mean
        self._sent_at: dict[str, float] = {}
        self._watching = asyncio.create_task(self._watch())
        process.channel.listen(self._hear_all, self._not_understood)

    @property
    def queued(self) -> int:
        """Rows that were sent and are not begun."""
        return len(self._queued)

    @property
    def busy(self) -> bool:
        return bool(self._rows or self._stopping)

    @property
    def memory_bytes(self) -> int | None:
        """What mlx holds there; None before it is loaded."""
        if self.stats is not None:
            return self.stats.memory_bytes
        return self.ready.memory_bytes if self.ready is not None else None

    def stuck_seconds(self) -> float:
        """How long the row that was told to go first has not been let go of."""
        first = min((stopping.since for stopping in self._stopping.values()), default=time.monotonic())
        return time.monotonic() - first

    def add(self, row: Add | Embed, inbox: Inbox) -> None:
        """What the runner says of the row goes to the inbox, up to `Done` or `Refused`."""
        if self.failure is not None:
            inbox.fail(self.failure)
            return
        self.process.send(row)  # first: a row that cannot be written in a frame is not kept
        self._rows[row.id] = inbox
        self._sent_at[row.id] = time.monotonic()
        self._queued.add(row.id)

    def set_deadline(self, row_id: str, at: float) -> None:
        if row_id in self._rows:
            self.process.send(SetDeadline(row_id, at))

    def abort(self, row_id: str) -> None:
        """Has the row end with `Done`, which its inbox still gets: its reader may be waiting for a client."""
        if row_id in self._rows:
            self.process.send(Abort(row_id))

    def configure(self, prefill_chunk: int, prompt_cache_bytes: int) -> None:
        """Holds from its next step on; while it loads, from its first one."""
        self.process.send(Configure(prefill_chunk, prompt_cache_bytes))

    def drop(self, row_id: str, grace_seconds: float, on_stopped: OnStopped) -> None:
        """Has the row dropped. A runner that does not do so within the grace is stuck, and ended."""
        if self.failure is not None:
            self._forget(row_id)
            on_stopped(None)
            return
        self._stopping[row_id] = _Stopping(time.monotonic(), on_stopped)
        self._forget(row_id)
        self.process.send(Abort(row_id))
        asyncio.get_running_loop().call_later(grace_seconds, self._end_if_stuck, row_id)

    def stop(self) -> None:
        """Ends the process: politely, and if that takes too long, not."""
        if not self._told_to_stop:
            self._told_to_stop = True
            self.process.send(Stop())
            asyncio.get_running_loop().call_later(STOP_SECONDS, self._kill_if_there)

    def fail(self, error: ApiError) -> None:
        """Ends the process at once; everyone who waits for a row gets this error."""
        self.process.kill()
        self._fail(error)

    async def close(self) -> None:
        """As `stop`, with an error for everyone who waits; the process has ended when this returns."""
        self._told_to_stop = True
        self._fail(RunnerFailed("The server is stopping."))
        self.process.send(Stop())
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        await asyncio.wait({self._watching})

    def _hear_all(self, events: list[Event]) -> None:
        for event in events:
            self._hear(event)

    def _not_understood(self) -> None:
        """Without its ears the runner would look alive, and every request wait for its deadline."""
        log.exception("runner of %s, process %d, said what cannot be read", self.name, self.process.pid)
        self.fail(RunnerFailed(f"Model {self.name} failed and was ended. Send the request again."))

    def _hear(self, event: Event) -> None:
        match event:
            case Loading():
                if self.loading is None:
                    log.info("runner of %s loads %s", self.name, size_text(event.bytes_total))
                self.loading = event
            case Ready():
                log.info("runner of %s is ready, %s", self.name, size_text(event.memory_bytes))
                self.ready = event
                self._on_change()
            case LoadFailed():
                self._fail(RunnerFailed(event.message, retry=False))
            case Stats():
                self.stats = event
                self._on_change()
            case _:
                self._hear_of_row(event, event.id)

    def _hear_of_row(self, event: Event, row_id: str) -> None:
        inbox = self._rows.get(row_id)
        if isinstance(event, Prefill):
            self._queued.discard(row_id)
        if isinstance(event, ENDS):
            if not isinstance(event, Done):
                self._sent_at.pop(row_id, None)  # it never was a row: how long it took says nothing of one
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
        if not self.busy:
            self._on_change()

    def _end_if_stuck(self, row_id: str) -> None:
        if row_id not in self._stopping or self.failure is not None:
            return
        log.error("runner of %s, process %d, is stuck: it is ended", self.name, self.process.pid)
        self.fail(RunnerFailed(f"Model {self.name} got stuck and was ended. Send the request again."))

    def _kill_if_there(self) -> None:
        if not self.ended:
            log.error("runner of %s, process %d, does not leave: it is ended", self.name, self.process.pid)
            self.process.kill()

    async def _watch(self) -> None:
        status = await self.process.wait()
        self.ended = True
        if self.failure is None and not self._told_to_stop:
            log.error("runner of %s, process %d, ended with status %d", self.name, self.process.pid, status)
        self.process.clear_away()
        self._fail(
            RunnerFailed(
                f"The process of model {self.name} ended (exit status {status}). Send the request again."
            )
        )
        self._on_change()

    def _fail(self, error: ApiError) -> None:
        if self.failure is not None:
            return
        self.failure = error
        for inbox in self._rows.values():
            inbox.fail(error)
        for stopping in self._stopping.values():
            stopping.on_stopped(None)
        self._stopping.clear()
        self._on_change()
