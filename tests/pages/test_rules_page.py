"""The section Model Routing Rules in a real browser: by mouse, by keyboard, without scripts, on every screen."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from settings_app import rules
from settings_app.models import LocalModel, Provider, Rule
from tests.pages import sign_in
from tests.pages.conftest import OpenContext
from tests.pages.ruling import AUTHOR, made, open_form
from tests.pages.test_browser import SCREENS, _screen_name, assert_clean

pytestmark = pytest.mark.browser


def order() -> list[str]:
    return list(Rule.objects.values_list("pattern", flat=True))


def test_rules_are_moved_by_keyboard_and_the_focus_goes_with_them(settings_page: Page) -> None:
    made("a", "b", "c")
    page = settings_page
    page.goto("/settings/")
    down = page.get_by_role("button", name="Move a down")
    down.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_have_text("“a” is rule 2 of 3 now.")
    assert order() == ["b", "a", "c"]
    expect(down).to_be_focused()
    page.keyboard.press("Enter")
    up = page.get_by_role("button", name="Move a up")
    expect(up).to_be_focused()  # there is no further down
    expect(down).to_be_disabled()
    assert order() == ["b", "c", "a"]
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_have_text("“a” is rule 2 of 3 now.")
    assert order() == ["b", "a", "c"]


def test_rules_are_dragged(settings_page: Page) -> None:
    a, b, c = made("a", "b", "c")
    page = settings_page
    page.goto("/settings/")
    grip = page.locator(f"#rule-{c.pk} [data-grip]")
    grip.drag_to(page.locator(f"#rule-{a.pk}"), target_position={"x": 300, "y": 4})
    expect(page.locator("#rules .notice")).to_have_text("“c” is rule 1 of 3 now.")
    assert order() == ["c", "a", "b"]
    page.locator(f"#rule-{c.pk} [data-grip]").drag_to(
        page.locator(f"#rule-{b.pk}"), target_position={"x": 300, "y": 40}
    )
    expect(page.locator("#rules .notice")).to_have_text("“c” is rule 3 of 3 now.")
    assert order() == ["a", "b", "c"]


def test_a_move_beside_a_rule_that_is_gone_says_so(settings_page: Page) -> None:
    a, b, _ = made("a", "b", "c")
    page = settings_page
    page.goto("/settings/")
    rules.delete(a, AUTHOR)
    page.get_by_role("button", name="Move b up").click()
    alert = page.locator("#rules [role=alert]")
    expect(alert).to_contain_text("not there any more. Move it again.")
    expect(alert).to_be_focused()
    expect(page.locator("#rules [data-rule]")).to_have_count(2)
    rules.delete(b, AUTHOR)
    page.get_by_role("link", name="Edit b").click()
    expect(page.locator("#rules [role=alert]")).to_contain_text("That rule is not there any more.")


def test_a_rule_is_switched_and_deleted_and_comes_back(settings_page: Page) -> None:
    a, _ = made("a", "b")
    page = settings_page
    page.goto("/settings/")
    switch = page.get_by_role("switch", name="a: enabled")
    switch.focus()
    page.keyboard.press("Space")
    expect(page.locator("#announcer")).to_contain_text("“a” is off.")
    expect(switch).to_be_focused()
    assert not Rule.objects.get(pk=a.pk).enabled
    page.get_by_role("link", name="Delete a").click()
    page.get_by_role("dialog").get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="Delete a").click()
    page.get_by_role("button", name="Delete rule").click()
    expect(page.locator("#rules .notice")).to_be_focused()
    assert order() == ["b"]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#rules .notice")).to_contain_text("“a” is back as rule 1.")
    assert order() == ["a", "b"]


def test_a_thousand_rules_are_paged(settings_page: Page) -> None:
    Rule.objects.bulk_create(
        Rule(pattern=f"team-{position}", position=position, target_model="tiny")
        for position in range(1, 1001)
    )
    page = settings_page
    page.goto("/settings/")
    listed = page.locator("#rules [data-rule]")
    expect(listed).to_have_count(50)
    page.get_by_role("link", name="After").click()
    expect(page.locator(".rule-pager")).to_contain_text("51 to 100 of 1000")
    page.get_by_role("button", name="Move team-51 up").click()
    expect(page.locator("#rules .notice")).to_have_text("“team-51” is rule 50 of 1000 now.")
    expect(page.locator(".rule-pager")).to_contain_text("1 to 50 of 1000")
    open_form(page, "Edit team-51")
    page.get_by_label("Position").fill("1000")
    page.get_by_role("button", name="Save rule").click()
    expect(page.locator(".rule-pager")).to_contain_text("951 to 1000 of 1000")
    assert order()[-1] == "team-51"


def test_the_tester_says_what_the_router_decides_and_again_when_a_rule_changes(settings_page: Page) -> None:
    LocalModel.objects.create(name="tiny", path="/tiny")
    made("gpt-", kind="prefix", target_model="tiny")
    page = settings_page
    page.goto("/settings/")
    page.get_by_role("button", name="Where would it go?").click()
    name = page.get_by_label("Name that a client asks for")
    expect(name).to_have_accessible_description(re.compile("Type the name of a model"))
    name.fill("gpt-9 & co")
    name.press("Enter")
    answer = page.locator("#route-answer")
    expect(answer).to_contain_text("Rule 1 (gpt-) matches gpt-9 & co. It goes to")
    expect(answer.get_by_role("listitem")).to_have_text("tiny on this machine")
    page.get_by_role("switch", name="gpt-: enabled").click()
    expect(answer).to_contain_text("A request is refused with 404")
    expect(name).to_have_value("gpt-9 & co")


def test_without_scripts_everything_still_works(open_context: OpenContext, admin: User) -> None:
    with open_context(java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page)
        page.goto("/settings/")
        page.get_by_role("link", name="Add rule").click()
        page.get_by_label("Pattern").fill("a")
        page.get_by_role("button", name="Add fallback").click()
        page.locator(".rule-fallback").get_by_label("Model there").fill("tiny")
        page.get_by_role("button", name="Add rule").click()
        expect(page.locator("#rules .notice")).to_contain_text("“a” is saved as rule 1")
        assert Rule.objects.get().fallbacks[0]["target_model"] == "tiny"
        made("b")
        page.get_by_label("Name that a client asks for").fill("b")
        page.get_by_role("button", name="Where would it go?").click()
        expect(page.locator("#route-answer")).to_contain_text("Rule 2 (b) matches b.")
        page.get_by_role("button", name="Move b up").click()
        assert order() == ["b", "a"]
        page.get_by_role("switch", name="a: enabled").uncheck()
        page.get_by_role("button", name="Save: a enabled or not").click()
        assert not Rule.objects.get(pattern="a").enabled
        page.get_by_role("link", name="Delete a").click()
        page.get_by_role("button", name="Delete rule").click()
        expect(page.locator("#rules .notice")).to_contain_text("“a” is deleted.")
        page.get_by_role("button", name="Undo").click()
        assert order() == ["b", "a"]


@pytest.mark.parametrize("screen", SCREENS, ids=_screen_name)
def test_axe_finds_nothing(
    open_context: OpenContext, admin: User, afar: Provider, screen: dict[str, Any]
) -> None:
    tiny = {"target_model": "tiny", "causes": ["overload", "timeout"], "after_seconds": 20}
    made("gpt-*", kind="glob", provider=afar.pk, target_model="large", fallbacks=[tiny])
    made("claude-", kind="prefix", target_model="tiny", local_only=True, fallbacks=[tiny])
    made(
        "claude-9", "a-very-long-name/of-a-model-that-goes-on-and-on-for-longer-than-a-phone-is-wide-instruct"
    )
    made("off", enabled=False)
    with open_context(**screen) as context:
        page = context.new_page()
        sign_in(page)
        page.goto("/settings/")
        assert_clean(page)
        page.get_by_label("Name that a client asks for").fill("claude-9")
        page.get_by_role("button", name="Where would it go?").click()
        expect(page.locator("#route-answer")).to_be_visible()
        assert_clean(page)
        open_form(page, "Edit gpt-*")
        page.get_by_role("button", name="Add fallback").click()
        expect(page.get_by_role("group", name="Fallback 2", exact=True)).to_be_visible()
        assert_clean(page)
        page.get_by_label("Pattern").fill("")
        page.get_by_label("Seconds to begin").first.fill("soon")
        page.get_by_role("button", name="Save rule").click()
        expect(page.locator("#rules .error").first).to_be_visible()
        assert_clean(page)
        page.get_by_role("link", name="Cancel").click()
        page.get_by_role("link", name="Delete gpt-*").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert_clean(page)
