"""What is left after many deadlines and departures in random phases: descriptors, threads, rows, memory, log rows."""

import asyncio
import os
import random
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.client import CHAT, COMPLETIONS, Client, chat
from bench.table import Line
from tests.server import Server

AT_ONCE = 16
PROC = Path("/proc/self")
WARM_UP = 320  # of each kind: pools of threads are full then, and so is the cache of prompts
SECONDS = (0.02, 0.4)
LEFT_SPARE, MEMORY_MB_SPARE = 2, 24.0
FILES_OF_A_THREAD = (
    3  # its connection to the database: a pool's thread has one, and there may be one more by now
)
LOG_SECONDS = 10.0
NOT_HERE = (
    "Descriptors, threads and memory are read from /proc, which this system has not: they were not looked at."
)
NO_TASKS = (
    "The server's asyncio tasks cannot be seen from outside: that they end is read from the rows, "
    "the log, and a clean exit in which none is said to have been destroyed."
)
_BAD = ("Traceback", "was destroyed", "never awaited", "never retrieved", "ERROR")


@dataclass(frozen=True)
class Held:
    """What a process has of the system."""

    descriptors: int
    sockets: int
    threads: int
    megabytes: float


class Leaks:
    def __init__(self, server: Server, client: Client, count: int) -> None:
        self._server = server
        self._client = client
        self._count = count
        self._novel = random.Random(3)
        self._refused = 0

    async def measure(self) -> list[Line]:
        await self._round(WARM_UP)
        before, cached = await self._held()
        logged = await asyncio.to_thread(self._logged)
        self._refused = 0
        await self._round(self._count)
        after, cached_after = await self._held()
        rows = await asyncio.to_thread(self._rows_of, logged)
        lines = self._rows(rows)
        for name, was in before.items():
            kept = (cached_after - cached) / 1e6 if name == "runner" else 0.0
            lines += _growth(name, was, after[name], kept)
        return lines

    async def _round(self, count: int) -> None:
        """So many expiries and so many departures, in any order."""
        kinds = [True, False] * count
        self._novel.shuffle(kinds)
        waiting = iter(kinds)
        await asyncio.gather(*(self._ask_one_by_one(waiting) for _ in range(AT_ONCE)))

    async def _ask_one_by_one(self, kinds: Iterable[bool]) -> None:
        for leaves in kinds:
            path, body = self._body()
            seconds = self._novel.uniform(*SECONDS)
            if leaves:
                await self._client.leave(path, seconds, **body)
            else:
                await self._expire(path, seconds, body)

    async def _expire(self, path: str, seconds: float, body: dict[str, Any]) -> None:
        """What the queue alone would keep for longer is refused, and asked again."""
        while (await self._client.post(path, **body, timeout=seconds)).status == 503:
            self._refused += 1
            await asyncio.sleep(0.02)

    def _body(self) -> tuple[str, dict[str, Any]]:
        """One that would not end by itself: of any kind, and with a prompt of any length."""
        n = self._novel
        words = " ".join(f"word {n.random()}" for _ in range(n.choice((1, 1, 20, 60))))
        stream = n.random() < 0.5
        if n.random() < 0.5:
            return CHAT, {**chat(words), "stream": stream}
        return COMPLETIONS, {"prompt": words, "max_tokens": 2000, "stream": stream}

    async def _held(self) -> tuple[dict[str, Held], int]:
        """By process, once nothing runs any more; and the bytes of the prompts that are kept."""
        self._left = await asyncio.to_thread(self._server.rows_held)
        await asyncio.sleep(1)
        cached = await asyncio.to_thread(self._kept_prompts)
        return await asyncio.to_thread(self._processes), cached

    def _processes(self) -> dict[str, Held]:
        if not PROC.exists():
            return {}
        (runner,) = self._server.runner_pids()
        return {"server": _held(self._server.process.pid), "runner": _held(runner)}

    def _kept_prompts(self) -> int:
        with self._server.api() as api:
            (model,) = api.get("/api/models").raise_for_status().json()["models"]
        return int(model["prompt_cache_bytes"])

    def _logged(self) -> int:
        """The id of the last row, when no more come."""
        last = -1
        while (
            now := int(self._server.rows("SELECT MAX(id) AS id FROM settings_app_requestlog")[0]["id"] or 0)
        ) != last:
            last = now
            time.sleep(1)
        return last

    def _rows_of(self, after: int) -> list[dict[str, Any]]:
        ends = time.monotonic() + LOG_SECONDS
        while True:
            rows = self._server.rows(
                "SELECT request_id, status, phase, error_code FROM settings_app_requestlog WHERE id > ?",
                after,
            )
            if len(rows) >= 2 * self._count + self._refused or time.monotonic() > ends:
                return rows
            time.sleep(0.5)

    def _rows(self, rows: list[dict[str, Any]]) -> list[Line]:
        by_status: dict[str, float] = {}
        by_phase: dict[str, float] = {}
        for row in rows:
            by_status[row["status"]] = by_status.get(row["status"], 0) + 1
            by_phase[row["phase"]] = by_phase.get(row["phase"], 0) + 1
        right = {"timeout": self._count, "client_closed": self._count, "rejected": self._refused}
        wrong = sum(abs(right.get(status, 0) - by_status.get(status, 0)) for status in {*right, *by_status})
        twice = len(rows) - len({row["request_id"] for row in rows})
        return [
            Line("where they ended", "requests", by_phase),
            Line("rows left in the batch", "rows", {"left": self._left}, {"left": 0}),
            Line(
                "log rows missing, double or of another kind",
                "",
                {**by_status, "double": twice, "wrong": wrong},
                {"double": 0, "wrong": 0},
            ),
        ]


def stopped(server: Server) -> Line:
    """Ends the server. A task that hangs would keep it, or be told of in its last words."""
    seconds = -time.monotonic()
    status = server.stop()
    seconds += time.monotonic()
    time.sleep(0.2)
    bad = [line for line in server.lines if any(word in line for word in _BAD)]
    for line in bad[:20]:
        print(line, file=sys.stderr)
    figures = {"exit status": float(status), "bad lines": len(bad), "seconds": round(seconds, 2)}
    return Line("the server's end", "", figures, {"exit status": 0, "bad lines": 0, "seconds": 10})


def _held(pid: int) -> Held:
    process = Path(f"/proc/{pid}")
    links = []
    for entry in (process / "fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except FileNotFoundError:
            continue
    resident = int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    sockets = sum(link.startswith("socket:") for link in links)
    return Held(len(links), sockets, len(list((process / "task").iterdir())), resident / 1e6)


def _growth(name: str, was: Held, now: Held, kept_mb: float) -> list[Line]:
    lines = []
    for what in ("descriptors", "sockets", "threads"):
        before, after = getattr(was, what), getattr(now, what)
        figures = {"before": before, "after": after}
        most = before + LEFT_SPARE
        if what == "descriptors":
            most += FILES_OF_A_THREAD * max(0, now.threads - was.threads)
        lines.append(Line(f"{what} of the {name}", "", figures, {"after": most}))
    grown = {
        "before": round(was.megabytes, 1),
        "after": round(now.megabytes, 1),
        "kept prompts": round(kept_mb, 1),
        "grown": round(now.megabytes - was.megabytes - max(0.0, kept_mb), 1),
    }
    lines.append(Line(f"memory of the {name}", "MB", grown, {"grown": MEMORY_MB_SPARE}))
    return lines
