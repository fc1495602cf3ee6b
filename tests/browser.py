"""The browser that the page tests drive, and who looks through it: Debian's Chromium, or Playwright's.

`python -m tests.browser` gets one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.pages import PASSWORD, sign_in
from tests.server import Server

MISSING = (
    "No browser for the page tests: they are skipped. To run them, install Chromium (Debian: apt-get install "
    "chromium; elsewhere: .venv/bin/playwright install chromium)."
)
DEBIAN = "/usr/bin/chromium"
PATIENCE_MS = 15_000


def executable() -> str | None:
    """The browser to drive; None if there is none."""
    if Path(DEBIAN).exists():
        return DEBIAN
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def install() -> bool:
    """Gets a browser if the user may. What it cannot do it leaves."""
    if shutil.which("apt-get"):
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        print("Installing Chromium for the page tests", flush=True)
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
            subprocess.run([*root, *command], check=False, capture_output=True)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    return executable() is not None


@contextmanager
def profile(browser: Browser, url: str, **options: Any) -> Iterator[BrowserContext]:
    """A profile that fails the test on an uncaught error or a breach of the CSP."""
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    with browser.new_context(base_url=url, **options) as context:
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", listen)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        yield context
    assert complaints == []


@contextmanager
def administrator(browser: Browser, server: Server, path: str = "/", **options: Any) -> Iterator[Page]:
    """A page of a real server as ada sees it, who is signed in; she is made if need be."""
    if not server.rows("SELECT 1 FROM auth_user"):
        server.environment["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
        server.manage("createsuperuser", "--noinput", "--username", "ada", "--email", "")
    with profile(browser, server.url, **options) as context:
        page = context.new_page()
        sign_in(page)
        page.goto(path)
        yield page


def hide(page: Page, is_hidden: bool) -> None:
    """As if another tab were in front."""
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


if __name__ == "__main__":
    if executable() is None and not install():
        print(MISSING)
        sys.exit(1 if os.environ.get("CI") else 0)
