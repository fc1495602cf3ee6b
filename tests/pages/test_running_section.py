"""Running now in a real browser, on a real server: what runs is seen as it moves, cancelled, and given a minute."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import administrator, hide
from tests.conftest import FLOOR
from tests.pages.test_browser import SCREENS, _screen_name, assert_clean
from tests.server import Server, serving
from tests.v1 import asking
from tests.v1.routed import planted, rule

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("running-section")
    with serving(home, **FLOOR) as server, planted(server) as afar:
        afar.endless = True  # as long as its client stays
        rule(server, afar, "afar")
        yield server


@pytest.fixture
def page(server: Server, browser: Browser) -> Iterator[Page]:
    with administrator(browser, server, "/settings/") as page:
        yield page


def streaming(server: Server, count: int, **body: Any) -> Any:
    return asking.streaming(server, count, model="afar", **body)


def row(page: Page, answer: Any) -> Any:
    return page.locator(f'#running tbody tr[data-call="{answer.headers["x-request-id"]}"]')


def number_in(place: Any, pattern: str) -> float:
    found = re.search(pattern, place.inner_text())
    assert found, place.inner_text()
    return float(found[1])


def test_what_runs_comes_moves_and_goes_by_itself(page: Page, server: Server) -> None:
    running = page.locator("#running")
    expect(running.get_by_text("No request is running.")).to_be_visible()
    with streaming(server, 2, timeout=100) as (one, other):
        expect(row(page, one)).to_contain_text("Afar")
        expect(row(page, other)).to_contain_text("cloud")
        expect(running.locator("[data-count]")).to_have_text("2")
        expect(row(page, one).locator("[data-of]")).to_contain_text("of 100 s (client)")
        tokens = row(page, one).locator("[data-tokens]")
        expect(tokens).to_have_text(re.compile(r"\d+ tokens, \d+\.\d/s"))
        before = number_in(tokens, r"(\d+) tokens")
        bar = row(page, one).get_by_role("progressbar")
        left = float(bar.evaluate("bar => bar.value"))
        assert 80 < left < 100
        for _ in range(50):
            next(one.lines)
        expect(tokens).not_to_have_text(re.compile(f"^{before:.0f} tokens"))
        page.wait_for_function(
            "([id, left]) => document.querySelector(`[data-call='${id}'] progress`).value < left - 1",
            arg=[one.headers["x-request-id"], left],
        )
    expect(running.get_by_text("No request is running.")).to_be_visible()
    expect(running.locator("tbody tr")).to_have_count(0)


def test_a_minute_more_and_an_end_by_keyboard_alone(page: Page, server: Server) -> None:
    with streaming(server, 1, timeout=100) as (answer,):
        id = answer.headers["x-request-id"]
        more = page.get_by_role("button", name=f"+1 min for {id}")
        more.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#running-said .notice")).to_contain_text(f"{id} has a minute more")
        expect(page.locator("#announcer")).to_contain_text("has a minute more")
        expect(row(page, answer).locator("[data-of]")).to_contain_text("of 2 min 40 s (operator)")
        page.wait_for_timeout(600)  # two updates at least
        expect(more).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=f"Cancel {id}")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#running-said .notice")).to_contain_text(f"{id} is cancelled.")
        *_, error, done = [line for line in answer.lines if line]
        assert json.loads(error.removeprefix("data: "))["error"]["code"] == "cancelled"
        expect(row(page, answer)).to_have_count(0)
        expect(page.locator("#running-title")).to_be_focused()  # and no other request's button
    assert done == "data: [DONE]"
    assert server.logged(id)["status"] == "cancelled"


def test_one_that_has_ended_meanwhile_is_said_so(page: Page, server: Server) -> None:
    with streaming(server, 1) as (answer,):
        id = answer.headers["x-request-id"]
        expect(row(page, answer)).to_be_visible()
        page.locator(f'#running button[name=cancel][value="{id}"]').evaluate("b => { b.value = 'req_gone' }")
        page.get_by_role("button", name=f"Cancel {id}").click()
        expect(page.locator("#running-said [role=alert]")).to_contain_text(
            "No request req_gone is running: it has ended"
        )
        expect(row(page, answer)).to_be_visible()


def test_nothing_is_asked_for_while_the_tab_is_hidden(page: Page, server: Server) -> None:
    hide(page, True)
    with streaming(server, 1) as (answer,):
        page.wait_for_timeout(800)
        expect(row(page, answer)).to_have_count(0)
        hide(page, False)
        expect(row(page, answer)).to_be_visible()


def test_without_scripts_everything_still_works(server: Server, browser: Browser) -> None:
    with administrator(browser, server, "/settings/", java_script_enabled=False) as page:
        expect(page.locator("#running").get_by_text("No request is running.")).to_be_visible()
        with streaming(server, 1) as (answer,):
            page.get_by_role("link", name="Show what runs now").click()
            expect(row(page, answer)).to_contain_text(re.compile(r"\d+ tokens"))
            row(page, answer).get_by_role("button", name="+1 min").click()
            expect(page.locator(".messages")).to_contain_text(
                re.compile("has a minute more: (15 min 5|16 min)")
            )
            expect(row(page, answer)).to_contain_text("(operator)")
            row(page, answer).get_by_role("button", name="Cancel").click()
            expect(page.locator(".messages")).to_contain_text("is cancelled.")
            assert any("cancelled" in line for line in answer.lines)


@pytest.mark.parametrize("screen", SCREENS, ids=_screen_name)
def test_axe_finds_nothing(server: Server, browser: Browser, screen: dict[str, Any]) -> None:
    with administrator(browser, server, "/settings/", **screen) as page, streaming(server, 3) as answers:
        for answer in answers:
            expect(row(page, answer)).to_be_visible()
        row(page, answers[1]).get_by_role("button", name="+1 min").click()
        expect(page.locator("#running-said .notice")).to_be_visible()
        assert_clean(page)
