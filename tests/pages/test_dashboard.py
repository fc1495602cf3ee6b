"""The dashboard in a real browser, on a real server: what it shows is what happens."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from playwright.sync_api import Browser, Page, expect

from inference import attention
from tests.browser import administrator
from tests.conftest import FLOOR, warm
from tests.pages.test_browser import SCREENS, _screen_name, assert_clean
from tests.server import Server, serving
from tests.v1.asking import LONG, SHORT, ask, streaming
from tests.v1.routed import planted, rule

pytestmark = pytest.mark.browser
SEEN_MS = 20_000  # a part is asked for every few seconds, and the machine may be busy


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("dashboard")
    with serving(home, **FLOOR) as server:
        server.manage("add_model", "tiny", str(tiny_model))
        yield server


@pytest.fixture
def page(server: Server, browser: Browser) -> Iterator[Page]:
    with administrator(browser, server) as page:
        yield page


def test_it_comes_first_and_says_that_there_is_nothing_to_say(page: Page, server: Server) -> None:
    expect(page).to_have_title("Dashboard | MLX Manager")
    expect(page.get_by_role("link", name="Dashboard")).to_have_attribute("aria-current", "page")
    items = page.locator("#attention .attention li")
    if attention.disk(server.home):  # the tests run on one that is nearly full, which is said
        expect(items).to_have_count(1)
        expect(items).to_contain_text("is nearly full")
    else:
        expect(page.locator("#attention")).to_contain_text("Nothing needs your attention.")
    expect(page.locator("#health")).to_contain_text("Ready")
    expect(page.locator("#in-flight")).to_contain_text("0 requests", timeout=SEEN_MS)
    expect(page.locator("#misses")).to_contain_text("No request missed its deadline.")
    expect(page.locator("#memory .pool-figures")).to_contain_text("0 models loaded")


def test_what_happens_is_seen_without_a_reload(page: Page, server: Server) -> None:
    warm(server)
    expect(page.locator("#memory")).to_contain_text("1 model loaded", timeout=SEEN_MS)
    expect(page.locator("#memory .loaded")).to_contain_text("tiny", timeout=SEEN_MS)
    with streaming(server, 2):
        expect(page.locator("#in-flight")).to_contain_text("2 requests", timeout=SEEN_MS)
        expect(page.locator("#in-flight .by-phase")).to_have_text(re.compile(r"decode\s*2"), timeout=SEEN_MS)
    expect(page.locator("#in-flight")).to_contain_text("0 requests", timeout=SEEN_MS)
    phase = server.logged(ask(server, **LONG, timeout=1.5).headers["x-request-id"])["phase"]
    expect(page.locator("#misses .by-phase")).to_have_text(re.compile(rf"{phase}\s*1"), timeout=SEEN_MS)
    total = len(server.rows("SELECT id FROM settings_app_requestlog"))
    made = server.rows("SELECT sum(completion_tokens) AS made FROM settings_app_requestlog")[0]["made"]
    expect(page.locator("#chart-requests figcaption")).to_contain_text(f"{total} in all", timeout=SEEN_MS)
    expect(page.locator("#chart-tokens figcaption")).to_contain_text(f"{made} in all", timeout=SEEN_MS)
    assert page.locator("#chart-requests .chart-bar").count() >= 1


def test_by_keyboard_the_table_is_opened_and_stays_open(page: Page, server: Server) -> None:
    ask(server, **SHORT)
    page.locator("#traffic-table-summary").focus()
    page.keyboard.press("Enter")
    rows = page.locator("#traffic-table tbody tr")
    expect(rows).to_have_count(60)
    expect(rows.first).to_be_visible()
    with page.expect_response("**/dashboard/traffic/"):
        pass
    page.wait_for_timeout(200)
    expect(rows.first).to_be_visible()
    expect(page.locator("#traffic-table-summary")).to_be_focused()
    counts = [int(text) for text in page.locator("#traffic-table td:nth-child(2)").all_inner_texts()]
    assert sum(counts) == len(server.rows("SELECT id FROM settings_app_requestlog"))


def test_what_needs_somebody_is_said_and_leads_there(page: Page, server: Server) -> None:
    told_of = page.locator("#attention")
    with planted(server) as provider, server.api() as api:
        rule(server, provider, "afar")
        provider.status = 500
        ask(server, **{**SHORT, "model": "afar"})
        told = "Provider Afar: the last request failed, with provider_failed."
        expect(told_of).to_contain_text(told, timeout=SEEN_MS)
        provider.status = 200
        ask(server, **{**SHORT, "model": "afar"})
        expect(told_of).not_to_contain_text("the last request failed", timeout=SEEN_MS)
        provider.no_models, provider.status = True, 401
        api.post(f"/api/settings/providers/{provider.id}/test").raise_for_status()
        expect(told_of).to_contain_text(
            "Provider Afar: the last test of the connection failed.", timeout=SEEN_MS
        )
        api.patch(f"/api/settings/providers/{provider.id}", json={"enabled": False}).raise_for_status()
        told = "Rule 1 (afar) is passed over: provider Afar is switched off."
        expect(told_of).to_contain_text(told, timeout=SEEN_MS)
        told_of.get_by_role("link", name="Look into it: Rule 1 (afar)").click()
        expect(page).to_have_url(re.compile(r"/settings/#rules$"))


def test_an_official_client_that_keeps_sending_the_same_request_is_said_and_no_other(
    page: Page, server: Server
) -> None:
    told_of = page.locator("#attention")
    key = server.manage("create_api_key", "shared").stdout.splitlines()[-1]
    with planted(server) as provider:
        rule(server, provider, "afar")
        provider.status, provider.headers = 500, {"retry-after-ms": "1"}

        def ask_afar(max_retries: int, text: str) -> None:
            messages: Any = [{"role": "user", "content": text}]
            with (
                server.openai(max_retries=max_retries).with_options(api_key=key) as client,
                pytest.raises(openai.InternalServerError),
            ):
                client.chat.completions.create(model="afar", messages=messages)

        for number in range(20):
            ask_afar(1, f"I am number {number}")
        expect(told_of).to_contain_text("the last 40 requests failed", timeout=SEEN_MS)
        expect(told_of).not_to_contain_text("keeps sending")
        ask_afar(3, "again and again")
        expect(told_of).to_contain_text(
            re.compile(r"A client with the key shared keeps sending the same request for afar: \d+ retries"),
            timeout=SEEN_MS,
        )
        expect(told_of).to_contain_text("up to 3 of one request.")
    server.rows("UPDATE settings_app_requestlog SET client_retries = 0")


def test_a_server_that_is_gone_is_said(page: Page) -> None:
    expect(page.locator("#dashboard-stale")).to_be_hidden()
    page.context.set_offline(True)
    expect(page.locator("#dashboard-stale")).to_be_visible(timeout=SEEN_MS)
    page.context.set_offline(False)
    expect(page.locator("#dashboard-stale")).to_be_hidden(timeout=SEEN_MS)


def test_without_scripts_it_is_all_there(server: Server, browser: Browser) -> None:
    with administrator(browser, server, java_script_enabled=False) as page:
        expect(page.locator("#health")).to_contain_text("Ready")
        page.locator("#traffic-table-summary").click()
        expect(page.locator("#traffic-table tbody tr").first).to_be_visible()
        page.get_by_role("link", name="Show how it is now").click()
        expect(page.locator("#attention")).to_be_visible()


@pytest.mark.parametrize("screen", SCREENS, ids=_screen_name)
def test_axe_finds_nothing(server: Server, browser: Browser, screen: dict[str, Any]) -> None:
    with administrator(browser, server, **screen) as page, planted(server) as provider:
        assert_clean(page)
        rule(server, provider, "afar")
        provider.status = 500
        with streaming(server, 1):
            ask(server, **{**SHORT, "model": "afar"})
            page.reload()
            page.locator("#traffic-table-summary").click()
            assert_clean(page)
