"""One request to /v1, from its arrival to its end: the object that travels through everything."""

import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum

from inference.deadline import Deadline
from inference.errors import DeadlineExceeded
from settings_app.endpoints import Endpoint


class Phase(StrEnum):
    QUEUE = "queue"
    LOAD = "load"
    PREFILL = "prefill"
    DECODE = "decode"


@dataclass
class Call:
    """`arrived` and `entered` are seconds of `time.monotonic()`; `spent` is seconds by phase."""

    id: str
    endpoint: Endpoint
    model: str
    deadline: Deadline
    arrived: float
    created: int = field(default_factory=lambda: int(time.time()))
    phase: Phase = Phase.QUEUE
    entered: float = field(init=False)
    spent: dict[Phase, float] = field(default_factory=lambda: dict.fromkeys(Phase, 0.0))
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __post_init__(self) -> None:
        self.entered = self.arrived

    def enter(self, phase: Phase) -> None:
        now = time.monotonic()
        self.spent[self.phase] += now - self.entered
        self.phase, self.entered = phase, now

    def usage(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }

    def deadline_exceeded(self) -> DeadlineExceeded:
        """The error that says where the time went."""
        self.enter(self.phase)
        elapsed = {phase.value: round(seconds, 3) for phase, seconds in self.spent.items()}
        where = ", ".join(f"{phase} {seconds:.3g} s" for phase, seconds in elapsed.items())
        return DeadlineExceeded(
            f"Request exceeded the {self.deadline.seconds:g} s deadline for {self.endpoint.path} "
            f"during {self.phase} ({where}).",
            extra={
                "deadline_seconds": self.deadline.seconds,
                "source": self.deadline.source,
                "phase": self.phase.value,
                "elapsed": elapsed,
                "request_id": self.id,
            },
        )


def new_id() -> str:
    return f"req_{secrets.token_hex(12)}"
