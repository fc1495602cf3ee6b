"""What a timeout would have done, beside its slider, in a real browser."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Locator, Page, expect

from settings_app import figures, timeouts
from settings_app.models import RequestLog
from tests.log_row import log_row
from tests.pages import sign_in
from tests.pages.conftest import OpenContext
from tests.pages.test_browser import SCREENS, _screen_name, assert_clean

pytestmark = pytest.mark.browser


def plant() -> None:
    RequestLog.objects.bulk_create(
        [
            *(log_row(decode_ms=seconds * 1000) for seconds in range(1, 101)),
            log_row(queue_ms=70_000, prefill_ms=60_000, decode_ms=1_000),
            log_row(cloud_ms=80_500, phase="cloud"),
            log_row(decode_ms=900_000, status="timeout"),
        ]
    )


@pytest.fixture
def settings_page(page: Page, admin: User) -> Page:
    plant()
    sign_in(page)
    page.goto("/settings/")
    return page


def chat(page: Page) -> Locator:
    return page.locator("[data-timeout]").first


def test_the_figures_follow_the_slider_and_what_is_typed(settings_page: Page) -> None:
    page = settings_page
    said = chat(page).locator("[data-cut]")
    expect(said).to_have_text("Set to 15 min, it would have cut none.")
    slider = page.get_by_label("Chat Completions, slider")
    slider.focus()
    page.keyboard.press("Home")
    expect(said).to_have_text("Set to 1 min, it would have cut 43: 1 in queue, 41 in decode, 1 in cloud.")
    page.keyboard.press("ArrowRight")
    expect(said).to_have_text("Set to 2 min, it would have cut 2: 1 in prefill, 1 in decode.")
    number = page.get_by_label("Chat Completions", exact=True)
    number.fill("80.5")
    expect(said).to_have_text("Set to 80.5 s, it would have cut 23: 1 in prefill, 21 in decode, 1 in cloud.")
    number.fill("7")
    expect(said).to_have_text("")
    number.fill("900")


def test_a_suggestion_is_filled_in_by_one_click_and_saved_by_another(settings_page: Page) -> None:
    page = settings_page
    page.get_by_label("Text Completions", exact=True).fill("700")
    button = chat(page).get_by_role("button", name="Fill in 3 min for Chat Completions")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Chat Completions", exact=True)).to_have_value("180")
    expect(page.get_by_label("Chat Completions, slider")).to_have_value("180")
    expect(button).to_be_disabled()
    expect(page.locator("#timeouts-unsaved")).to_have_text("Unsaved changes")
    assert timeouts.in_force().seconds["chat"] == 900
    page.locator("#timeouts-save").click()
    expect(page.locator("#timeouts-saved")).to_contain_text("Timeouts saved")
    assert timeouts.in_force().seconds == {"chat": 180, "completions": 700, "embeddings": 120}
    expect(chat(page).locator("[data-cut]")).to_have_text("Set to 3 min, it would have cut 1: 1 in decode.")


def test_enter_in_a_number_saves_it_and_takes_no_suggestion(settings_page: Page) -> None:
    page = settings_page
    number = page.get_by_label("Chat Completions", exact=True)
    number.fill("333")
    number.press("Enter")
    expect(page.locator("#timeouts-saved")).to_be_focused()
    assert timeouts.in_force().seconds["chat"] == 333


def test_words_and_sums_of_the_page_are_those_of_the_server(settings_page: Page) -> None:
    found = figures.current()["chat"]
    values = [60, 61, 69, 70, 71, 75.5, 80, 81, 100, 129.5, 130, 131, 7200]
    steps = "JSON.parse(document.querySelector('[data-figures]').dataset.figures)"
    script = f"{json.dumps(values)}.map((value) => cutText({steps}, value))"
    assert settings_page.evaluate(script) == [figures.cut_text(found.would_cut(value)) for value in values]


def test_without_scripts_the_button_fills_it_in(open_context: OpenContext, admin: User) -> None:
    plant()
    with open_context(java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page)
        page.goto("/settings/")
        expect(chat(page).locator("[data-cut]")).to_have_text("Set to 15 min, it would have cut none.")
        page.get_by_label("Embeddings", exact=True).fill("77")
        chat(page).get_by_role("button", name="Fill in 3 min").click()
        expect(page.get_by_label("Chat Completions", exact=True)).to_have_value("180")
        expect(page.get_by_label("Embeddings", exact=True)).to_have_value("77")
        page.get_by_label("Embeddings", exact=True).press("Enter")
        expect(page.locator("#timeouts-saved")).to_contain_text("Timeouts saved")
    assert timeouts.in_force().seconds == {"chat": 180, "completions": 600, "embeddings": 77}


@pytest.mark.parametrize("screen", SCREENS, ids=_screen_name)
def test_axe_finds_nothing(open_context: OpenContext, admin: User, screen: dict[str, Any]) -> None:
    plant()
    with open_context(**screen) as context:
        page = context.new_page()
        sign_in(page)
        page.goto("/settings/")
        page.get_by_label("Chat Completions, slider").press("Home")
        assert_clean(page)
        page.get_by_label("Chat Completions", exact=True).fill("900")
