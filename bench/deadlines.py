"""Whether deadlines hold, measured on a server of its own: `.venv/bin/python -m bench.deadlines`.

Exit 1 if anything is out of bounds. What a whole run measured goes to bench/results/deadlines.json.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from bench.client import Client
from bench.leaks import NO_TASKS, NOT_HERE, PROC, Leaks, stopped
from bench.neighbours import Neighbours, held_bytes, memory_back
from bench.pauses import Pauses
from bench.phases import Phases
from bench.table import Line, show, write
from tests.conftest import warm
from tests.server import Server, environment, manage, serving
from tests.tiny_model import make_tiny_model

RESULTS = Path(__file__).parent / "results" / "deadlines.json"
FLOOR = {"MLX_MANAGER_TIMEOUT_FLOOR": "0.01"}
PARTS = ("phases", "neighbours", "leaks")
COUNT, LEAKS = 200, 1000  # what is promised is promised of so many


async def _lines(
    server: Server, count: int, leaks: int, parts: list[str]
) -> AsyncGenerator[list[Line], None]:
    client = Client(server.url)
    if "phases" in parts:
        phases = Phases(server, client, count)
        yield await phases.own_cost()
        await asyncio.to_thread(warm, server)
        before = await asyncio.to_thread(held_bytes, server)
        for part in (phases.decode, phases.prefill, phases.queue):
            yield await part()
        yield [await asyncio.to_thread(memory_back, before, server)]
    if "neighbours" in parts:
        neighbours = Neighbours(client, count)
        yield await neighbours.texts()
        yield await neighbours.first_tokens()
    if "leaks" in parts:
        yield await Leaks(server, client, leaks).measure()
    yield [await asyncio.to_thread(stopped, server)]


async def _measure(server: Server, count: int, leaks: int, parts: list[str]) -> list[Line]:
    found: list[Line] = []
    pauses = Pauses()
    watching = asyncio.create_task(pauses.watch())
    async for lines in _lines(server, count, leaks, parts):
        lines.append(pauses.line())
        show(lines)
        found += lines
    watching.cancel()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help="requests per phase, streamed and not")
    parser.add_argument("--leaks", type=int, default=LEAKS, help="expiries, and as many departures")
    parser.add_argument("--only", choices=PARTS, help="one part")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    parts = [arguments.only] if arguments.only else list(PARTS)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        model = make_tiny_model(home / "tiny")
        manage(environment(home, **FLOOR), "add_model", "tiny", str(model))
        with serving(home, **FLOOR) as server:
            warm(server)
            lines = asyncio.run(_measure(server, arguments.count, arguments.leaks, parts))
    notes = [NO_TASKS] + ([] if PROC.exists() else [NOT_HERE])
    print(*notes, sep="\n")
    if not arguments.only and arguments.count >= COUNT and arguments.leaks >= LEAKS:
        write(RESULTS, lines, notes, load)
    return 0 if all(line.held for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
