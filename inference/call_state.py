"""What the pages, the API and the command show of a request that runs."""

import time
from dataclasses import dataclass
from datetime import datetime

from inference.call import Call

MOST_SHOWN = 200  # requests; those that have run longest


@dataclass(frozen=True)
class CallState:
    """As things were when it was asked for. Seconds are counted from the request's arrival.

    `first_token_seconds` None: there is none yet; a provider's whole answer has none before its end. `cancelled`: by
    the operator, and about to end; it lingers as long as its client does not read.
    """

    id: str
    at: datetime
    endpoint: str
    model: str
    served_model: str
    backend: str
    api_key: str
    streamed: bool
    phase: str
    prompt_tokens: int
    completion_tokens: int
    elapsed_seconds: float
    first_token_seconds: float | None
    deadline_seconds: float
    deadline_source: str
    cancelled: bool

    @property
    def remaining_seconds(self) -> float:
        return max(0.0, self.deadline_seconds - self.elapsed_seconds)

    @property
    def tokens_per_second(self) -> float | None:
        """From the first token on; None before there are two."""
        if self.first_token_seconds is None or self.completion_tokens < 2:
            return None
        seconds = self.elapsed_seconds - self.first_token_seconds
        return (self.completion_tokens - 1) / seconds if seconds > 0 else None


def state_of(call: Call) -> CallState:
    return CallState(
        id=call.id,
        at=call.at,
        endpoint=call.endpoint.path,
        model=call.decision.asked[:200],
        served_model=call.target.model[:200],
        backend=call.target.backend,
        api_key=call.key_name,
        streamed=call.streamed,
        phase=call.phase.value,
        prompt_tokens=call.prompt_tokens,
        completion_tokens=call.completion_tokens,
        elapsed_seconds=time.monotonic() - call.arrived,
        first_token_seconds=call.first_token,
        deadline_seconds=call.deadline.seconds,
        deadline_source=call.deadline.source,
        cancelled=call.cancelled is not None,
    )
