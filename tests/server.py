"""The product as its users have it: `manage.py serve` in a process of its own, with a home of its own."""

import os
import queue
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import openai

PROJECT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
_ADDRESS = re.compile(r"MLX Manager is at (\S+)")


@dataclass
class Server:
    """A running server. `lines`: all that it printed so far."""

    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[str]
    url: str = ""
    admin_key: str = ""
    lines: list[str] = field(default_factory=list)

    def manage(
        self, *arguments: str, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """`manage.py …` in another process, on the same home."""
        return manage(self.environment, *arguments, check=check, timeout=timeout)

    def openai(self, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="not-needed", **options)

    def http(self, **options: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=60, **options)

    def api(self) -> httpx2.Client:
        """A client of /api with an administrator's key."""
        if not self.admin_key:
            self.admin_key = self.manage("create_api_key", "tests", "--admin").stdout.splitlines()[-1]
        return self.http(headers={"authorization": f"Bearer {self.admin_key}"})

    def set_timeouts(self, **seconds: float) -> None:
        with self.api() as api:
            api.put("/api/settings/timeouts", json=seconds).raise_for_status()

    def logged(self, request_id: str) -> dict[str, Any]:
        """The row of the request log; it is written a moment after the last byte."""
        ends = time.monotonic() + 5
        while time.monotonic() < ends:
            if rows := self.rows("SELECT * FROM settings_app_requestlog WHERE request_id = ?", request_id):
                assert len(rows) == 1
                return rows[0]
            time.sleep(0.05)
        raise AssertionError(f"{request_id} is not in the log")

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.home / "db.sqlite3", timeout=10)) as database:
            database.row_factory = sqlite3.Row
            found = [dict(row) for row in database.execute(query, values)]
            database.commit()
            return found

    def rows_held(self, wait_seconds: float = 5) -> int:
        """Rows that runners have, once they had time to let go of what has ended."""
        ends = time.monotonic() + wait_seconds
        with self.api() as api:
            while True:
                models = api.get("/api/models").raise_for_status().json()["models"]
                held = sum(int(m["decoding"] + m["prefilling"] + m["queued"]) for m in models)
                if held == 0 or time.monotonic() > ends:
                    return held
                time.sleep(0.02)

    def runner_pids(self) -> list[int]:
        """The processes that hold models, as the log says and the system confirms."""
        started = [
            int(line.rsplit(" ", 1)[1])
            for line in self.lines
            if "runner of" in line and "started, process" in line
        ]
        return [pid for pid in started if alive(pid)]

    @contextmanager
    def watched(self) -> Iterator[None]:
        """What it prints meanwhile is shown where a test fails."""
        seen = len(self.lines)
        yield
        print(*self.lines[seen:], sep="\n")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(30)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return not status.stdout.startswith("Z") and bool(status.stdout.strip())


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """It does nothing, as if its step did not come back."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)  # which also lets a runner see that its server is gone


def manage(
    environment: dict[str, str], *arguments: str, check: bool = True, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=check,
        timeout=timeout,
    )


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's, less what would reach into the server, with a home of its own."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith("MLX_MANAGER_") and k not in ("HOST", "PORT")
    }
    return {**kept, "MLX_MANAGER_HOME": str(home), "PYTHONUNBUFFERED": "1", **more}


@contextmanager
def serving(home: Path, *arguments: str, before: Sequence[str] = (), **more: str) -> Iterator[Server]:
    """A server on a free port, stopped at the end. `more` is added to its environment; `before` runs its command."""
    env = environment(home, **more)
    process = subprocess.Popen(
        [*before, sys.executable, "manage.py", "serve", "--port", "0", *arguments],
        cwd=PROJECT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = Server(home, env, process)
    reader, found = _read(server)
    try:
        server.url = found.get(timeout=START_SECONDS)
        assert server.url, "".join(server.lines)
        yield server
    finally:
        if process.poll() is None:
            server.stop()
        reader.join(10)
        if process.stdout:
            process.stdout.close()


def _read(server: Server) -> tuple[threading.Thread, "queue.Queue[str]"]:
    """Collects what the server prints; its address, or "" at its end, goes to the queue."""
    found: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert server.process.stdout
        for line in server.process.stdout:
            server.lines.append(line.rstrip("\n"))
            if match := _ADDRESS.search(line):
                found.put(match[1])
        found.put("")

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread, found
