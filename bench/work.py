"""What a server works, and holds, as Linux tells it."""

import time
from pathlib import Path


def cpu_ms(pid: int) -> float:
    """What it has worked so far, with all its threads, also those that have ended; other programs do not show in it.

    0 where the system has no such clock.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2) * 1000  # clock_getcpuclockid(3)
    except OSError:
        return 0.0


def held_mb(pid: int) -> float:
    """The memory that is its own and in use now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 2**10
    return 0.0
