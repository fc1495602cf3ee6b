"""The pages as people use them: a real browser, the keyboard alone, no scripts, axe."""

import json
import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from settings_app import api_keys, setup, timeouts
from settings_app.changes import Author
from settings_app.durations import seconds_text
from settings_app.models import Access, ApiKey, Change
from tests.pages import PASSWORD, sign_in
from tests.pages.conftest import OpenContext

pytestmark = pytest.mark.browser

AUTHOR = Author("ada", Change.Door.PAGE)
SCREENS = [
    {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    for width in (1280, 390)
    for scheme in ("light", "dark")
]


def _screen_name(screen: dict[str, Any]) -> str:
    return f"{screen['viewport']['width']}-{screen['color_scheme']}"


def assert_clean(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


def test_from_the_setup_link_to_a_copied_key(open_context: OpenContext) -> None:
    with open_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        page.goto(setup.path())
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Password confirmation").fill(PASSWORD)
        page.get_by_role("button", name="Create administrator").click()
        expect(page).to_have_title("Settings | MLX Manager")
        page.get_by_role("link", name="API keys").click()
        page.get_by_label("Name").fill("laptop")
        page.get_by_role("button", name="Create key").click()
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        token = page.evaluate("navigator.clipboard.readText()")
        assert ApiKey.objects.get().digest == api_keys.digest(token)
        page.reload()
        expect(page.get_by_text("laptop")).to_be_visible()
        assert token not in page.content()


def test_a_key_is_revoked_in_a_dialog(page: Page, admin: User) -> None:
    api_keys.create("laptop", is_admin=False, author=AUTHOR)
    sign_in(page)
    page.goto("/keys/")
    page.get_by_role("link", name="Revoke laptop").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("link", name="Revoke laptop").click()
    page.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_role("status").filter(has_text="is revoked")).to_have_count(1)
    expect(page.locator(".notice")).to_be_focused()
    expect(page.get_by_text("No keys yet")).to_be_visible()
    assert not ApiKey.objects.exists()


def test_the_switch_saves_itself_and_keeps_the_focus(page: Page, admin: User) -> None:
    sign_in(page)
    page.goto("/keys/")
    switch = page.get_by_role("switch", name="Require a key on this machine too")
    switch.focus()
    page.keyboard.press("Space")
    expect(page.locator("#announcer")).to_contain_text("need a key from now on")
    expect(switch).to_be_checked()
    expect(switch).to_be_focused()
    assert Access.objects.get().require_key_on_loopback


def test_without_scripts_everything_still_works(open_context: OpenContext, admin: User) -> None:
    with open_context(java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page)
        page.get_by_role("link", name="Settings").click()
        page.get_by_label("Chat Completions", exact=True).fill("1200")
        page.locator("#timeouts-save").click()
        assert timeouts.in_force().seconds["chat"] == 1200
        page.get_by_role("link", name="API keys").click()
        page.get_by_label("Name").fill("laptop")
        page.get_by_role("button", name="Create key").click()
        expect(page.get_by_label("The new key")).to_have_value(re.compile(r"^mlx-"))
        page.get_by_role("link", name="Revoke laptop").click()
        page.get_by_role("button", name="Revoke key").click()
        expect(page.locator(".messages")).to_contain_text("is revoked")
        page.get_by_label("Require a key on this machine too").check()
        page.get_by_role("button", name="Save").click()
        assert Access.objects.get().require_key_on_loopback


def test_timeouts_by_keyboard_alone(page: Page, admin: User) -> None:
    sign_in(page)
    page.goto("/settings/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.get_by_label("Chat Completions, slider").focus()
    page.keyboard.press("ArrowRight")
    number = page.get_by_label("Chat Completions", exact=True)
    expect(number).to_have_value("960")
    expect(page.locator("#timeouts-unsaved")).to_have_text("Unsaved changes")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("4530.5")
    expect(page.locator("output").first).to_have_text("4530.5 s")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Timeouts saved")).to_be_visible()
    expect(page.locator("#timeouts-saved")).to_be_focused()
    expect(page.locator("#timeouts-save")).to_be_disabled()
    assert timeouts.in_force().seconds["chat"] == 4530.5


def test_a_refused_timeout_keeps_what_was_typed_and_takes_the_focus(page: Page, admin: User) -> None:
    sign_in(page)
    page.goto("/settings/")
    expect(page.locator("#timeouts-save")).to_be_disabled()
    number = page.get_by_label("Embeddings", exact=True)
    number.fill("5000")
    page.locator("#timeouts-save").click()
    expect(number).to_have_attribute("aria-invalid", "true")
    expect(number).to_be_focused()
    expect(number).to_have_value("5000")
    expect(number).to_have_accessible_description(re.compile("30 to 600"))
    expect(page.locator("#timeouts-save")).to_be_enabled()
    assert timeouts.in_force().seconds["embeddings"] == 120


def test_reset_can_be_undone(page: Page, admin: User) -> None:
    timeouts.save({"chat_seconds": 1530.0}, AUTHOR)
    sign_in(page)
    page.goto("/settings/")
    page.get_by_role("button", name="Reset to Defaults").click()
    expect(page.get_by_label("Chat Completions", exact=True)).to_have_value("900")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_label("Chat Completions", exact=True)).to_have_value("1530")
    assert timeouts.in_force().seconds["chat"] == 1530


def test_leaving_with_unsaved_changes_asks(page: Page, admin: User) -> None:
    sign_in(page)
    page.goto("/settings/")
    page.get_by_label("Chat Completions", exact=True).press_sequentially("1")
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("link", name="API keys").click(no_wait_after=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    assert page.url.endswith("/settings/")
    page.get_by_label("Chat Completions", exact=True).fill("900")


def test_the_note_on_clients_shows_above_600_seconds(page: Page, admin: User) -> None:
    sign_in(page)
    page.goto("/settings/")
    note = page.locator("[data-timeout]").nth(1).get_by_text("Official clients give up after 600 s")
    expect(note).to_be_hidden()
    page.get_by_label("Text Completions", exact=True).fill("600.5")
    expect(note).to_be_visible()


def test_words_of_the_page_are_those_of_the_server(page: Page, admin: User) -> None:
    sign_in(page)
    page.goto("/settings/")
    values = [
        0.00001,
        0.25,
        1,
        59,
        60,
        61,
        90,
        90.5,
        119,
        120,
        121,
        600,
        3599,
        3600,
        3660,
        5400,
        7199.999,
        7200,
    ]
    said = page.evaluate(f"{json.dumps(values)}.map(secondsText)")
    assert said == [seconds_text(value) for value in values]


def test_a_session_that_ended_leads_to_sign_in(page: Page, admin: User) -> None:
    sign_in(page)
    page.goto("/keys/")
    page.context.clear_cookies(name="mlx_manager_session")
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Create key").click()
    page.wait_for_url("**/login/?next=%2Fkeys%2F")


def test_the_theme_is_remembered(page: Page, admin: User) -> None:
    sign_in(page)
    dark = "document.documentElement.classList.contains('dark')"
    assert page.evaluate(dark) is False
    page.get_by_role("button", name="Theme: system").click()
    assert page.evaluate(dark) is True
    page.goto("/keys/")
    assert page.evaluate(dark) is True
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()


@pytest.mark.parametrize("screen", SCREENS, ids=_screen_name)
def test_axe_finds_nothing(open_context: OpenContext, screen: dict[str, Any]) -> None:
    with open_context(**screen) as context:
        page = context.new_page()
        for address in ("/login/", "/setup/wrong/", setup.path()):
            page.goto(address)
            assert_clean(page)
        User.objects.create_superuser("ada", password=PASSWORD)
        page.goto("/login/")
        assert_clean(page)
        sign_in(page)
        _look_at_keys(page)
        for address in ("/settings/", "/history/", "/password/", "/no/such/page/", "/admin/"):
            page.goto(address)
            assert_clean(page)
        page.goto("/settings/")
        page.get_by_label("Embeddings", exact=True).fill("5000")
        page.locator("#timeouts-save").click()
        expect(page.locator(".error")).to_be_visible()
        assert_clean(page)
        page.get_by_label("Embeddings", exact=True).fill("120")


def _look_at_keys(page: Page) -> None:
    page.goto("/keys/")
    assert_clean(page)
    page.get_by_label("Name").fill("Laptop")
    page.get_by_label("Administrator").check()
    page.get_by_role("button", name="Create key").click()
    page.get_by_label("The new key").wait_for()
    assert_clean(page)
    page.get_by_role("link", name="Revoke Laptop").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_clean(page)
    page.keyboard.press("Escape")
