"""How long a target has to begin its answer, when a fallback waits for the case that it does not."""

import math
import time

from inference.call import Call

SHARE = 0.5  # of what is left of the deadline, where the fallback does not say


class Patience:
    """Ends `after_seconds` from now, until the first token is there; from then on only the deadline counts."""

    def __init__(self, call: Call, after_seconds: float | None) -> None:
        self._call = call
        patience = call.deadline.remaining() * SHARE if after_seconds is None else after_seconds
        self._at = time.monotonic() + patience

    def remaining(self) -> float:
        """Seconds."""
        return math.inf if self._call.first_token is not None else self._at - time.monotonic()
