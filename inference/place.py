"""One model's place in the pool, from the first request that waits for it to the end of its process."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

from inference.errors import ApiError, RunnerFailed
from inference.inbox import Inbox
from inference.local import Runner
from inference.process import RunnerProcess, prompt_cache_bytes
from settings_app.snapshot import Model, Pool

log = logging.getLogger(__name__)

ABANDONED_LOAD_SECONDS = (
    5.0  # a client that was cut may come back at once; a load that nobody waits for is given up
)
UNLOADED = "The model was unloaded."


class State(StrEnum):
    WAITING = "waiting"  # for room
    LOADING = "loading"
    READY = "ready"
    STOPPING = "stopping"  # it gets no new request; its memory comes back when its process has ended


class Place:
    """Who uses a model, and the runner that has it. Everything runs on the event loop.

    `on_change` is called with it whenever something has become different that the pool may want to act on.
    """

    def __init__(self, model: Model, needs_bytes: int, on_change: "Callable[[Place], None]") -> None:
        self.model = model
        self.needs_bytes = needs_bytes
        self.runner: Runner | None = None
        self.failure: ApiError | None = None
        self.wanted = False  # somebody said "load": it is not given up when no request waits
        self.last_used = time.monotonic()
        self.ready_at: datetime | None = None
        self.used_at: datetime | None = None
        self._on_change = on_change
        self._users: set[Inbox] = set()
        self._starting: asyncio.Task[None] | None = None
        self._settings = Pool()
        self.retired = False  # it goes when nobody uses it any more

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def started(self) -> bool:
        """It had its room, and so a process."""
        return self._starting is not None

    @property
    def state(self) -> State:
        if self.retired or self.failure is not None:
            return State.STOPPING
        if self._starting is None:
            return State.WAITING
        return State.READY if self.loaded else State.LOADING

    @property
    def loaded(self) -> bool:
        return self.loaded_runner is not None

    @property
    def loaded_runner(self) -> Runner | None:
        """The runner once it takes rows: also one that goes when those who use it have ended."""
        runner = self.runner
        return runner if runner is not None and runner.ready is not None and self.failure is None else None

    @property
    def gone(self) -> bool:
        """It holds nothing any more, and nobody hears from it again."""
        if self._starting is None:
            return self.state is State.STOPPING
        return self._starting.done() and (self.runner is None or self.runner.ended)

    @property
    def busy(self) -> bool:
        return bool(self._users) or (self.runner is not None and self.runner.busy)

    @property
    def requests(self) -> int:
        """In flight, and waiting for the load."""
        return len(self._users)

    @property
    def queued(self) -> int:
        """Rows that were sent and are not begun, and requests that wait for the model to be loaded."""
        waiting = 0 if self.loaded else len(self._users)
        return waiting + (self.runner.queued if self.runner is not None else 0)

    @property
    def memory_bytes(self) -> int | None:
        """What its runner measured last; None before it is loaded."""
        return self.runner.memory_bytes if self.runner is not None else None

    @property
    def held_bytes(self) -> int:
        """What it takes of the limit: what it was measured to hold, or what is reserved for it."""
        if self._starting is None or self.gone:
            return 0
        return self.needs_bytes if self.memory_bytes is None else self.memory_bytes

    def join(self, inbox: Inbox) -> None:
        """A request wants the model; until it leaves, the model stays. The inbox is woken as it goes on, or failed."""
        self._users.add(inbox)
        self.touch()

    def leave(self, inbox: Inbox) -> None:
        """The request has ended. A load goes on for others; a while after the last has left it is given up."""
        if inbox not in self._users:
            return
        self._users.discard(inbox)
        self.touch()
        if not self._users and not self.wanted:
            if self.state is State.WAITING:
                self.retire()
            elif self.state is State.LOADING:
                asyncio.get_running_loop().call_later(ABANDONED_LOAD_SECONDS, self._give_up)
        self.look()

    def touch(self) -> None:
        """It is used now: its time to live begins again."""
        self.last_used = time.monotonic()
        self.used_at = datetime.now(UTC)

    def start(self, settings: Pool) -> None:
        """Its room is there: the runner is started, and loads the model."""
        self._settings = settings
        self._starting = asyncio.create_task(self._start(settings))
        self._wake()

    def configure(self, settings: Pool) -> None:
        """What its runner is told of the settings is another thing now."""
        self._settings = settings
        if self.runner is not None:
            self.runner.configure(settings.prefill_chunk, prompt_cache_bytes(settings))

    def retire(self) -> None:
        """Ends the runner as soon as nobody uses it."""
        self.retired = True
        self.look()

    def fail(self, error: ApiError) -> None:
        """Everyone who uses it gets this error, and its runner ends at once."""
        if self.failure is None:
            self.failure = error
            if self.runner is not None:
                self.runner.fail(error)
            self.look()

    async def close(self) -> None:
        self.failure = self.failure or RunnerFailed("The server is stopping.")
        if self._starting is not None:
            await self._starting
        if self.runner is not None:
            await self.runner.close()

    def look(self) -> None:
        """Something has become different with its runner or its users."""
        runner = self.runner
        if runner is not None:
            self.failure = self.failure or runner.failure
            if runner.ready is not None and self.ready_at is None:
                self.ready_at = datetime.now(UTC)
                self.last_used = time.monotonic()
                self._wake()
            if self.retired and not self.busy and self.failure is None:
                runner.stop() if self.loaded else runner.fail(RunnerFailed(UNLOADED))
        if self.failure is not None:
            for inbox in self._users:
                inbox.fail(self.failure)
        self._on_change(self)

    async def _start(self, settings: Pool) -> None:
        try:
            process = await RunnerProcess.start(self.model, settings)
        except OSError as error:
            log.exception("the process of model %s cannot be started", self.name)
            self.failure = RunnerFailed(f"The process of model {self.name} cannot be started: {error}.")
            asyncio.get_running_loop().call_soon(self.look)  # once this task is done
            return
        self.runner = Runner(self.name, process, self.look)
        if self._settings is not settings:  # meanwhile
            self.configure(self._settings)
        if self.failure is not None:
            self.runner.fail(self.failure)
        self.look()

    def _give_up(self) -> None:
        if self.state is State.LOADING and not self._users and not self.wanted:
            log.info("runner of %s: nobody waits for the load any more", self.name)
            self.retire()

    def _wake(self) -> None:
        for inbox in self._users:
            inbox.wake()
