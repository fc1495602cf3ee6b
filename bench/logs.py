"""What a million requests in the log cost: `.venv/bin/python -m bench.logs`.

A server with a log of its own, asked over HTTP as a browser and programs ask it. Exit 1 if anything is out of bounds.
What a whole run measured goes to bench/results/logs.json.
"""

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx2

from bench.log_rows import SAID, fill, insert, made
from bench.table import Line, show, write
from bench.work import cpu_ms, held_mb
from tests.server import Server, serving
from tests.v1.signed_in import SignedIn

RESULTS = Path(__file__).parent / "results" / "logs.json"
ROWS = 1_000_000
MOST_MS = 100.0
MOST_EXPORT_MB = 30.0  # that the server grows by while all is exported
TURNS = 9
EVENTS = 5
NOTES = [
    SAID,
    "Milliseconds from the request to the last byte, as a client of this machine sees it: the median and worst of 9; "
    "and what the server worked for one, with all its threads, the median. The first look is told with what a fresh "
    "server does once. (cut): it looked for as long as it may, and said so. Live: from the row's commit to the event; "
    "the log is looked at four times a second.",
]
FILTERS: dict[str, dict[str, str]] = {
    "none": {},
    "last hour": {"range": "1h"},
    "last 24 hours": {"range": "24h"},
    "last 7 days": {"range": "7d"},
    "status, common": {"status": "ok"},
    "status, 1 in 1000": {"status": "cancelled"},
    "model": {"model": "model-0"},
    "model, rarest": {"model": "model-11"},
    "model that is not there": {"model": "nobody"},
    "API key": {"api_key": "laptop"},
    "API key, rare": {"api_key": "rare"},
    "backend": {"backend": "Afar"},
    "endpoint": {"endpoint": "/v1/embeddings"},
    "two that are common": {"status": "ok", "model": "model-0"},
    "two, few together": {"status": "error", "backend": "Afar"},
    "three, hardly any": {"status": "cancelled", "model": "model-3", "api_key": "ci"},
    "two, none together": {"status": "interrupted", "model": "model-0"},
    "four and a time": {
        "status": "timeout",
        "model": "model-5",
        "api_key": "laptop",
        "backend": "Afar",
        "range": "7d",
    },
    "text that is nowhere": {"text": "zzzz"},
    "text, one in a million": {"text": "ffffff"},
    "text, an id's beginning": {"text": "req_ffff"},
    "text and a model": {"text": "ffff", "model": "model-1"},
}
OTHERS = {
    "/": "dashboard",
    "/dashboard/now/": "dashboard, what is now",
    "/dashboard/traffic/": "dashboard, traffic",
    "/settings/": "settings, the whole page",
    "/api/settings/timeouts/figures": "API: timeouts, figures and suggestions",
    "/api/requests/running": "API: running now",
}
WRITER = """
import random, time
from django.utils import timezone
from inference.request_log import BATCH_ROWS, write_batch
from tests.logs.seeded import row
rows = [
    row(random.getrandbits(96), model=f"model-{n % 12}", total_ms=random.expovariate(1 / 3000)) for n in range(5000)
]
began = time.perf_counter()
for at in range(0, len(rows), BATCH_ROWS):
    assert write_batch(rows[at : at + BATCH_ROWS]) == []
print(len(rows) / (time.perf_counter() - began))
"""


class Visitor:
    """A member of staff with a browser's connection, and a program with a key."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.http = server.http()
        SignedIn(server, self.http)
        self.api = server.api()

    def ask(self, path: str, query: dict[str, str]) -> httpx2.Response:
        client = self.api if path.startswith("/api/") else self.http
        part = {"hx-request": "true"} if path == "/settings/logs/" else {}
        return client.get(path, params=query, headers=part).raise_for_status()

    def line(self, what: str, path: str, query: dict[str, str]) -> Line:
        text = self.ask(path, query).text
        took, worked = [], []
        for _ in range(TURNS):
            before, began = cpu_ms(self.server.process.pid), time.perf_counter()
            self.ask(path, query)
            took.append((time.perf_counter() - began) * 1000)
            worked.append(cpu_ms(self.server.process.pid) - before)
        figures = {
            "median": round(statistics.median(took), 1),
            "worst": round(max(took), 1),
            "server": round(statistics.median(worked), 1),
            "KB": round(len(text) / 1000, 1),
        }
        cut = " (cut)" if "Look further back" in text else ""
        line = Line(what + cut, "ms", figures, {"median": MOST_MS, "server": MOST_MS})
        print(line.text(), flush=True)
        return line


def _asked(visitor: Visitor) -> Iterator[Line]:
    for path, what in OTHERS.items():
        yield visitor.line(what, path, {})
    for name, query in FILTERS.items():
        yield visitor.line(f"page: {name}", "/settings/logs/", query)
    middle = int((datetime.now(UTC) - timedelta(days=15)).timestamp() * 1_000_000)
    yield visitor.line("page in the middle", "/settings/logs/", {"cursor": f"{middle}.1"})
    for name, query in FILTERS.items():
        yield visitor.line(f"API: {name}", "/api/requests", query)
        yield visitor.line(f"API: figures: {name}", "/api/requests/figures", query)
    yield visitor.line("API: 500 rows", "/api/requests", {"limit": "500"})


def _first_look(visitor: Visitor) -> Line:
    """Nothing was counted before, and nothing has to be."""
    figures = {}
    for path in ("/", "/settings/"):
        began = time.perf_counter()
        visitor.ask(path, {})
        figures[path] = round((time.perf_counter() - began) * 1000, 1)
    return Line("the first look after a start", "ms", figures)


def _live(visitor: Visitor, query: dict[str, str], what: str) -> Line:
    """A row that passes is written by another process, and the event waited for."""
    last = visitor.server.rows("SELECT max(id) AS last FROM settings_app_requestlog")[0]["last"]
    took: list[float] = []
    before = cpu_ms(visitor.server.process.pid)
    path = f"/settings/logs/live/?{urlencode({**query, 'after': last})}"
    with visitor.http.stream("GET", path) as stream:
        lines = stream.iter_lines()
        for number in range(EVENTS):
            written = threading.Timer(0.3, _write_one, (visitor.server, query, number, took))
            written.start()
            next(line for line in lines if line.startswith("event: rows"))
            took[-1] = (time.perf_counter() - took[-1]) * 1000
    figures = {
        "median": round(statistics.median(took), 1),
        "worst": round(max(took), 1),
        "server": round((cpu_ms(visitor.server.process.pid) - before) / EVENTS, 1),
    }
    return Line(what, "ms", figures, {"server": MOST_MS})


def _write_one(server: Server, query: dict[str, str], number: int, moments: list[float]) -> None:
    row = next(made(1, seed=100 + number, begins=datetime.now(UTC), gap=timedelta()))
    with closing(sqlite3.connect(server.home / "db.sqlite3", timeout=10)) as database:
        moments.append(time.perf_counter())
        insert(database, iter([{**row, "request_id": f"req_{time.time_ns():024x}", **query}]))


def _export(visitor: Visitor, form: str, count: int) -> Line:
    pid = visitor.server.process.pid
    before = most = held_mb(pid)
    size = ends = 0
    began = time.perf_counter()
    with visitor.api.stream("GET", "/api/requests/export", params={"format": form}) as stream:
        for piece in stream.iter_bytes():
            size += len(piece)
            ends += piece.count(b"\n")
            most = max(most, held_mb(pid))
    took = time.perf_counter() - began
    assert ends >= count, f"{ends} lines of {count} rows"
    figures = {
        "rows/s": round(count / took),
        "MB": round(size / 1e6, 1),
        "held before MB": round(before, 1),
        "grown MB": round(most - before, 1),
    }
    return Line(f"export of all as {form.upper()}", "", figures, {"grown MB": MOST_EXPORT_MB})


def _lines(home: Path, count: int) -> list[Line]:
    fill(home, count)
    with serving(home) as server:
        visitor = Visitor(server)
        first = _first_look(visitor)
        lines = [first, *_asked(visitor)]
        last = [
            _live(visitor, {}, "live: from a row to its event"),
            _live(visitor, {"status": "error", "model": "model-1"}, "live, filtered"),
            *(_export(visitor, form, count) for form in ("csv", "json", "jsonl")),
        ]
        rate = float(server.manage("shell", "-v", "0", "-c", WRITER, timeout=300).stdout.splitlines()[-1])
    last.append(Line("the writer, with all indexes and counts", "", {"rows": 5_000, "rows/s": round(rate)}))
    show([first, *last])
    return [*lines, *last]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        lines = _lines(Path(folder), arguments.rows)
    print(*NOTES, sep="\n")
    if arguments.rows >= ROWS:
        write(RESULTS, lines, NOTES, load)
    return 0 if all(line.held for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
