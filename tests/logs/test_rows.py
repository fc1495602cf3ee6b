"""Pages through many rows: every filter finds the same as a look at each row, and no page takes long to find little."""

import html
import itertools
import random
import re
from datetime import time, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from inference.pages import logs_live
from inference.pages.live_view import Event
from settings_app.logs import export, rows
from settings_app.logs.filters import NO_KEY, Filters
from settings_app.models import RequestLog
from tests.logs.seeded import NOW, passes, plant, row

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "WINDOW", 20)
    monkeypatch.setattr(rows, "FEW", 8)


@pytest.fixture
def planted() -> list[RequestLog]:
    """As they are to be found: newest first. Many came at the same moment."""
    chance = random.Random(1)
    made = plant(
        row(
            n,
            age=timedelta(
                seconds=chance.choice([*range(60), *[7] * 60]), days=chance.choice([0, 0, 0, 1, 3])
            ),
            status=chance.choice(["ok", "ok", "ok", "error", "timeout"]),
            model=chance.choice(["a", "a", "b"]),
            api_key=chance.choice(["", "laptop"]),
            backend=chance.choice(["local"] * 9 + ["Afar"]),
        )
        for n in range(300)
    )
    return sorted(made, key=lambda row: (row.at, row.pk), reverse=True)


ASKED = [
    Filters(),
    Filters(status="error"),
    Filters(api_key=NO_KEY, model="b"),
    Filters(status="timeout", backend="Afar"),
    Filters(status="ok", model="a", api_key="laptop"),
    Filters(since=NOW - timedelta(seconds=30), until=NOW - timedelta(seconds=7), model="a", status="ok"),
    Filters(text="F"),
    Filters(text="req_"),
    Filters(text="req_0000000000000000000000a", model="a"),
    Filters(text="00000011", status="ok"),
    Filters(model="nobody", status="ok"),
]


@pytest.mark.parametrize("budget", [10.0, 0.0], ids=["in time", "cut at once"])
@pytest.mark.parametrize("filters", ASKED)
def test_all_pages_together_are_all_that_passes(
    small_windows: None, planted: list[RequestLog], filters: Filters, budget: float
) -> None:
    seen: list[int] = []
    place = None
    for _ in itertools.count():
        found = rows.newest(filters, limit=7, before=place, budget=budget)
        assert len(found.rows) <= 7
        assert not (found.is_cut and budget)
        seen += [row.pk for row in found.rows]
        if found.older is None:
            break
        place = rows.Place.read(str(found.older))
    assert seen == [row.pk for row in planted if passes(filters, row)]


def test_a_page_that_finds_little_says_how_far_it_looked(
    small_windows: None, planted: list[RequestLog]
) -> None:
    found = rows.newest(Filters(text="zzz"), budget=0.0)
    assert (found.rows, found.is_cut) == ([], True)
    assert found.older is not None
    assert found.older.at < NOW


def test_a_look_for_a_long_text_is_cut_within_a_day(small_windows: None, planted: list[RequestLog]) -> None:
    """Also for one that begins like an id, letter by letter."""
    found = rows.newest(Filters(text="eee1f", status="ok"), budget=0.0)
    assert found.is_cut and found.older is not None
    assert found.older.at.time() != time()


@pytest.mark.parametrize("budget", [10.0, 0.0], ids=["in time", "cut at once"])
def test_no_page_is_empty_while_older_ones_are_not(planted: list[RequestLog], budget: float) -> None:
    """Whatever two values are wanted together: the days that have such requests are known."""
    for status, model in itertools.product(("ok", "error", "timeout"), ("a", "b")):
        filters = Filters(status=status, model=model, api_key=NO_KEY)
        place = None
        while True:
            found = rows.newest(filters, limit=7, before=place, budget=budget)
            assert found.rows
            place = found.older
            if place is None:
                break
    assert rows.newest(Filters(status="ok", model="nobody"), budget=0.0) == rows.Found([], None)


def test_the_page_goes_on_by_itself_until_it_has_something(
    small_windows: None, planted: list[RequestLog], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look that a page asks for as soon as it is there, as htmx does it."""
    monkeypatch.setattr(rows.newest, "__kwdefaults__", {**(rows.newest.__kwdefaults__ or {}), "budget": 0.0})
    client.force_login(User.objects.create_superuser("ada"))
    oldest, looks = planted[-1].request_id, 0
    url = f"/settings/logs/?text={oldest[-20:]}"
    while True:
        page = client.get(url, headers={"hx-request": "true"}).content.decode()
        looks += 1
        goes_on = re.search(r'id="logs-nothing" hx-get="([^"]+)" hx-trigger="load"', page)
        if goes_on is None:
            break
        assert "None among the newest" in page
        url = html.unescape(goes_on[1])
    assert oldest in page.partition('id="logs-rows"')[2]
    assert looks > 2


def test_what_is_written_later_is_news_whenever_it_came(planted: list[RequestLog]) -> None:
    before = rows.last_id()
    late = plant([row(1000, age=timedelta(days=1)), row(1001, status="error")])
    assert rows.written(Filters(status="ok"), before, 50) == ([late[0]], 0, late[1].pk)
    assert rows.written(Filters(), late[1].pk, 50) == ([], 0, late[1].pk)


@pytest.mark.parametrize("filters", ASKED)
def test_news_are_what_passes_and_how_many_more_do_is_said(
    planted: list[RequestLog], filters: Filters
) -> None:
    first = min(row.pk for row in planted)
    passing = sorted((row.pk for row in planted if row.pk > first and passes(filters, row)), reverse=True)
    found, skipped, _ = rows.written(filters, first, 5)
    assert [row.pk for row in found] == passing[:5]
    assert skipped == len(passing[5:])
    assert "SEARCH settings_app_requestlog USING INTEGER PRIMARY KEY" in filters.among(first, 10**6).explain()


@pytest.mark.parametrize(("model", "skipped"), [("", 250), ("a", 0), ("b", 200)])
def test_the_live_view_says_how_many_it_does_not_show(model: str, skipped: int) -> None:
    plant(row(n, model="a" if n < 50 else "b") for n in range(300))
    (shown, *more), _ = logs_live._news(Filters(model=model), 0)
    assert (shown.name, shown.data.count(b"</tr>")) == ("rows", 50)
    assert more == ([Event(str(skipped).encode(), "skipped")] if skipped else [])


def test_values_are_those_that_stand_there(planted: list[RequestLog]) -> None:
    assert rows.values("model") == ["a", "b"]
    assert rows.values("api_key") == ["laptop"]


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(begins: str) -> None:
    assert export._csv([[f"{begins}HYPERLINK(1)"]], True).strip('"').startswith(f"'{begins}")
