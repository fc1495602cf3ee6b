"""Waiting for what a server or a process is about to do."""

import time
from collections.abc import Callable

LOOK_SECONDS = 0.03
LATE_SECONDS = (
    2.0  # so late all may come on a loaded machine; how exact deadlines are is told by the best of several
)


def until(met: Callable[[], object], seconds: float = 20) -> None:
    """Looks again and again until it is so; fails when it has not come about in that time."""
    ends = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(LOOK_SECONDS)


def in_time(took: float, seconds: float) -> bool:
    """Whether it took so long: no less, and no more than a loaded machine explains. Clocks are read one by one."""
    return seconds - 0.01 <= took < seconds + LATE_SECONDS
