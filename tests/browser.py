"""The browser that the page tests drive: Debian's Chromium, or Playwright's. `python -m tests.browser` gets one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

MISSING = (
    "No browser for the page tests: they are skipped. To run them, install Chromium (Debian: apt-get install "
    "chromium; elsewhere: .venv/bin/playwright install chromium)."
)
DEBIAN = "/usr/bin/chromium"


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


if __name__ == "__main__":
    if executable() is None and not install():
        print(MISSING)
        sys.exit(1 if os.environ.get("CI") else 0)
