"""What a server costs that has no model and nothing to do."""

import time
from pathlib import Path

from bench import tree
from bench.table import Line
from tests.server import serving

SETTLE_SECONDS = 5.0  # what is done once after the start
MOST_MB, MOST_PERCENT = 150.0, 0.5


def line(home: Path, seconds: float) -> Line:
    with serving(home) as server:
        pid = server.process.pid
        time.sleep(SETTLE_SECONDS)
        before = tree.cpu_seconds(pid)
        time.sleep(seconds)
        worked = tree.cpu_seconds(pid) - before
        figures = {**tree.memory_mb(pid), "% of a core": round(worked / seconds * 100, 3)}
    return Line("idle server, no model", "", figures, {"RSS MB": MOST_MB, "% of a core": MOST_PERCENT})
