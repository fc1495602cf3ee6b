"""The section Cloud Providers in a real browser, with providers of the test's own behind it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from settings_app import providers, sealing
from settings_app.changes import Author
from settings_app.models import Provider, Rule
from tests import provider as afar
from tests.pages import sign_in
from tests.pages.conftest import OpenContext
from tests.pages.test_browser import SCREENS, _screen_name, assert_clean
from tests.waiting import until

pytestmark = pytest.mark.browser

AUTHOR = Author("ada", "page")
KEY = "sk-planted-0123456789abcdef"


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> Path:
    settings.HOME = tmp_path
    return tmp_path


@pytest.fixture
def told() -> Iterator[afar.Provider]:
    with afar.provider() as server:
        yield server


@pytest.fixture
def settings_page(page: Page, admin: User) -> Page:
    sign_in(page)
    page.goto("/settings/")
    return page


def _made(told: afar.Provider, name: str = "Afar", **more: Any) -> Provider:
    values = {"name": name, "base_url": told.url, "allow_private": True, "api_key": KEY}
    return providers.create({**values, **more}, AUTHOR)


def test_from_a_preset_to_a_stored_key_by_keyboard(settings_page: Page) -> None:
    page = settings_page
    page.get_by_role("link", name="Add provider").press("Enter")
    expect(page.get_by_role("heading", name="Add a provider")).to_be_focused()
    page.get_by_role("link", name="Anthropic", exact=True).press("Enter")
    expect(page.locator("#providers").get_by_label("Name", exact=True)).to_have_value("Anthropic")
    expect(page.get_by_label("Protocol")).to_have_value("anthropic")
    expect(page.get_by_label("Base URL")).to_have_value("https://api.anthropic.com/v1")
    key = page.locator("#providers").get_by_label("API key")
    expect(key).to_have_attribute("type", "password")
    key.fill(KEY)
    key.press("Enter")
    expect(page.locator("#providers .notice")).to_contain_text("Anthropic is added")
    expect(page.get_by_role("row", name="Anthropic")).to_contain_text("…cdef")
    assert KEY not in page.content()
    assert sealing.unseal(Provider.objects.get().sealed_key) == KEY


def test_a_refusal_stands_beside_its_field_and_keeps_what_was_typed_but_the_key(
    settings_page: Page, told: afar.Provider
) -> None:
    page = settings_page
    _made(told)
    page.reload()
    page.get_by_role("link", name="Edit Afar").click()
    expect(page.locator("#providers").get_by_label("API key")).to_have_value("")
    page.locator("#providers").get_by_label("Name", exact=True).fill("Elsewhere")
    url = page.get_by_label("Base URL")
    url.fill("ftp://elsewhere.example")
    page.locator("#providers").get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Save provider").click()
    expect(url).to_be_focused()
    expect(url).to_have_accessible_description(re.compile("Begin with https://"))
    expect(url).to_have_value("ftp://elsewhere.example")
    expect(page.locator("#providers").get_by_label("Name", exact=True)).to_have_value("Elsewhere")
    expect(page.locator("#providers").get_by_label("API key")).to_have_value("")
    assert KEY not in page.content()
    url.fill("https://elsewhere.example/v1")
    page.get_by_role("button", name="Save provider").click()
    key = page.locator("#providers").get_by_label("API key")
    expect(key).to_be_focused()
    expect(key).to_have_accessible_description(re.compile("is not sent to another host"))
    page.get_by_label("Remove the stored key").check()
    page.get_by_role("button", name="Save provider").click()
    expect(page.get_by_role("row", name="Elsewhere")).to_contain_text("no key")
    assert Provider.objects.get().sealed_key == ""


def test_cancel_leads_back_and_changes_nothing(settings_page: Page, told: afar.Provider) -> None:
    page = settings_page
    _made(told)
    page.reload()
    page.get_by_label("Chat Completions", exact=True).fill("77")
    page.get_by_role("link", name="Edit Afar").click()
    page.locator("#providers").get_by_label("Name", exact=True).fill("Nobody")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="Cloud Providers")).to_be_focused()
    expect(page.get_by_role("row", name="Afar")).to_be_visible()
    expect(page.get_by_label("Chat Completions", exact=True)).to_have_value("77")
    page.get_by_label("Chat Completions", exact=True).fill("900")
    assert Provider.objects.get().name == "Afar"


def test_a_connection_is_tested_while_the_page_goes_on(settings_page: Page, told: afar.Provider) -> None:
    page = settings_page
    _made(told, enabled=False)
    _made(told, "Other")
    page.reload()
    told.silence = 30
    row = page.get_by_role("row", name="Afar")
    row.get_by_role("button", name="Test connection").click()
    expect(row.get_by_text("Testing…")).to_be_visible()
    page.get_by_role("link", name="Edit Other").click()
    expect(page.locator("#providers").get_by_label("Name", exact=True)).to_have_value(
        "Other"
    )  # it does not wait
    page.get_by_role("link", name="Cancel").click()
    told.silence = 0
    while Provider.objects.get(name="Afar").tested_at is None:  # the first one ends, seen by nobody
        page.wait_for_timeout(20)
    row.get_by_role("button", name="Test connection").click()
    expect(row).to_contain_text(re.compile(r"Reached in \d+ ms"))
    expect(page.locator("#announcer")).to_contain_text("Afar: Reached in")
    expect(row.get_by_role("button", name="Test connection")).to_be_focused()
    told.status = 401
    row.get_by_role("button", name="Test connection").click()
    expect(row.locator("[data-passed=no]")).to_contain_text("401")
    tested = Provider.objects.get(name="Afar")
    assert (tested.test_passed, tested.test_ms is not None, tested.enabled) == (False, True, False)
    page.reload()
    expect(row.locator("[data-passed=no]")).to_contain_text("401")


def test_a_result_of_what_was_changed_meanwhile_is_not_kept(
    told: afar.Provider, admin: User, page: Page
) -> None:
    made = _made(told)
    sign_in(page)
    page.goto("/settings/")
    told.silence = 30
    row = page.get_by_role("row", name="Afar")
    row.get_by_role("button", name="Test connection").click()
    expect(row.get_by_text("Testing…")).to_be_visible()
    until(lambda: told.got)  # with the key that is changed now
    providers.change(made.pk, {"api_key": "sk-another"}, AUTHOR)
    told.silence = 0
    expect(row).to_contain_text("It was changed while it was tested. Test it again.")
    assert Provider.objects.get().tested_at is None


def test_the_switch_saves_itself_and_keeps_the_focus(settings_page: Page, told: afar.Provider) -> None:
    page = settings_page
    _made(told)
    page.reload()
    switch = page.get_by_role("switch", name="Afar: in use")
    switch.focus()
    page.keyboard.press("Space")
    expect(page.locator("#providers .notice")).to_contain_text("Afar is off")
    expect(switch).not_to_be_checked()
    expect(switch).to_be_focused()
    assert not Provider.objects.get().enabled


def test_rules_beside_it_are_marked_at_once(settings_page: Page, told: afar.Provider) -> None:
    page = settings_page
    made = _made(told)
    Rule.objects.create(position=1, pattern="gpt-9", provider_id=made.pk)
    page.reload()
    rules = page.locator("#rules")
    expect(rules).to_contain_text("gpt-9")
    expect(rules).not_to_contain_text("Passed over")
    switch = page.get_by_role("switch", name="Afar: in use")
    switch.uncheck()
    expect(rules).to_contain_text("Passed over: provider Afar is switched off.")
    expect(page.locator("#providers .notice")).to_contain_text("Afar is off")
    switch.check()
    expect(rules).not_to_contain_text("Passed over")
    page.get_by_role("link", name="Add rule").click()
    pattern = page.get_by_label("Pattern")
    pattern.fill("half typed")
    switch.uncheck()
    expect(page.locator("#providers .notice")).to_contain_text("Afar is off")
    expect(pattern).to_have_value("half typed")


def test_deleting_asks_and_says_which_rules_name_it(settings_page: Page, told: afar.Provider) -> None:
    page = settings_page
    made = _made(told)
    Rule.objects.create(position=1, pattern="gpt-9", provider_id=made.pk)
    page.reload()
    page.get_by_role("link", name="Delete Afar").click()
    expect(page.get_by_role("dialog")).to_contain_text("gpt-9")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="Delete Afar").click()
    page.get_by_role("button", name="Delete provider").click()
    expect(page.locator("#providers .notice")).to_contain_text("Afar is deleted")
    expect(page.get_by_text("No cloud providers yet")).to_be_visible()
    assert not Provider.objects.exists()


def test_without_scripts_everything_still_works(
    open_context: OpenContext, admin: User, told: afar.Provider
) -> None:
    with open_context(java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page)
        page.goto("/settings/")
        page.get_by_role("link", name="Add provider").click()
        page.get_by_role("link", name="Groq").click()
        expect(page.get_by_label("Base URL")).to_have_value("https://api.groq.com/openai/v1")
        page.get_by_label("Base URL").fill(told.url)
        page.locator("#providers").get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Add provider").click()
        expect(page.get_by_label("Base URL")).to_have_value(told.url)
        expect(page.locator(".error")).to_contain_text("Use https")
        page.get_by_label("May be on a private address").check()
        page.locator("#providers").get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Add provider").click()
        expect(page.locator(".messages")).to_contain_text("Groq is added")
        page.get_by_role("button", name="Test connection").click()
        expect(page.locator(".messages")).to_contain_text("Groq: Reached in")
        page.get_by_role("switch", name="Groq: in use").uncheck()
        page.get_by_role("button", name="Save Groq").click()
        expect(page.locator(".messages")).to_contain_text("Groq is off")
        page.get_by_role("link", name="Edit Groq").click()
        page.locator("#providers").get_by_label("Name", exact=True).fill("Groq at work")
        page.get_by_role("button", name="Save provider").click()
        expect(page.locator(".messages")).to_contain_text("Groq at work is saved")
        page.get_by_role("link", name="Delete Groq at work").click()
        page.get_by_role("button", name="Delete provider").click()
        expect(page.locator(".messages")).to_contain_text("is deleted")


@pytest.mark.parametrize("screen", SCREENS, ids=_screen_name)
def test_axe_finds_nothing(
    open_context: OpenContext, admin: User, screen: dict[str, Any], home: Path
) -> None:
    for name, more in (
        ("OpenAI", {"api_key": KEY}),
        ("Somewhat longer than it has to be, at work", {"protocol": "anthropic", "enabled": False}),
        ("Cellar", {"base_url": "http://192.168.1.20:8080/v1", "allow_private": True, "api_key": "short"}),
    ):
        made = providers.create({"name": name, "base_url": f"https://{'x' * 40}.example/v1", **more}, AUTHOR)
        said = "Reached in 130 ms. It listed 12 models and did not refuse the key."
        providers.record_test(made, passed=name == "OpenAI", said=said, seconds=0.13)
    (home / "sealing_keys").unlink()
    with open_context(**screen) as context:
        page = context.new_page()
        sign_in(page)
        page.goto("/settings/")
        expect(page.locator("#providers .notice")).to_contain_text("is missing")
        assert_clean(page)
        page.get_by_role("link", name="Delete OpenAI").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert_clean(page)
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Edit OpenAI").click()
        page.get_by_label("Base URL").fill("ftp://x")
        page.get_by_role("button", name="Save provider").click()
        expect(page.locator("#providers .error")).to_be_visible()
        assert_clean(page)
        page.get_by_role("link", name="Add provider").click()
        page.get_by_role("link", name="Mistral").click()
        expect(page.locator("#providers").get_by_label("Name", exact=True)).to_have_value("Mistral")
        assert_clean(page)
