"""A process and all that it started: what they worked, what they hold, and how they are made to stand still."""

import contextlib
import os
import signal
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    cpu_seconds: float
    resident_mb: float


def cpu_seconds(pid: int) -> float:
    """What the whole tree has worked so far, in user and system mode, with threads that have ended."""
    return sum(process.cpu_seconds for process in _tree(pid))


def memory_mb(pid: int) -> dict[str, float]:
    """Resident; and, where Linux tells it, the share of it that this tree would give back (PSS)."""
    tree = _tree(pid)
    found = {"RSS MB": round(sum(process.resident_mb for process in tree), 1)}
    rollups = [PROC / str(process.pid) / "smaps_rollup" for process in tree]
    if all(file.exists() for file in rollups):
        found["PSS MB"] = round(sum(_pss_mb(file) for file in rollups), 1)
    return found


def stand_still(pid: int) -> None:
    """Until `go_on`; nothing is lost by it. Parents first: a shell would tell of its stopped children."""
    _signal(pid, signal.SIGSTOP)


def go_on(pid: int) -> None:
    _signal(pid, signal.SIGCONT)


def _signal(pid: int, what: signal.Signals) -> None:
    for process in _tree(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, what)


def _tree(pid: int) -> list[_Process]:
    children: defaultdict[int, list[_Process]] = defaultdict(list)
    found: list[_Process] = []
    for process in _linux() if (PROC / "self" / "stat").exists() else _elsewhere():
        children[process.parent].append(process)
        if process.pid == pid:
            found.append(process)
    for process in found:  # grows
        found += children[process.pid]
    return found


def _linux() -> list[_Process]:
    found = []
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        worked = (int(fields[11]) + int(fields[12])) / TICKS
        resident = int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        found.append(_Process(int(folder.name), int(fields[1]), worked, resident))
    return found


def _elsewhere() -> list[_Process]:
    """macOS: cputime is minutes:seconds.hundredths."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,rss=,time="], capture_output=True, text=True, check=True
    )
    found = []
    for line in listed.stdout.splitlines():
        pid, parent, resident_kb, worked = line.split()
        seconds = 0.0
        for part in worked.replace("-", ":").split(":"):
            seconds = seconds * 60 + float(part)
        found.append(_Process(int(pid), int(parent), seconds, int(resident_kb) * 1024 / 1e6))
    return found


def _pss_mb(rollup: Path) -> float:
    line = next(line for line in rollup.read_text().splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * 1024 / 1e6
