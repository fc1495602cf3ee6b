"""Request Logs while Live: what arrives, what does not while the tab is hidden, and what it pushes out."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import hide
from tests.logs.section import filtered, rows
from tests.server import Server
from tests.v1.asking import LONG, SHORT, ask
from tests.v1.signed_in import SignedIn

pytestmark = pytest.mark.browser
SECRET = "sesame-open-yourself"


def test_live_rows_arrive_while_filtered_and_the_export_is_what_is_filtered(
    section_server: Server, page: Page
) -> None:
    page.locator("#logs").get_by_label("Model").fill("tiny")
    page.locator("#logs").get_by_label("Status").select_option("Ok")
    filtered(page)
    before = rows(page).count()
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#logs-live-state")).to_have_text("Requests appear as they end.")
    ask(section_server, **LONG, timeout=0.3)  # does not pass
    said = [{"role": "user", "content": SECRET}]
    first = ask(section_server, **{**SHORT, "messages": said}).headers["x-request-id"]
    expect(rows(page)).to_have_count(before + 1)
    expect(rows(page).first).to_contain_text(first)
    expect(page.locator("#announcer")).to_have_text("One new request")
    expect(page.get_by_role("button", name="Live")).to_have_attribute("aria-pressed", "true")

    page.locator("#logs").get_by_label("Status").select_option("Any")  # and goes on with other filters
    filtered(page)
    expect(rows(page)).to_have_count(before + 2)
    expect(page.locator("#logs-live-state")).to_have_text("Requests appear as they end.")
    late = ask(section_server, **LONG, timeout=0.3).headers["x-request-id"]
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
    assert {row["model"] for row in table} == {"tiny"} and len(table) == before + 3
    assert [row["id"] for row in json.loads(texts["JSON"])] == [row["id"] for row in table]
    assert [json.loads(line)["id"] for line in texts["JSONL"].splitlines()] == [row["id"] for row in table]
    assert SECRET not in "".join([*texts.values(), page.content(), *section_server.lines])
    for file in section_server.home.glob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file


def test_nothing_is_asked_for_while_the_tab_is_hidden_and_then_all_that_came(
    section_server: Server, page: Page
) -> None:
    """The connection is gone; the next one goes on where it was."""
    page.locator("#logs").get_by_label("Model").fill("tiny")
    filtered(page)
    before = rows(page).count()
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#logs-live-state")).to_have_text("Requests appear as they end.")
    seen = ask(section_server, **SHORT).headers["x-request-id"]
    expect(rows(page).first).to_contain_text(seen)
    hide(page, True)
    came = [ask(section_server, **SHORT).headers["x-request-id"] for _ in range(2)]
    section_server.logged(came[-1])
    page.wait_for_timeout(800)  # some looks
    expect(rows(page)).to_have_count(before + 1)
    with page.expect_request("**/settings/logs/live/**") as again:
        hide(page, False)
    assert "after=0" not in again.value.url and f"after={seen_row(section_server, seen)}" in again.value.url
    expect(rows(page)).to_have_count(before + 3)
    expect(rows(page).first).to_contain_text(came[-1])
    page.get_by_role("button", name="Live").click()


def seen_row(section_server: Server, id: str) -> int:
    return int(section_server.logged(id)["id"])


COPY = """
INSERT INTO settings_app_requestlog ({columns}, model, request_id, at)
WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 45)
SELECT {columns}, 'pushed', 'req_' || lower(hex(randomblob(12))), strftime('%Y-%m-%d %H:%M:%f000', 'now')
FROM many CROSS JOIN (SELECT * FROM settings_app_requestlog LIMIT 1)
"""


@pytest.fixture
def push(section_server: Server) -> Iterator[Callable[[], None]]:
    """Adds 45 rows of a model of their own; they go with the test."""
    [row] = section_server.rows("SELECT * FROM settings_app_requestlog LIMIT 1")
    columns = ", ".join(row.keys() - {"id", "model", "request_id", "at"})

    def once() -> None:
        section_server.rows(COPY.format(columns=columns))

    yield once
    section_server.rows("DELETE FROM settings_app_requestlog WHERE model = 'pushed'")


def test_what_live_pushed_out_is_found_by_paging(
    section_server: Server, page: Page, push: Callable[[], None]
) -> None:
    """Of 200 rows that are shown at most, the oldest go; the older ones begin behind the last."""
    push()
    page.locator("#logs").get_by_label("Model").fill("pushed")
    filtered(page)
    expect(rows(page)).to_have_count(45)
    expect(page.locator("#logs-older")).to_be_hidden()
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#logs-live-state")).to_have_text("Requests appear as they end.")
    for times in range(2, 7):
        push()
        expect(rows(page)).to_have_count(min(45 * times, 200))
    kept = section_server.rows(
        "SELECT request_id FROM settings_app_requestlog WHERE model = 'pushed' ORDER BY at DESC, id DESC"
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


def test_a_broken_connection_is_taken_up_where_it_broke(section_server: Server) -> None:
    """As a browser does it: the last id it saw goes along."""
    with section_server.http() as http:
        SignedIn(section_server, http)
        with http.stream("GET", "/settings/logs/live/?model=tiny&after=0") as stream:
            assert stream.headers["content-type"] == "text/event-stream"
            seen = next(line for line in stream.iter_lines() if line.startswith("id: ")).removeprefix("id: ")
        missed = ask(section_server, **SHORT).headers["x-request-id"]
        section_server.logged(missed)
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
    with section_server.http() as stranger:
        assert stranger.get("/settings/logs/live/?after=0").status_code == 302
