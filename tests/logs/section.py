"""The section Request Logs as its tests use it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from playwright.sync_api import Page

Open = Callable[..., AbstractContextManager[Page]]


def rows(page: Page) -> Any:
    return page.locator("#logs-rows tr")


def filtered(page: Page) -> None:
    with page.expect_response(lambda answer: "/settings/logs/" in answer.url):
        page.locator("#logs-go").click()
