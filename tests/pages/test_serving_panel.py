"""The panel "More" of the settings page, and the box for running requests, in a real browser."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from settings_app import serving
from settings_app.models import Serving
from tests.pages import sign_in
from tests.pages.conftest import OpenContext
from tests.pages.test_browser import SCREENS, _screen_name, assert_clean

pytestmark = pytest.mark.browser


@pytest.fixture
def settings_page(page: Page, admin: User) -> Page:
    sign_in(page)
    page.goto("/settings/")
    return page


def _open(page: Page) -> None:
    page.locator("#serving summary").focus()
    page.keyboard.press("Enter")


def test_it_is_closed_saves_alone_and_stays_open(settings_page: Page) -> None:
    page = settings_page
    expect(page.get_by_label("Longest queue")).to_be_hidden()
    _open(page)
    page.get_by_label("Longest queue").fill("99")
    page.get_by_label("Keep streams alive with").select_option("off")
    page.get_by_label("Honour the official clients' own timeout").uncheck()
    page.locator("#serving-save").click()
    expect(page.locator("#serving .notice")).to_be_focused()
    expect(page.get_by_label("Longest queue")).to_have_value("99")
    row = Serving.objects.get()
    assert (row.max_queued, row.keep_alive, row.honour_client_timeout) == (99, "off", False)


def test_a_refusal_stands_beside_its_field_and_keeps_what_was_typed(settings_page: Page) -> None:
    page = settings_page
    _open(page)
    queue = page.get_by_label("Longest queue")
    queue.fill("0")
    page.locator("#serving-save").click()
    expect(queue).to_be_focused()
    expect(queue).to_have_value("0")
    expect(queue).to_have_accessible_description(re.compile("Enter a whole number from 1 to 10000"))
    assert serving.current().max_queued == 256


def test_saving_the_timeouts_leaves_what_was_typed_in_it(settings_page: Page) -> None:
    page = settings_page
    _open(page)
    page.get_by_label("Longest queue").fill("77")
    page.get_by_label("Chat Completions", exact=True).fill("1000")
    page.locator("#timeouts-save").click()
    expect(page.locator("#timeouts-saved")).to_be_visible()
    expect(page.get_by_label("Longest queue")).to_have_value("77")
    expect(page.get_by_label("Longest queue")).to_be_visible()
    page.locator("#serving-save").click()
    expect(page.locator("#serving .notice")).to_be_visible()
    assert serving.current().max_queued == 77


def test_the_box_alone_enables_save_and_is_no_unsaved_change(settings_page: Page) -> None:
    page = settings_page
    save = page.locator("#timeouts-save")
    box = page.get_by_label("Also apply to running requests")
    expect(save).to_be_disabled()
    box.check()
    expect(save).to_be_enabled()
    expect(page.locator("#timeouts-unsaved")).to_have_text("")
    box.uncheck()
    expect(save).to_be_disabled()


@pytest.mark.parametrize("screen", SCREENS, ids=_screen_name)
def test_axe_finds_nothing(open_context: OpenContext, admin: User, screen: dict[str, Any]) -> None:
    with open_context(**screen) as context:
        page = context.new_page()
        sign_in(page)
        page.goto("/settings/")
        _open(page)
        assert_clean(page)
        page.get_by_label("Longest queue").fill("0")
        page.locator("#serving-save").click()
        expect(page.locator("#serving .error")).to_be_visible()
        assert_clean(page)
