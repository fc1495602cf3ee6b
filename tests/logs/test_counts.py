"""What is counted of the log is what it holds, whoever writes it; and figures over all of it are as row by row."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from settings_app.logs import counts, days, figures
from settings_app.logs.filters import NO_KEY, Filters
from settings_app.models import RequestLog
from tests.logs.seeded import passes, plant, row

pytestmark = pytest.mark.django_db
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def planted() -> list[RequestLog]:
    chance = random.Random(3)
    statuses = ["ok", "ok", "ok", "error", "timeout", "rejected", "interrupted"]
    rows = [
        row(
            n,
            status=chance.choice(statuses),
            model=chance.choice(["a", "a", "b"]),
            api_key=chance.choice(["", "laptop"]),
            phase=chance.choice(["decode", "cloud"]),
            queue_ms=chance.choice([0.0, 900.0, 40_000.0]),
            prefill_ms=chance.uniform(0, 90_000),
            decode_ms=chance.uniform(0, 90_000),
            cloud_ms=chance.choice([0.0, 70_000.5]),
            total_ms=chance.choice([0.0, 3.2, 16.0, 16.001, 17.0, 1e9, chance.uniform(0, 5000)]),
            completion_tokens=chance.choice([0, 10]),
        )
        for n in range(400)
    ]
    for made in rows:
        made.at = NOON - timedelta(minutes=chance.randrange(5 * 24 * 60))
    return plant(rows)


def held() -> dict[str, Counter[Any]]:
    """By table: what is counted. Sums that came to 0 are no more than those that are not there."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(counts.TABLES):
            cursor.execute(f"SELECT * FROM {table}")
            found[table] = Counter(
                row for row in cursor.fetchall() if any(isinstance(v, int) and v for v in row[-1:])
            )
    return found


def test_what_is_written_changed_and_deleted_is_counted_as_if_anew(planted: list[RequestLog]) -> None:
    RequestLog.objects.filter(pk__in=[row.pk for row in planted[:100]]).delete()
    RequestLog.objects.filter(model="b").update(status="timeout", total_ms=77_777.0, decode_ms=70_000.0)
    kept = held()
    assert {name: len(rows) > 20 for name, rows in kept.items()} == dict.fromkeys(counts.TABLES, True)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {days.COUNTS}")
    counts.keep()
    assert held() == kept
    RequestLog.objects.all().delete()
    assert held() == {name: Counter() for name in counts.TABLES}
    counts.forget_empty()
    with connection.cursor() as cursor:
        for table in counts.TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,)


ASKED = [
    Filters(),
    Filters(status="ok"),
    Filters(model="a", api_key=NO_KEY),
    Filters(model="nobody"),
    Filters(since=NOON - timedelta(days=2, hours=1)),
    Filters(since=NOON - timedelta(days=2, hours=11), until=NOON - timedelta(hours=30), model="a"),
    Filters(since=NOON - timedelta(days=2, hours=-7), until=NOON - timedelta(hours=38)),
    Filters(since=NOON - timedelta(hours=31), until=NOON - timedelta(hours=27), status="ok"),
    Filters(since=NOON - timedelta(days=1, hours=1), until=NOON - timedelta(hours=11, minutes=30)),
    Filters(until=NOON - timedelta(days=3)),
    Filters(since=NOON + timedelta(days=9)),
    Filters(until=datetime(9999, 12, 31, tzinfo=UTC)),
    Filters(since=datetime(9999, 12, 31, tzinfo=UTC)),
    Filters(since=NOON, until=NOON),
]


@pytest.mark.parametrize("filters", ASKED)
def test_figures_over_all_are_as_row_by_row(
    planted: list[RequestLog], filters: Filters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "FEW", figures.SAMPLE)
    exact = figures.figures(filters)
    assert exact.count == len([row for row in planted if passes(filters, row)])
    assert not exact.is_rounded
    assert figures.of_all(row for row in planted if passes(filters, row)) == exact
    for most in ("SAMPLE", "FEW"):
        monkeypatch.setattr(figures, most, -1)  # as if they were too many to look at each
    found = figures.figures(filters)
    assert (found.count, found.is_all, found.by_status) == (exact.count, True, exact.by_status)
    assert found.tokens_per_second == pytest.approx(exact.tokens_per_second, abs=0.1)
    for rounded, real in ((found.p50_ms, exact.p50_ms), (found.p95_ms, exact.p95_ms)):
        if real is None or rounded is None or real > 2**27:
            assert (rounded is None) == (real is None)
        else:
            assert real <= rounded < max(real * 9 / 8, real + 1)


def test_figures_of_a_few_are_exact() -> None:
    plant(
        row(n, age=timedelta(seconds=n), total_ms=float(n), completion_tokens=50, decode_ms=500.0)
        for n in range(1, 101)
    )
    plant([row(200, status="rejected", total_ms=9e9, completion_tokens=0)])
    found = figures.figures(Filters())
    assert (found.count, found.is_all, found.by_status) == (101, True, {"ok": 100, "rejected": 1})
    assert (found.p50_ms, found.p95_ms, found.tokens_per_second) == (50.0, 95.0, 100.0)
    nothing = figures.figures(Filters(model="nobody"))
    assert (nothing.count, nothing.p50_ms, nothing.tokens_per_second, nothing.by_status) == (
        0,
        None,
        None,
        {},
    )


def test_with_text_in_the_id_they_are_of_the_newest_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(row(n, age=timedelta(seconds=n), total_ms=float(n)) for n in range(1, 101))
    monkeypatch.setattr(figures, "SAMPLE", 11)
    found = figures.figures(Filters(text="0000000"))
    assert (found.count, found.is_all, found.p50_ms, found.is_rounded) == (11, False, 6.0, False)
    assert found.since is not None


@pytest.mark.parametrize(("hours", "is_whole"), [(8, True), (48, False)])
def test_a_page_that_holds_all_that_passes_has_its_figures_from_its_rows(
    planted: list[RequestLog], client: Client, hours: int, is_whole: bool
) -> None:
    """They are summed up by the database only where there are more."""
    client.force_login(User.objects.create_superuser("ada"))
    filters = Filters(since=NOON - timedelta(hours=24 + hours), until=NOON - timedelta(hours=24))
    times = {name: f"{getattr(filters, name):%Y-%m-%dT%H:%M:%S}" for name in ("since", "until")}
    with CaptureQueriesContext(connection) as asked:
        page = client.get("/settings/logs/", {"range": "custom", **times}, headers={"hx-request": "true"})
    passing = sum(passes(filters, row) for row in planted)
    assert (0 < passing <= 50) == is_whole
    assert f"all {passing} requests" in page.content.decode()
    assert any("SUM(" in query["sql"] for query in asked.captured_queries) == (not is_whole)
