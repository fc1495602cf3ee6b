"""The section Request Logs in a real browser, on a real server."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import administrator, hide
from tests.conftest import FLOOR, warm
from tests.pages.test_browser import SCREENS, _screen_name, assert_clean
from tests.server import Server, environment, manage, serving
from tests.v1.asking import LONG, SHORT, ask
from tests.v1.signed_in import SignedIn

pytestmark = pytest.mark.browser
Open = Callable[..., AbstractContextManager[Page]]
SECRET = "sesame-open-yourself"

SEED = """
from datetime import timedelta
from tests.logs.seeded import plant, row
statuses = ["ok", "ok", "timeout", "client_closed", "error", "rejected", "interrupted", "cancelled"]
plant(
    row(n, age=timedelta(minutes=5 + n), status=statuses[n % 8], model=f"model-{n % 3}", served_model=f"model-{n % 3}",
        backend=["local", "Afar"][n % 5 == 4], total_ms=1000 * n + 2.5, decode_ms=800 * n, prefill_ms=150 * n,
        queue_ms=50 * n + 2.5, deadline_seconds=[60, 900][n % 2], api_key=["", "laptop"][n % 4 == 1],
        error_code=["", "", "deadline_exceeded", "", "runner_failed", "model_not_found", "interrupted", ""][n % 8])
    for n in range(70)
)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("logs-section")
    manage(environment(home, **FLOOR), "add_model", "tiny", str(tiny_model))
    manage(environment(home, **FLOOR), "shell", "-c", SEED)
    with serving(home, **FLOOR) as server:
        warm(server)
        yield server


@pytest.fixture
def open_page(server: Server, browser: Browser) -> Open:
    return partial(administrator, browser, server)


@pytest.fixture
def page(open_page: Open) -> Iterator[Page]:
    with open_page("/settings/") as page:
        yield page


def rows(page: Page) -> Any:
    return page.locator("#logs-rows tr")


def filtered(page: Page) -> None:
    with page.expect_response(lambda answer: "/settings/logs/" in answer.url):
        page.locator("#logs-go").click()


def test_live_rows_arrive_while_filtered_and_the_export_is_what_is_filtered(
    server: Server, page: Page
) -> None:
    page.locator("#logs").get_by_label("Model").fill("tiny")
    page.locator("#logs").get_by_label("Status").select_option("Ok")
    filtered(page)
    expect(rows(page)).to_have_count(1)  # the one that warmed it
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#logs-live-state")).to_have_text("Requests appear as they end.")
    ask(server, **LONG, timeout=0.3)  # does not pass
    said = [{"role": "user", "content": SECRET}]
    first = ask(server, **{**SHORT, "messages": said}).headers["x-request-id"]
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text(first)
    expect(page.locator("#announcer")).to_have_text("One new request")
    expect(page.get_by_role("button", name="Live")).to_have_attribute("aria-pressed", "true")

    page.locator("#logs").get_by_label("Status").select_option("Any")  # and goes on with other filters
    filtered(page)
    expect(rows(page)).to_have_count(3)
    expect(page.locator("#logs-live-state")).to_have_text("Requests appear as they end.")
    late = ask(server, **LONG, timeout=0.3).headers["x-request-id"]
    expect(rows(page).first).to_contain_text(late)
    expect(rows(page).first).to_contain_text("Timed out")
    page.get_by_role("button", name="Live").click()
    expect(page.get_by_role("button", name="Live")).to_have_attribute("aria-pressed", "false")

    rows(page).first.get_by_role("link").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("deadline_exceeded")
    expect(dialog).to_contain_text("stop_latency_ms")
    dialog.get_by_role("link", name="Close").click()

    texts = {}
    for name in ("CSV", "JSON", "JSONL"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).click()
        texts[name] = download.value.path().read_text()
        assert download.value.suggested_filename.endswith(f".{name.lower()}")
    table = list(csv.DictReader(io.StringIO(texts["CSV"])))
    assert [row["id"] for row in table[:1]] == [late]
    assert {row["model"] for row in table} == {"tiny"} and len(table) == 4
    assert [row["id"] for row in json.loads(texts["JSON"])] == [row["id"] for row in table]
    assert [json.loads(line)["id"] for line in texts["JSONL"].splitlines()] == [row["id"] for row in table]
    assert SECRET not in "".join([*texts.values(), page.content(), *server.lines])
    for file in server.home.glob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file


def test_nothing_is_asked_for_while_the_tab_is_hidden_and_then_all_that_came(
    server: Server, page: Page
) -> None:
    """The connection is gone; the next one goes on where it was."""
    page.locator("#logs").get_by_label("Model").fill("tiny")
    filtered(page)
    before = rows(page).count()
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#logs-live-state")).to_have_text("Requests appear as they end.")
    seen = ask(server, **SHORT).headers["x-request-id"]
    expect(rows(page).first).to_contain_text(seen)
    hide(page, True)
    came = [ask(server, **SHORT).headers["x-request-id"] for _ in range(2)]
    server.logged(came[-1])
    page.wait_for_timeout(800)  # some looks
    expect(rows(page)).to_have_count(before + 1)
    with page.expect_request("**/settings/logs/live/**") as again:
        hide(page, False)
    assert "after=0" not in again.value.url and f"after={seen_row(server, seen)}" in again.value.url
    expect(rows(page)).to_have_count(before + 3)
    expect(rows(page).first).to_contain_text(came[-1])
    page.get_by_role("button", name="Live").click()


def seen_row(server: Server, id: str) -> int:
    return int(server.logged(id)["id"])


def test_pages_figures_and_a_filter_that_nothing_passes(page: Page) -> None:
    section = page.locator("#logs")
    section.get_by_label("Model").fill("model-1")
    section.get_by_label("API key").select_option("laptop")
    section.get_by_label("Time", exact=True).select_option("Last 24 hours")
    filtered(page)
    expect(page.locator("#logs-figures")).to_contain_text("that pass the filters")
    count = rows(page).count()
    assert count == len([n for n in range(70) if n % 3 == 1 and n % 4 == 1])
    expect(page.locator("#logs-figures .hint")).to_contain_text(f"all {count} requests")
    section.get_by_label("Backend").select_option("Afar")
    section.get_by_label("Status").select_option("Cancelled")
    filtered(page)
    expect(section.get_by_role("heading", name="No request passes these filters")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(rows(page)).to_have_count(50)
    first = rows(page).first.get_attribute("data-row")
    page.locator("#logs-older").click()
    expect(page.locator("#logs-newest")).to_be_visible()
    assert 20 <= rows(page).count() < 50
    expect(page.locator("#logs-older")).to_have_count(0)
    page.locator("#logs-newest").click()
    expect(rows(page)).to_have_count(50)
    expect(rows(page).first).to_have_attribute("data-row", first or "")


def test_a_wrong_time_is_said_beside_it_and_what_was_typed_stays(page: Page) -> None:
    section = page.locator("#logs")
    section.get_by_label("Model").fill("model-2")
    section.get_by_label("Time", exact=True).select_option("custom")
    section.get_by_label("From").fill("2026-02-01T10:00:00")
    section.get_by_label("Until").fill("2026-01-01T10:00:00")
    filtered(page)
    expect(section.get_by_text("This is before the time it begins at")).to_be_visible()
    expect(section.get_by_label("Model")).to_have_value("model-2")
    expect(section.get_by_label("Until")).to_have_value(re.compile("^2026-01-01T10:00"))
    section.get_by_label("Until").fill("2026-03-01T10:00:00")
    filtered(page)
    expect(section.get_by_text("This is before")).to_have_count(0)


def test_by_keyboard_alone_and_how_long_it_is_kept(server: Server, page: Page) -> None:
    page.locator("#logs-text").focus()
    page.keyboard.type(f"{33:024x}"[4:])
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(1)
    rows(page).get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("model-0")
    page.keyboard.press("Escape")
    days = page.get_by_label("Keep requests, in days")
    days.focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("-1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Enter a whole number of days")).to_be_visible()
    expect(page.locator("#logs.htmx-added")).to_have_count(0)  # the new form is htmx's from now on
    expect(days).to_have_value("-1")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("90")
    page.keyboard.press("Enter")
    expect(page.locator("#logs .notice[role=status]")).to_contain_text("Saved.")
    expect(page.locator("#logs-text")).to_have_value(f"{33:024x}"[4:])
    expect(rows(page)).to_have_count(1)
    with server.api() as api:
        assert api.get("/api/settings/logs").json() == {"retention_days": 90}


def test_live_paging_and_export_by_keyboard_alone(server: Server, page: Page) -> None:
    def at(id: str) -> None:
        expect(page.locator(f"#{id}")).to_be_focused()

    page.locator("#logs-go").focus()
    page.keyboard.press("Tab")
    at("logs-live")
    page.keyboard.press("Space")
    expect(page.locator("#logs-live-state")).to_have_text("Requests appear as they end.")
    came = ask(server, **SHORT).headers["x-request-id"]
    expect(rows(page).first).to_contain_text(came)
    at("logs-live")
    page.keyboard.press("Enter")
    expect(page.locator("#logs-live")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="CSV")).to_be_focused()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert came in download.value.path().read_text()
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="JSONL")).to_be_focused()
    page.keyboard.press("Tab")
    expect(rows(page).first.get_by_role("link")).to_be_focused()
    rows(page).last.get_by_role("link").focus()
    page.keyboard.press("Tab")
    at("logs-older")
    page.keyboard.press("Enter")
    expect(page.locator("#logs-newest")).to_be_visible()
    at("logs-title")  # for this was the last page
    page.locator("#logs-newest").focus()
    page.keyboard.press("Enter")
    expect(rows(page).first).to_contain_text(came)


COPY = """
INSERT INTO settings_app_requestlog ({columns}, request_id, at)
WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 45)
SELECT {columns}, 'req_' || lower(hex(randomblob(12))), strftime('%Y-%m-%d %H:%M:%f000', 'now')
FROM many CROSS JOIN (SELECT * FROM settings_app_requestlog WHERE model = 'model-1' LIMIT 1)
"""


def test_what_live_pushed_out_is_found_by_paging(server: Server, page: Page) -> None:
    """Of 200 rows that are shown at most, the oldest go; the older ones begin behind the last."""
    page.locator("#logs").get_by_label("Model").fill("model-1")
    filtered(page)
    shown = rows(page).count()
    expect(page.locator("#logs-older")).to_be_hidden()
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#logs-live-state")).to_have_text("Requests appear as they end.")
    columns = server.rows("SELECT * FROM settings_app_requestlog LIMIT 1")[0].keys() - {
        "id",
        "request_id",
        "at",
    }
    for _ in range(5):
        server.rows(COPY.format(columns=", ".join(columns)))
        shown = min(shown + 45, 200)
        expect(rows(page)).to_have_count(shown)
    kept = server.rows(
        "SELECT request_id FROM settings_app_requestlog WHERE model = 'model-1' ORDER BY at DESC, id DESC"
    )
    expected = [row["request_id"] for row in kept]
    expect(rows(page).first).to_contain_text(expected[0])
    seen = page.locator("#logs-rows .logs-id").all_inner_texts()
    while page.locator("#logs-older").count():
        with page.expect_response(lambda answer: "cursor=" in answer.url):
            page.locator("#logs-older").click()
        expect(page.locator("#logs-newest")).to_be_visible()
        expect(page.locator("#logs-rows")).not_to_contain_text(seen[-1])
        seen += page.locator("#logs-rows .logs-id").all_inner_texts()
    assert seen == expected


def test_without_scripts(open_page: Open) -> None:
    with open_page("/settings/", java_script_enabled=False) as page:
        page.locator("#logs").get_by_label("Status").select_option("Interrupted")
        page.locator("#logs-go").click()
        assert "status=interrupted" in page.url
        expect(page.get_by_role("button", name="Live")).to_have_count(0)
        expect(rows(page)).to_have_count(len([n for n in range(70) if n % 8 == 6]))
        page.locator("#logs-save").click()
        assert "status=interrupted" in page.url
        expect(rows(page)).to_have_count(len([n for n in range(70) if n % 8 == 6]))
        rows(page).first.get_by_role("link").click()
        expect(page.get_by_role("heading", name="Request", exact=True)).to_be_visible()
        page.get_by_role("link", name="Back to the log").click()
        page.locator("#logs-older").click()
        expect(page.locator("#logs-newest")).to_be_visible()


def test_a_row_says_what_was_asked_for(server: Server, open_page: Open) -> None:
    ask(server, "/v1/messages/count_tokens", model="tiny", messages=SHORT["messages"]).raise_for_status()
    with open_page("/settings/") as page:
        page.locator("#logs").get_by_label("Endpoint").select_option("/v1/messages/count_tokens")
        filtered(page)
        expect(rows(page).first).to_contain_text("Count Tokens · local")


@pytest.mark.parametrize("screen", SCREENS, ids=_screen_name)
def test_it_is_clean_on_every_screen(open_page: Open, screen: dict[str, Any], tmp_path: Path) -> None:
    with open_page("/settings/logs/?model=model-1", **screen) as page:
        expect(page.locator("#logs-live")).to_be_visible()
        page.locator("#logs").screenshot(path=tmp_path / f"{_screen_name(screen)}.png")
        assert_clean(page)
        rows(page).first.get_by_role("link").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.screenshot(path=tmp_path / f"{_screen_name(screen)}-detail.png")
        assert_clean(page)


def test_a_broken_connection_is_taken_up_where_it_broke(server: Server) -> None:
    """As a browser does it: the last id it saw goes along."""
    with server.http() as http:
        SignedIn(server, http)
        with http.stream("GET", "/settings/logs/live/?model=tiny&after=0") as stream:
            assert stream.headers["content-type"] == "text/event-stream"
            seen = next(line for line in stream.iter_lines() if line.startswith("id: ")).removeprefix("id: ")
        missed = ask(server, **SHORT).headers["x-request-id"]
        server.logged(missed)
        headers = {"last-event-id": seen}
        with http.stream("GET", "/settings/logs/live/?model=tiny&after=0", headers=headers) as stream:
            text = ""
            for line in stream.iter_lines():
                text += line
                if "</tr>" in line:
                    break
        assert re.findall(r"req_[0-9a-f]{24}</span>", text) == [f"{missed}</span>"]
        assert http.head("/settings/logs/live/?after=0").status_code == 405
        for query in ("", "after=x", "after=1&status=fine"):
            assert http.get(f"/settings/logs/live/?{query}").status_code == 422
    with server.http() as stranger:
        assert stranger.get("/settings/logs/live/?after=0").status_code == 302
