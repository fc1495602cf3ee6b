"""The section Model Pool in a real browser, on a real server: what is loaded is seen, and what is pressed happens."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import administrator
from tests.conftest import FLOOR
from tests.pages.test_browser import SCREENS, _screen_name, assert_clean
from tests.server import Server, serving
from tests.tiny_model import make_tiny_model
from tests.v1.asking import streaming
from tests.v1.pool import DEFAULTS, MEMORY, add, loaded, put, use
from tests.waiting import until

pytestmark = pytest.mark.browser
SIZES = {"ant": 5_000, "bee": 20_000, "whale": 80_000}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("pool-panel")
    with serving(home, **FLOOR, **MEMORY) as server:
        for name, feed_forward in SIZES.items():
            add(server, name, make_tiny_model(home / name, feed_forward=feed_forward))
        yield server


@pytest.fixture
def api(server: Server) -> Iterator[httpx2.Client]:
    with server.api() as api:
        put(api, **DEFAULTS)
        yield api


@pytest.fixture
def page(server: Server, browser: Browser) -> Iterator[Page]:
    with administrator(browser, server, "/settings/") as page:
        yield page


def row(page: Page, name: str) -> Any:
    return page.locator("#pool tbody tr").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def test_a_model_is_loaded_pinned_and_unloaded_by_hand(page: Page, api: httpx2.Client) -> None:
    row(page, "ant").get_by_role("button", name="Load ant").click()
    expect(page.locator("#pool .notice[role=status]")).to_have_text("ant is being loaded.")
    expect(row(page, "ant").get_by_text("Loaded", exact=True)).to_be_visible(timeout=30_000)  # by itself
    expect(row(page, "ant")).to_contain_text(re.compile(r"[78]\.\d MB"))
    assert loaded(api) == {"ant"}
    pin = row(page, "ant").get_by_role("button", name="Pinned ant")
    expect(pin).to_have_attribute("aria-pressed", "false")
    pin.focus()
    page.keyboard.press("Enter")
    expect(pin).to_have_attribute("aria-pressed", "true")
    expect(pin).to_be_focused()
    pin.click()
    expect(pin).to_have_attribute("aria-pressed", "false")
    row(page, "ant").get_by_role("button", name="Unload ant").click()
    expect(row(page, "ant").get_by_text("Not loaded")).to_be_visible()
    assert loaded(api) == set()


def test_one_that_does_not_fit_says_need_have_and_what_holds_the_rest(page: Page, api: httpx2.Client) -> None:
    row(page, "whale").get_by_role("button", name="Load whale").click()
    told = page.locator("#pool .notice[role=alert]")
    expect(told).to_contain_text(
        re.compile(r"whale needs about 1\d\d MB of memory; all models may hold 100 MB")
    )
    expect(told).to_be_focused()


def test_a_lower_limit_saved_here_unloads_at_once(page: Page, server: Server, api: httpx2.Client) -> None:
    use(server, "bee")
    expect(row(page, "bee").get_by_text("Loaded", exact=True)).to_be_visible()
    page.get_by_label("Memory limit", exact=True).fill("20")
    page.locator("#pool-save").click()
    expect(page.locator("#pool .notice[role=status]")).to_be_focused()
    until(lambda: loaded(api) == set(), 2)
    expect(row(page, "bee").get_by_text("Not loaded")).to_be_visible()
    assert api.get("/api/settings/pool").json()["memory_limit_value"] == 20


def test_a_refusal_stands_beside_its_field_and_keeps_what_was_typed(page: Page, api: httpx2.Client) -> None:
    limit = page.get_by_label("Memory limit", exact=True)
    limit.fill("96")
    page.locator("#pool-save").click()
    expect(limit).to_be_focused()
    expect(limit).to_have_value("96")
    expect(limit).to_have_accessible_description(re.compile("Enter 10 to 95 percent"))
    limit.fill("50")
    page.get_by_label("Most models at once").fill("7")
    page.wait_for_timeout(2500)  # a look at what is loaded leaves the form alone
    expect(limit).to_have_value("50")
    expect(page.get_by_label("Most models at once")).to_have_value("7")
    assert api.get("/api/settings/pool").json() == DEFAULTS


def test_what_runs_is_seen_without_a_reload(page: Page, server: Server, api: httpx2.Client) -> None:
    expect(row(page, "ant").get_by_text("Not loaded")).to_be_visible()
    with streaming(server, 2, model="ant"):
        expect(row(page, "ant").locator("td[data-label=Requests]")).to_have_text("2")
        row(page, "ant").get_by_role("button", name="Unload ant").click()
        expect(page.locator("#pool .notice[role=alert]")).to_contain_text("A request for ant is running")
    expect(row(page, "ant").locator("td[data-label=Requests]")).to_have_text("0")


def test_without_scripts_everything_still_works(server: Server, browser: Browser, api: httpx2.Client) -> None:
    with administrator(browser, server, "/settings/", java_script_enabled=False) as page:
        row(page, "bee").get_by_role("button", name="At start bee").click()
        expect(row(page, "bee").get_by_role("button", name="At start bee")).to_have_attribute(
            "aria-pressed", "true"
        )
        row(page, "bee").get_by_role("button", name="Load bee").click()
        until(lambda: "bee" in loaded(api))
        page.get_by_role("link", name="Show how it is now").click()
        expect(row(page, "bee").get_by_text("Loaded", exact=True)).to_be_visible()
        page.get_by_label("Most models at once").fill("3")
        page.locator("#pool-save").click()
        expect(page.locator(".messages")).to_contain_text("Saved. It holds from now on.")
        row(page, "bee").get_by_role("button", name="Unload bee").click()
        expect(page.locator("#pool .notice[role=status]")).to_contain_text("bee is unloaded.")
    assert api.get("/api/settings/pool").json()["max_models"] == 3


@pytest.mark.parametrize("screen", SCREENS, ids=_screen_name)
def test_axe_finds_nothing(
    server: Server, browser: Browser, api: httpx2.Client, screen: dict[str, Any]
) -> None:
    use(server, "bee", "ant")
    with administrator(browser, server, "/settings/", **screen) as page:
        assert_clean(page)
        row(page, "whale").get_by_role("button", name="Load whale").click()
        page.get_by_label("Memory limit", exact=True).fill("96")
        page.locator("#pool-save").click()
        expect(page.locator("#pool .field .error")).to_be_visible()
        assert_clean(page)
