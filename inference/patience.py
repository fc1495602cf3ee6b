"""How long a target has to begin its answer, when a fallback waits for the case that it does not."""

import math
import time

from inference.call import Call

SHARE = 0.5  # of what is left of the deadline, where the fallback does not say


class Patience:
    """Ends `after_seconds` from now, until the first token is there; from then on only the deadline counts.

    Its share of a deadline that is moved is the share of the new one: what the operator gives, both get.
    """

    def __init__(self, call: Call, after_seconds: float | None) -> None:
        self._call = call
        self._after_seconds = after_seconds
        self._since = time.monotonic()

    def remaining(self) -> float:
        """Seconds."""
        if self._call.first_token is not None:
            return math.inf
        share = (self._call.deadline.at - self._since) * SHARE
        patience = share if self._after_seconds is None else self._after_seconds
        return self._since + patience - time.monotonic()
