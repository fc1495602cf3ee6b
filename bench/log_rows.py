"""A million requests of a month, put into the log of a server that does not run yet."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.logs.values import PLAIN
from tests.server import environment, manage

DAYS = 30
BEGINS = timedelta(days=DAYS * 0.999)  # none is older than it may be
MODELS = [f"model-{number}" for number in range(12)]
ENDPOINTS = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"]
STATUSES = {"ok": 940, "timeout": 10, "client_closed": 20, "error": 10, "rejected": 19, "cancelled": 1}
KEYS = {"": 400, "laptop": 400, "ci": 199, "rare": 1}
SAID = (
    "A million requests in 30 days, each one's values drawn by themselves: 12 models, of which each is asked half as "
    "often as the one before, 4 API keys, 2 backends, 3 endpoints; 94 in 100 done, 1 in 20 long."
)


def fill(home: Path, count: int) -> None:
    """Without the triggers that count them: they are laid, and all is counted, by the migration after it."""
    manage(environment(home), "migrate", timeout=600)
    with closing(sqlite3.connect(home / "db.sqlite3")) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        insert(
            database, made(count, seed=5, begins=datetime.now(UTC) - BEGINS, gap=timedelta(days=DAYS) / count)
        )
    manage(environment(home), "migrate", timeout=600)


def insert(database: sqlite3.Connection, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows)
    sql = f"INSERT INTO settings_app_requestlog ({', '.join(first)}) VALUES ({', '.join(f':{name}' for name in first)})"
    database.execute(sql, first)
    database.executemany(sql, rows)
    database.commit()


def made(count: int, *, seed: int, begins: datetime, gap: timedelta) -> Iterator[dict[str, Any]]:
    chance = random.Random(seed)

    def drawn(weighed: dict[str, int]) -> list[str]:
        return chance.choices(list(weighed), list(weighed.values()), k=count)

    models = drawn({name: 2 ** (len(MODELS) - number) for number, name in enumerate(MODELS)})
    statuses, keys, backends = drawn(STATUSES), drawn(KEYS), drawn({"local": 99, "Afar": 1})
    endpoints = drawn(dict(zip(ENDPOINTS, (8, 1, 1), strict=True)))
    for number in range(count):
        prefill_ms = chance.expovariate(1 / 200)
        decode_ms = chance.expovariate(1 / 2_800 if chance.random() < 0.95 else 1 / 60_000)
        yield {
            **PLAIN,
            "request_id": f"req_{chance.getrandbits(96):024x}",
            "at": (begins + gap * number).strftime("%Y-%m-%d %H:%M:%S.%f"),
            "endpoint": endpoints[number],
            "model": models[number],
            "served_model": models[number],
            "backend": backends[number],
            "api_key": keys[number],
            "status": statuses[number],
            "prefill_ms": prefill_ms,
            "decode_ms": decode_ms,
            "total_ms": 1 + prefill_ms + decode_ms,
        }
