"""What a million requests in the log cost: `.venv/bin/python -m bench.logs`.

A database of its own; every time is that of the function that a page or an answer calls, in this process. Exit 1 if
anything is out of bounds. What a whole run measured goes to bench/results/logs.json.
"""

import argparse
import asyncio
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.table import Line, show, write

RESULTS = Path(__file__).parent / "results" / "logs.json"
ROWS = 1_000_000
MOST_MS = 100.0
MOST_EXPORT_MB = 30.0  # that the process grows by while all is exported
TURNS = 9
COPIES = 50
WRITTEN = 5_000
DAYS = 30
NOTE = (
    "A million requests in 30 days: 12 models, of which each is asked half as often as the one before, 4 API keys, 2 "
    "backends, 3 endpoints; 94 in 100 done. Medians of 9 turns: processor time, which other work on the machine does "
    "not lengthen, is what is bounded; beside it the clock's. The page is the whole section: values to choose from, "
    "rows, figures, HTML. Cut: it looked for as long as it may, and said so. The writer saves batches of 100."
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLX_MANAGER_HOME"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "mlx_manager.settings"
        import django

        django.setup()
        lines = _lines(arguments.rows)
    print(NOTE)
    if arguments.rows >= ROWS:
        write(RESULTS, lines, [NOTE], load)
    return 0 if all(line.held for line in lines) else 1


def _lines(count: int) -> list[Line]:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    _fill(count)
    lines = [*_pages(), *_others()]
    last = [_export(count), _writer()]
    show(last)
    return [*lines, *last]


def _fill(count: int) -> None:
    """Each row that is made stands for fifty, which came one after the other."""
    from django.db import connection

    from settings_app.models import RequestLog

    RequestLog.objects.bulk_create(_rows(count // COPIES), batch_size=1000)
    table = RequestLog._meta.db_table
    names = [
        field.attname
        for field in RequestLog._meta.concrete_fields
        if field.attname not in ("id", "request_id", "at")
    ]
    gap = DAYS * 86_400 / count
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE made AS SELECT * FROM {table}")
        cursor.execute(f"DELETE FROM {table}")
        cursor.execute(
            f"WITH RECURSIVE copy(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM copy WHERE n < {COPIES - 1}) "
            f"INSERT INTO {table} (request_id, at, {', '.join(names)}) "
            "SELECT 'req_' || lower(hex(randomblob(12))), "
            f"strftime('%Y-%m-%d %H:%M:%f', at, (n * {gap}) || ' seconds'), {', '.join(names)} "
            "FROM made CROSS JOIN copy ORDER BY made.id, n"
        )
    print(f"{RequestLog.objects.count()} rows", flush=True)


def _writer() -> Line:
    """On top of them, by the function that the server's writer calls."""
    from inference.request_log import BATCH_ROWS, write_batch

    rows = list(_rows(WRITTEN, seed=6))
    began = time.perf_counter()
    for at in range(0, WRITTEN, BATCH_ROWS):
        assert write_batch(rows[at : at + BATCH_ROWS]) == []
    rate = WRITTEN / (time.perf_counter() - began)
    return Line("the writer, with all indexes", "", {"rows": WRITTEN, "rows/s": round(rate)})


def _rows(count: int, seed: int = 5) -> Iterator[Any]:
    from tests.logs.seeded import row

    chance = random.Random(seed)
    models = [f"model-{n}" for n in range(12)]
    kinds = ["ok", "timeout", "client_closed", "error", "rejected", "cancelled"]
    for number in range(count):
        model = chance.choices(models, [2.0**-n for n in range(12)])[0]
        yield row(
            chance.getrandbits(96),
            age=timedelta(days=DAYS) * (1 - number / count) * 0.999,
            model=model,
            served_model=model,
            status=chance.choices(kinds, [940, 10, 20, 10, 19, 1])[0],
            endpoint=chance.choices(["/v1/chat/completions", "/v1/completions", "/v1/embeddings"], [8, 1, 1])[
                0
            ],
            backend=chance.choices(["local", "Afar"], [99, 1])[0],
            api_key=chance.choices(["", "laptop", "ci", "rare"], [400, 400, 199, 1])[0],
            total_ms=chance.expovariate(1 / 3000),
            decode_ms=chance.expovariate(1 / 2000),
        )


FILTERS: dict[str, dict[str, str]] = {
    "first page": {},
    "last hour": {"range": "1h"},
    "last 7 days": {"range": "7d"},
    "status, common": {"status": "ok"},
    "status, 1 in 1000": {"status": "cancelled"},
    "model, rarest": {"model": "model-11"},
    "model that is not there": {"model": "nobody"},
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
}


def _pages() -> list[Line]:
    from django.http import QueryDict
    from django.template.loader import render_to_string

    from inference.pages import logs

    lines = []
    for name, asked in FILTERS.items():
        query = QueryDict(mutable=True)
        query.update(asked)

        def page(query: QueryDict = query) -> Any:
            found = logs.section(query)
            render_to_string("settings/logs.html", {"logs": found})
            return found

        found = page()
        far = " (cut)" if found["is_cut"] else ""
        lines.append(_line(f"page: {name}", page, {"rows": len(found["rows"])}, far))
    return lines


def _others() -> list[Line]:
    from settings_app.logs import figures, rows
    from settings_app.logs.filters import Filters
    from settings_app.logs.rows import Place

    middle = rows.newest(Filters(), limit=500).older
    assert middle is not None
    deep = Place(middle.at - timedelta(days=15), 1)
    filters = Filters(status="error", model="model-1")
    last = rows.last_id()
    return [
        _line("page in the middle of the log", lambda: rows.newest(Filters(), before=deep)),
        _line("API: 500 rows", lambda: rows.newest(Filters(), limit=500)),
        _line("figures of all", lambda: figures.figures(Filters())),
        _line("figures of two filters", lambda: figures.figures(filters)),
        _line("live: a look with 100 new rows", lambda: rows.written(filters, last - 100, 50)),
    ]


def _line(what: str, call: Callable[[], Any], more: dict[str, float] | None = None, note: str = "") -> Line:
    took, worked = [], []
    for _ in range(TURNS):
        began, ran = time.perf_counter(), time.process_time()
        call()
        worked.append((time.process_time() - ran) * 1000)
        took.append((time.perf_counter() - began) * 1000)
    figures = {
        "median": round(statistics.median(worked), 2),
        "by the clock": round(statistics.median(took), 2),
        **(more or {}),
    }
    line = Line(what + note, "ms", figures, {"median": MOST_MS})
    print(line.text(), flush=True)
    return line


def _export(count: int) -> Line:
    from settings_app.logs.export import FORMATS, export
    from settings_app.logs.filters import Filters

    async def all_of_it() -> int:
        size = 0
        async for piece in export(Filters(), FORMATS["csv"]):
            size += len(piece)
        return size

    before, began = _peak_mb(), time.perf_counter()
    size = asyncio.run(all_of_it())
    took = time.perf_counter() - began
    figures = {
        "rows/s": round(count / took),
        "MB": round(size / 1e6, 1),
        "grown MB": round(_peak_mb() - before, 1),
    }
    return Line("export of all as CSV", "", figures, {"grown MB": MOST_EXPORT_MB})


def _peak_mb() -> float:
    """The most that this process ever held."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    sys.exit(main())
