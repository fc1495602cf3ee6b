"""A real browser for the pages. Missing locally: skipped, and said. Missing in CI: a failure."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from settings_app.endpoints import ENDPOINTS
from settings_app.models import Access, Provider, Timeout
from tests.browser import MISSING, executable, profile
from tests.pages import PASSWORD, sign_in

OpenContext = Callable[..., AbstractContextManager[BrowserContext]]


@pytest.fixture(scope="module")  # no longer: while it runs, no other test may start an event loop
def browser() -> Iterator[Browser]:
    path = executable()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    # Playwright's sync API runs an event loop in this thread; Django would take the ORM's calls for async.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def rows(transactional_db: None) -> None:
    """What the migrations wrote: a transactional test before this one flushed it."""
    Access.objects.update_or_create(pk=1, defaults={"require_key_on_loopback": False})
    for endpoint in ENDPOINTS:
        Timeout.objects.update_or_create(pk=endpoint.key, defaults={"seconds": endpoint.default_seconds})
    cache.clear()


@pytest.fixture
def open_context(browser: Browser, live_server: LiveServer, rows: None) -> OpenContext:
    """Opens a browser profile that fails the test on an uncaught error or a breach of the CSP."""

    @contextmanager
    def open_one(**options: Any) -> Iterator[BrowserContext]:
        with profile(browser, live_server.url, **options) as context:
            yield context

    return open_one


@pytest.fixture
def page(open_context: OpenContext) -> Iterator[Page]:
    with open_context() as context:
        yield context.new_page()


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("ada", password=PASSWORD)


@pytest.fixture
def plain_user(db: None) -> User:
    return User.objects.create_user("bob", password=PASSWORD)


@pytest.fixture
def afar(rows: None) -> Provider:
    return Provider.objects.create(name="Afar", base_url="https://afar.example/v1")


@pytest.fixture
def settings_page(page: Page, admin: User) -> Page:
    sign_in(page)
    return page
