"""The page Models in a real browser, on a real server: search, download, serve, load, pin, remove."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import administrator
from tests.conftest import warm
from tests.hub import Hub
from tests.models.conftest import REPO, begin, wait_for
from tests.pages.test_browser import SCREENS, _screen_name, assert_clean
from tests.server import Server
from tests.tiny_adapter import make_tiny_adapter
from tests.tiny_model import make_tiny_model
from tests.tool_formats import HERMES, make_calling_model
from tests.v1.asking import SHORT, ask
from tests.v1.pool import add
from tests.waiting import until

pytestmark = pytest.mark.browser

HALF = 400_000
LOAD_MS = 60_000  # a runner's start, on a machine that has much else to do
Open = Callable[..., AbstractContextManager[Page]]


@pytest.fixture
def open_page(server: Server, browser: Browser) -> Open:
    return partial(administrator, browser, server)


@pytest.fixture
def page(open_page: Open) -> Iterator[Page]:
    with open_page() as page:
        yield page


def test_from_the_search_to_a_stopped_answer(server: Server, told: Hub, page: Page) -> None:
    page.get_by_role("link", name="Models").click()
    page.get_by_label("Search the hub").fill("tiny")
    page.keyboard.press("Enter")
    page.get_by_role("link", name=f"Get {REPO}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("apache-2.0")).to_be_visible()
    dialog.get_by_label("Serve it as").fill("tiny")
    dialog.get_by_role("button", name="Download").click()
    expect(dialog.get_by_text("There is a model tiny already")).to_be_visible()
    told.hold_at(HALF)
    dialog.get_by_label("Serve it as").fill("mine")
    dialog.get_by_role("button", name="Download").click()
    expect(dialog).to_be_hidden()
    bar = page.get_by_role("progressbar", name=f"Download of {REPO}")
    expect(bar).to_have_attribute("value", re.compile(r"^5\d"))
    told.let_go()
    expect(page.get_by_text("checked and complete")).to_be_visible(timeout=LOAD_MS)
    page.get_by_role("button", name="Load mine").click()
    expect(page.get_by_role("button", name="Unload mine")).to_be_visible()
    expect(page.get_by_text("Loaded", exact=True)).to_be_visible(timeout=LOAD_MS)
    page.get_by_label("More for mine").click()
    page.get_by_role("link", name="Try it").click()
    page.get_by_label("Message", exact=True).fill("Tell me everything")
    page.keyboard.press("Enter")
    expect(page.locator("#chat-figures")).to_contain_text("First text after")
    page.get_by_role("button", name="Stop").click()
    figures = page.locator("#chat-figures")
    expect(figures).to_contain_text(
        re.compile(r"First token after .* tokens/s · stopped; the work ended within")
    )
    (row,) = server.rows("SELECT * FROM settings_app_requestlog WHERE model = 'mine'")
    assert (row["status"], row["api_key"]) == ("client_closed", "page: ada")
    until(lambda: server.rows_held() == 0)
    page.get_by_label("Message", exact=True).fill("And now?")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#chat-log li")).to_have_count(4)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    page.get_by_label("Message", exact=True).fill("One more")
    page.keyboard.press("Enter")
    expect(page.locator("#chat-figures")).to_contain_text("First text after")
    page.get_by_role("link", name="New chat").click()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.locator("#chat-log li")).to_have_count(0)
    expect(page.locator("[name=history]")).to_have_value("[]")


def test_a_download_is_paused_resumed_and_cancelled(server: Server, told: Hub, page: Page) -> None:
    told.hold_at(HALF)
    row = begin(server)
    page.goto("/models/")
    page.get_by_role("button", name="Pause the download").click()
    expect(page.get_by_text("is paused. What came so far is kept.")).to_be_visible()
    told.let_go()
    told.hold_at(HALF)
    page.get_by_role("button", name="Resume the download").click()
    wait_for(server, row["id"], "running")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel the download").click()
    expect(page.get_by_text("is cancelled, and what came is removed")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)


def test_a_page_that_is_open_follows_what_happens_elsewhere(server: Server, told: Hub, page: Page) -> None:
    page.goto("/models/")
    search = page.get_by_label("Search the hub")
    search.fill("typed")
    search.focus()
    wait_for(server, begin(server)["id"], "done")
    expect(page.get_by_text("checked and complete")).to_be_visible(timeout=LOAD_MS)
    expect(page.get_by_role("button", name="Load tiny-4bit")).to_be_visible()
    expect(search).to_be_focused()
    expect(search).to_have_value("typed")


def test_served_pinned_and_removed(server: Server, page: Page) -> None:
    folder = make_tiny_model(server.home / "models" / "tests--here")
    page.goto("/models/")
    page.get_by_role("link", name="Serve tests/here").click()
    name = page.get_by_role("dialog").get_by_label("Name")
    expect(name).to_have_value("here")
    name.fill("tiny")
    page.get_by_role("button", name="Serve it").click()
    expect(name).to_have_accessible_description(re.compile("There is a model tiny already"))
    expect(name).to_have_value("tiny")
    name.fill("here")
    page.get_by_role("button", name="Serve it").click()
    expect(page.get_by_text("is served as here from now on")).to_be_visible()
    assert ask(server, **{**SHORT, "model": "here"}).status_code == 200
    _menu(page, "here", "Pin")
    expect(page.get_by_text("here is pinned")).to_be_visible()
    _menu(page, "here", "Remove from the disk…", role="link")
    expect(page.get_by_text("here is loaded. Unload it first.")).to_be_visible()
    page.get_by_role("link", name="Close").click()
    page.get_by_role("button", name="Unload here").click()
    expect(page.get_by_role("button", name="Load here", exact=True)).to_be_visible()
    _menu(page, "here", "Remove from the disk…", role="link")
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("are free again")).to_be_visible()
    assert not folder.exists()
    assert ask(server, **{**SHORT, "model": "here"}).status_code == 404


def test_an_adapter_is_named_in_a_dialog(server: Server, page: Page, tmp_path: Path) -> None:
    adapter = make_tiny_adapter(tmp_path / "trained" / "adapters")
    page.goto("/models/")
    _menu(page, "tiny", "Adapter…", role="link")
    folder = page.get_by_role("dialog").get_by_label("Folder")
    folder.fill("adapters")
    page.get_by_role("button", name="Save").click()
    expect(folder).to_have_accessible_description(re.compile("Give the whole path"))
    expect(folder).to_have_value("adapters")
    assert_clean(page)
    folder.fill(str(adapter))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("tiny is served with the adapter")).to_be_visible()
    expect(page.get_by_text("with the adapter trained/adapters")).to_be_visible()
    _menu(page, "tiny", "Adapter…", role="link")
    page.get_by_role("dialog").get_by_label("Folder").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("tiny is served without an adapter")).to_be_visible()


def test_a_hub_that_is_away_is_said(told: Hub, page: Page) -> None:
    told.api_status = 500
    page.goto("/models/?search=tiny")
    expect(page.get_by_role("alert").filter(has_text="status 500")).to_be_visible()
    page.goto(f"/models/hub/{REPO}/")
    expect(page.get_by_text("status 500")).to_be_visible()


def test_without_scripts_everything_still_works(server: Server, told: Hub, open_page: Open) -> None:
    with open_page("/models/", java_script_enabled=False) as page:
        page.get_by_label("Search the hub").fill("tiny")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name=f"Get {REPO}").click()
        page.get_by_label("Serve it as").fill("plain")
        page.get_by_role("button", name="Download").click()
        expect(page.locator(".messages")).to_contain_text("is being downloaded")
        with server.api() as api:
            id = api.get("/api/models/downloads").json()["downloads"][0]["id"]
        wait_for(server, id, "done")
        assert ask(server, **{**SHORT, "model": "plain"}).status_code == 200  # it is loaded then
        page.goto("/models/try/?model=plain")
        page.get_by_label("Message", exact=True).fill("Tell me something")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#chat-log li")).to_have_count(2)
        page.get_by_label("Message", exact=True).fill("And more")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#chat-log li")).to_have_count(4)
        query = (
            "SELECT api_key FROM settings_app_requestlog WHERE model = 'plain' AND status = 'ok' ORDER BY id"
        )
        until(lambda: [row["api_key"] for row in server.rows(query)] == ["", "page: ada", "page: ada"])
        page.goto("/models/")
        _menu(page, "plain", "Stop serving")
        expect(page.locator(".messages")).to_contain_text("plain is served no more")


def test_what_a_model_refuses_is_said_in_words_and_nothing_typed_is_lost(server: Server, page: Page) -> None:
    server.set_timeouts(chat_seconds=0.3)
    page.goto("/models/try/?model=tiny")
    message = page.get_by_label("Message", exact=True)
    message.fill("word " * 3000)
    message.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text(re.compile("deadline|context"))
    expect(message).to_have_value(re.compile("^word word"))
    server.set_timeouts(chat_seconds=900)


@pytest.mark.parametrize("screen", [SCREENS[0], SCREENS[3]], ids=_screen_name)
def test_what_a_model_thinks_stands_beside_its_answer(
    server: Server, open_page: Open, screen: dict[str, Any]
) -> None:
    """Closed, for whoever opens it; a model that only thinks has no answer."""
    scripts = {"Why?": "<think>\nHm, because.\n</think>\n\nI see why.", "Hm?": "<think>\nHm, hm"}
    folder = make_calling_model(server.home / "models" / "tests--thinker", HERMES, scripts)
    add(server, "thinker", folder)
    with open_page(**screen) as page:
        page.goto("/models/try/?model=thinker")
        message = page.get_by_label("Message", exact=True)
        message.fill("Why?")
        message.press("Enter")
        expect(page.locator(".bubble").last).to_have_text("I see why.", timeout=LOAD_MS)
        thought = page.get_by_text("Hm, because.")
        expect(thought).to_be_hidden()
        page.get_by_text("Thinking", exact=True).click()
        expect(thought).to_be_visible()
        assert_clean(page)
        expect(page.locator("#chat-figures")).to_contain_text("tokens")
        message.fill("Hm?")
        message.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("ended while it was thinking")
        expect(message).to_have_value("Hm?")
        expect(page.locator("#chat-log li")).to_have_count(2)


@pytest.mark.parametrize("screen", SCREENS, ids=_screen_name)
def test_axe_finds_nothing(server: Server, told: Hub, open_page: Open, screen: dict[str, Any]) -> None:
    (make_tiny_model(server.home / "models" / "tests--broken") / "config.json").unlink()
    make_tiny_model(server.home / "models" / "tests--unnamed")
    told.hold_at(HALF)
    told.repositories["tests/failing"] = told.repositories[REPO]
    begin(server)
    with open_page(**screen) as page:
        warm(server)
        page.goto("/models/?search=tiny")
        expect(page.get_by_role("progressbar")).to_be_visible()
        assert_clean(page)
        page.get_by_label("More for tiny").click()
        assert_clean(page)
        page.keyboard.press("Escape")
        for opener in ("Serve tests/unnamed", "Get tests/failing"):
            target = page.get_by_role("link", name=opener)
            if target.count():
                target.click()
                expect(page.get_by_role("dialog")).to_be_visible()
                assert_clean(page)
                page.keyboard.press("Escape")
        page.goto("/models/try/?model=tiny")
        assert_clean(page)
        page.get_by_label("Message", exact=True).fill("Hello")
        page.keyboard.press("Enter")
        expect(page.locator("#chat-figures")).to_contain_text("First text after")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#chat-figures")).to_contain_text("stopped")
        assert_clean(page)


def _menu(page: Page, model: str, entry: str, role: Any = "button") -> None:
    page.get_by_label(f"More for {model}", exact=True).click()
    page.locator(".row-menu[open]").get_by_role(role, name=entry).click()
