"""How far the running downloads are: in memory, for a write at each step would wake every reader of the settings."""

import time
from dataclasses import dataclass, field

SMOOTHING = 0.2  # of a new rate in the one that is shown


@dataclass
class Progress:
    """`bytes_per_second` is a running mean; 0 until there is one."""

    total_bytes: int
    done_bytes: int
    bytes_per_second: float = 0.0
    _at: float = field(default_factory=time.monotonic)

    def note(self, done_bytes: int) -> None:
        now = time.monotonic()
        came, took = done_bytes - self.done_bytes, now - self._at
        self.done_bytes, self._at = done_bytes, now
        if came > 0 and took > 0:
            rate = came / took
            old = self.bytes_per_second
            self.bytes_per_second = old + SMOOTHING * (rate - old) if old else rate

    @property
    def seconds_left(self) -> float | None:
        if not self.bytes_per_second:
            return None
        return max(0.0, (self.total_bytes - self.done_bytes) / self.bytes_per_second)


running: dict[int, Progress] = {}  # by the download's id
