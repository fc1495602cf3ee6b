"""The section Model Routing Rules as its tests use it."""

from typing import Any

from playwright.sync_api import Page, expect

from settings_app import rules
from settings_app.changes import Author
from settings_app.models import Change, Rule

AUTHOR = Author("ada", Change.Door.PAGE)


def made(*patterns: str, **more: Any) -> list[Rule]:
    return [rules.create({"pattern": pattern, **more}, AUTHOR) for pattern in patterns]


def open_form(page: Page, link: str) -> None:
    """The focus goes to the form's heading a moment after it is there; until then a test would type against it."""
    page.get_by_role("link", name=link).click()
    expect(page.locator("#rules-title")).to_be_focused()
