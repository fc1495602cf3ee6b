"""Waiting for what a server or a process is about to do."""

import time
from collections.abc import Callable

LOOK_SECONDS = 0.03


def until(met: Callable[[], object], seconds: float = 20) -> None:
    """Looks again and again until it is so; fails when it has not come about in that time."""
    ends = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(LOOK_SECONDS)
