"""The section Request Logs in a real browser, on a real server."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.logs.section import Open, filtered, rows
from tests.pages.test_browser import SCREENS, _screen_name, assert_clean
from tests.server import Server
from tests.v1.asking import SHORT, ask

pytestmark = pytest.mark.browser


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


def test_by_keyboard_alone_and_how_long_it_is_kept(section_server: Server, page: Page) -> None:
    page.locator("#logs-text").focus()
    page.keyboard.type(f"{33:024x}"[4:])
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#logs .htmx-added, #logs.htmx-added")).to_have_count(
        0
    )  # its link is htmx's from now on
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
    with section_server.api() as api:
        assert api.get("/api/settings/logs").json() == {"retention_days": 90}


def test_live_paging_and_export_by_keyboard_alone(section_server: Server, page: Page) -> None:
    def at(id: str) -> None:
        expect(page.locator(f"#{id}")).to_be_focused()

    page.locator("#logs-go").focus()
    page.keyboard.press("Tab")
    at("logs-live")
    page.keyboard.press("Space")
    expect(page.locator("#logs-live-state")).to_have_text("Requests appear as they end.")
    came = ask(section_server, **SHORT).headers["x-request-id"]
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


def test_a_row_says_what_was_asked_for(section_server: Server, open_page: Open) -> None:
    answer = ask(section_server, "/v1/messages/count_tokens", model="tiny", messages=SHORT["messages"])
    section_server.logged(answer.headers["request-id"])
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
