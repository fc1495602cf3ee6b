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
        **call.named(),
        **call.standing(),
        id=call.id,
        at=call.at,
        streamed=call.streamed,
        elapsed_seconds=time.monotonic() - call.arrived,
        first_token_seconds=call.first_token,
        cancelled=call.cancelled is not None,
    )
