"""One request to a model, from its arrival to its end: the object that travels through everything."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from inference.deadline import Deadline
from inference.errors import ApiError, Cancelled, DeadlineExceeded
from inference.inbox import Inbox
from inference.routing import Decision, Target
from settings_app.durations import number_text
from settings_app.endpoints import Endpoint
from settings_app.phases import Phase


@dataclass
class Outcome:
    """How a request ended. `status` is one of RequestLog.Status; `http_status` None: the client never saw one."""

    status: str
    http_status: int | None
    finish_reason: str = ""
    error_code: str = ""


@dataclass
class Call:
    """`arrived` and `entered` are seconds of `time.monotonic()`; `spent` and `first_token` are seconds.

    `path`: that was asked, one of the endpoint's. `target` has the request now; `fell_back` says what became of the
    targets before it. `abort` ends the work there, also while the client does not take what was made; nothing, before
    there is any.
    """

    id: str
    endpoint: Endpoint
    decision: Decision
    deadline: Deadline
    arrived: float
    path: str = ""
    streamed: bool = False
    key_name: str = ""
    client_retries: int = 0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    inbox: Inbox = field(default_factory=Inbox)
    target: Target = field(init=False)
    fell_back: list[str] = field(default_factory=list)
    phase: Phase = Phase.QUEUE
    entered: float = field(init=False)
    spent: dict[Phase, float] = field(default_factory=lambda: dict.fromkeys(Phase, 0.0))
    first_token: float | None = None
    completion_tokens: int = 0
    reasoning_tokens: int = 0  # of these
    finish_reason: str = ""
    stopped_by: str = ""  # the stop string that ended it
    takes_partial: bool = False  # what there is at the deadline is an answer
    answering: bool = False  # the status line is out
    cancelled: Cancelled | None = None  # by the operator; what it is going to end with
    abort: Callable[[], object] = lambda: None
    cut: ApiError | None = None  # by the server, which stops; what it is going to end with
    begun: bool = False  # from here on `completion.run` sees to its end
    ended: bool = False  # and it has; its rows may still have to stop
    outcome: Outcome | None = None
    row_ids: list[str] = field(default_factory=list)
    tool_numbers: list[int] = field(default_factory=list)  # of those that were offered, if not all were
    progress: dict[str, tuple[int, int]] = field(
        default_factory=dict
    )  # by row: prompt tokens, of them cached
    stopping: int = 0  # rows that were told to go and are not known to be gone
    stop_latency: float | None = None

    def __post_init__(self) -> None:
        self.entered = self.arrived
        self.path = self.path or self.endpoint.path
        self.target = self.decision.targets[0]

    @property
    def model(self) -> str:
        """The model that serves it, under its name where it is."""
        return self.target.model

    @property
    def prompt_tokens(self) -> int:
        return sum(prompt for prompt, _ in self.progress.values())

    @property
    def cached_tokens(self) -> int:
        return sum(cached for _, cached in self.progress.values())

    @property
    def created(self) -> int:
        """Unix time, as OpenAI's answers carry it."""
        return int(self.at.timestamp())

    def named(self) -> dict[str, Any]:
        """What was asked for by whom, and who serves it: all that may be told of it, in the log's names and lengths."""
        return {
            "endpoint": self.path,
            "model": self.decision.asked[:200],
            "served_model": self.target.model[:200],
            "backend": self.target.backend,
            "api_key": self.key_name,
        }

    def standing(self) -> dict[str, Any]:
        """How far it is, in the same names."""
        return {
            "phase": self.phase.value,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "deadline_seconds": self.deadline.seconds,
            "deadline_source": self.deadline.source,
        }

    def enter(self, phase: Phase) -> None:
        """Once it has its outcome nothing is added to its times."""
        if self.outcome is not None:
            return
        now = time.monotonic()
        self.spent[self.phase] += now - self.entered
        self.phase, self.entered = phase, now
        if phase is Phase.DECODE:
            self.note_first_token()

    def note_first_token(self) -> None:
        if self.first_token is None:
            self.first_token = time.monotonic() - self.arrived

    def work_ended(self, at: float) -> None:
        """At this moment of `time.monotonic()`. What came since, for its client did not read, is none of its time."""
        self.entered += max(0.0, time.monotonic() - max(at, self.entered))

    def turn_to(self, target: Target) -> None:
        """The next target gets the request, as new; its clock runs on."""
        self.target = target
        self.row_ids = []
        self.progress.clear()
        self.completion_tokens = self.reasoning_tokens = 0
        self.abort = lambda: None
        self.inbox.clear()

    def end(self, outcome: Outcome) -> None:
        """The first outcome counts: what a client does after its answer changes nothing."""
        if self.outcome is None:
            self.enter(self.phase)
            self.outcome = outcome

    def failed(self, error: ApiError) -> None:
        seen = 200 if self.answering or self.is_partial(error) else error.status
        self.end(Outcome(error.log_status, seen, error_code=error.log_code))

    def expire(self) -> None:
        """Its time is up, whether or not its client reads: the work ends at once, and that is what it ended with."""
        error = self.deadline_exceeded()
        self.failed(error)
        self.inbox.fail(error)
        self.abort()

    def left(self) -> None:
        """Its client is gone; from one that was cancelled or cut before it may have gone for that."""
        if self.cancelled is None:
            self._expire_if_late()
        told = self.cancelled or self.cut
        if told is not None:
            self.failed(told)
        else:
            self.end(Outcome("client_closed", 200 if self.answering else None))

    def cancel(self) -> None:
        """The operator's word: the work ends at once, and the client is told as soon as it reads."""
        if self.cancelled is not None:
            return
        if self.deadline.remaining() <= 0:
            self.work_ended(self.deadline.at)
            self._expire_if_late()
        where, elapsed = self._elapsed()
        extra = {"phase": self.phase.value, "elapsed": elapsed, "request_id": self.id}
        self.cancelled = Cancelled(
            f"The operator of this server cancelled the request during {self.phase} ({where}).", extra=extra
        )
        self.inbox.fail(self.cancelled)
        self.abort()

    def is_partial(self, error: ApiError) -> bool:
        """Whether the client gets what there is instead of this error."""
        return self.takes_partial and self.completion_tokens > 0 and isinstance(error, DeadlineExceeded)

    def usage(self) -> dict[str, object]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
        }

    def deadline_exceeded(self) -> DeadlineExceeded:
        """The error that says where the time went."""
        where, elapsed = self._elapsed()
        return DeadlineExceeded(
            f"Request exceeded the {number_text(self.deadline.seconds)} s deadline for {self.path} "
            f"during {self.phase} ({where}).",
            extra={
                "deadline_seconds": self.deadline.seconds,
                "source": self.deadline.source,
                "phase": self.phase.value,
                "elapsed": elapsed,
                "request_id": self.id,
            },
        )

    def _expire_if_late(self) -> None:
        """Its time was up while its client did not read, so that nobody saw it."""
        if self.outcome is None and self.deadline.remaining() <= 0:
            self.expire()

    def _elapsed(self) -> tuple[str, dict[str, float]]:
        """Seconds by phase up to now, in words and by name."""
        self.enter(self.phase)
        elapsed = {
            phase.value: round(seconds, 3)
            for phase, seconds in self.spent.items()
            if seconds or phase is not Phase.CLOUD
        }
        return ", ".join(f"{phase} {seconds:g} s" for phase, seconds in elapsed.items()), elapsed


def new_id() -> str:
    return f"req_{secrets.token_hex(12)}"
