"""The section Model Routing Rules in a real browser: by mouse, by keyboard, without scripts, on every screen."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from settings_app import rules
from settings_app.changes import Author
from settings_app.models import Change, LocalModel, Provider, Rule
from tests.pages import sign_in
from tests.pages.conftest import OpenContext
from tests.pages.test_browser import SCREENS, _screen_name, assert_clean

pytestmark = pytest.mark.browser
AUTHOR = Author("ada", Change.Door.PAGE)


def made(*patterns: str, **more: Any) -> list[Rule]:
    return [rules.create({"pattern": pattern, **more}, AUTHOR) for pattern in patterns]


def open_form(page: Page, link: str) -> None:
    """The focus goes to the form's heading a moment after it is there; until then a test would type against it."""
    page.get_by_role("link", name=link).click()
    expect(page.locator("#rules-title")).to_be_focused()


def order() -> list[str]:
    return list(Rule.objects.values_list("pattern", flat=True))


@pytest.fixture
def afar(rows: None) -> Provider:
    return Provider.objects.create(name="Afar", base_url="https://afar.example/v1")


@pytest.fixture
def settings_page(page: Page, admin: User) -> Page:
    sign_in(page)
    return page


def test_a_rule_is_added_with_fallbacks_and_its_errors_stand_beside_their_fields(
    settings_page: Page, afar: Provider
) -> None:
    page = settings_page
    page.goto("/settings/")
    open_form(page, "Add rule")
    page.get_by_label("A model whose name").select_option("regex")
    page.get_by_label("Pattern").fill("gpt-(")
    page.locator("#id_provider").select_option("Afar (has no API key)")
    page.locator("#id_target_model").fill("large")
    page.get_by_role("button", name="Add fallback").click()
    row = page.get_by_role("group", name="Fallback 1", exact=True)
    for cause in ("fails", "is overloaded", "does not begin in time"):
        row.get_by_label(cause).uncheck()
    row.get_by_label("Model there").fill("tiny")
    row.get_by_label("Seconds to begin").fill("soon")
    page.get_by_role("button", name="Add rule").click()
    expect(page.get_by_label("Pattern")).to_have_accessible_description(
        re.compile("The pattern cannot be used")
    )
    expect(page.get_by_label("Pattern")).to_be_focused()
    expect(row.get_by_text("Name one or more of error, overload, timeout.")).to_be_visible()
    expect(row.get_by_label("Seconds to begin")).to_have_accessible_description(re.compile("Give a number"))
    expect(row.get_by_label("Seconds to begin")).to_have_value("soon")
    assert not Rule.objects.exists()
    page.get_by_label("Pattern").fill("gpt-9")
    row.get_by_label("fails").check()
    row.get_by_label("Seconds to begin").fill("20")
    page.get_by_label("Pattern").press("Enter")
    expect(page.locator("#rules .notice")).to_contain_text("“gpt-9” is saved as rule 1")
    rule = Rule.objects.get()
    assert (rule.pattern, rule.kind, rule.provider_id, rule.target_model) == (
        "gpt-9",
        "regex",
        afar.pk,
        "large",
    )
    assert rule.fallbacks == [
        {"provider": None, "target_model": "tiny", "causes": ["error"], "after_seconds": 20.0}
    ]
    expect(page.locator("#rules")).to_contain_text("Passed over: provider Afar has no API key.")


def test_the_rows_of_fallbacks_are_added_raised_and_removed_and_what_was_typed_stays(
    settings_page: Page,
) -> None:
    fallbacks = [{"target_model": f"m{number}", "causes": ["error"]} for number in range(1, 8)]
    (rule,) = made("m", fallbacks=fallbacks)
    page = settings_page
    page.goto(f"/settings/rules/{rule.pk}/")
    page.get_by_label("Pattern").fill("n")
    page.get_by_role("button", name="Move fallback 2 up").click()
    models = page.locator(".rule-fallback").get_by_label("Model there")
    expect(models.first).to_have_value("m2")
    page.get_by_role("button", name="Add fallback").click()
    expect(page.get_by_text("as many as a rule can have")).to_be_visible()
    expect(page.get_by_role("button", name="Add fallback")).to_have_count(0)
    models.last.fill("m8")
    page.get_by_role("button", name="Remove fallback 2").click()
    expect(models).to_have_count(7)
    expect(page.get_by_label("Pattern")).to_have_value("n")
    page.get_by_role("button", name="Save rule").click()
    expect(page.locator("#rules .notice")).to_contain_text("is saved")
    rule.refresh_from_db()
    assert rule.pattern == "n"
    names = [fallback["target_model"] for fallback in rule.fallbacks]
    assert names == ["m2", "m3", "m4", "m5", "m6", "m7", "m8"]


def test_a_rule_keeps_a_provider_that_was_deleted_until_another_is_chosen(
    settings_page: Page, afar: Provider
) -> None:
    (rule,) = made("m", provider=afar.pk)
    Provider.objects.all().delete()
    page = settings_page
    page.goto(f"/settings/rules/{rule.pk}/")
    expect(page.locator("#id_provider").locator("option:checked")).to_have_text(
        f"Provider {afar.pk} (was deleted)"
    )
    page.locator("#id_target_model").fill("large")
    page.get_by_role("button", name="Save rule").click()
    expect(page.locator("#rules")).to_contain_text("Passed over: its provider was deleted.")
    rule.refresh_from_db()
    assert (rule.provider_id, rule.target_model) == (afar.pk, "large")


def test_what_another_saved_meanwhile_is_kept(settings_page: Page) -> None:
    (rule,) = made("m")
    page = settings_page
    page.goto(f"/settings/rules/{rule.pk}/")
    rules.change(rule, {"target_model": "tiny"}, AUTHOR)
    page.get_by_label("Enabled").uncheck()
    page.get_by_role("button", name="Save rule").click()
    expect(page.locator("#rules .notice")).to_be_visible()
    rule.refresh_from_db()
    assert (rule.target_model, rule.enabled) == ("tiny", False)


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
