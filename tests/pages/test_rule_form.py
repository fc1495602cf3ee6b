"""The form of a routing rule in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from settings_app import rules
from settings_app.models import Provider, Rule
from tests.pages.ruling import AUTHOR, made, open_form

pytestmark = pytest.mark.browser


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
