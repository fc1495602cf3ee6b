"""What a person changes in the page or in the admin holds for the next request of a real server."""

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import administrator
from tests.server import Server
from tests.v1.asking import LONG, streaming
from tests.waiting import in_time

pytestmark = pytest.mark.browser


@pytest.fixture
def signed_in(server: Server, browser: Browser) -> Iterator[Page]:
    with administrator(browser, server) as page:
        yield page


def test_a_save_in_the_page_cuts_the_next_request(server: Server, signed_in: Page) -> None:
    page = signed_in
    page.goto("/settings/")
    page.get_by_label("Chat Completions", exact=True).fill("1")
    page.locator("#timeouts-save").click()
    expect(page.get_by_text("Timeouts saved")).to_be_visible()
    _expect_cut_after(server, 1)
    page.get_by_role("button", name="Reset to Defaults").click()
    expect(page.get_by_text("Defaults restored")).to_be_visible()
    assert _ask(server, max_tokens=1).headers["x-mlx-deadline-seconds"] == "900"


def test_a_save_in_the_admin_cuts_the_next_request(server: Server, signed_in: Page) -> None:
    page = signed_in
    page.goto("/admin/settings_app/timeout/chat/change/")
    page.get_by_label("Seconds").fill("1.25")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    _expect_cut_after(server, 1.25)


def test_the_box_in_the_page_and_the_one_in_the_admin_reach_running_requests(
    server: Server, signed_in: Page
) -> None:
    page = signed_in
    server.set_timeouts(chat_seconds=60)
    page.goto("/settings/")
    page.get_by_label("Chat Completions", exact=True).fill("70")
    page.get_by_label("Also apply to running requests").check()
    with streaming(server, 2):
        page.locator("#timeouts-save").click()
        expect(page.get_by_text("2 running requests changed.")).to_be_visible()
    page.goto("/admin/settings_app/timeout/chat/change/")
    page.get_by_label("Seconds").fill("0.5")
    page.get_by_label("Also apply to running requests").check()
    with streaming(server, 2):
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Running requests changed: 2.")).to_be_visible()
        assert server.rows_held() == 0


def _expect_cut_after(server: Server, seconds: float) -> None:
    began = time.monotonic()
    answer = _ask(server)
    took = time.monotonic() - began
    assert (answer.status_code, answer.headers["x-should-retry"]) == (504, "false")
    assert in_time(took, seconds)


def _ask(server: Server, **more: Any) -> httpx2.Response:
    with server.http() as http:
        return http.post("/v1/chat/completions", json={**LONG, **more})
