"""What the tests of the log share."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import administrator
from tests.conftest import FLOOR, warm
from tests.logs.section import Open
from tests.pages.conftest import browser as browser
from tests.server import Server, environment, manage, serving

SEED = """
from datetime import timedelta
from tests.logs.seeded import plant, row
statuses = ["ok", "ok", "timeout", "client_closed", "error", "rejected", "interrupted", "cancelled"]
plant(
    row(n, age=timedelta(minutes=5 + n), status=statuses[n % 8], model=f"model-{n % 3}", served_model=f"model-{n % 3}",
        backend=["local", "Afar"][n % 5 == 4], total_ms=1000 * n + 2.5, decode_ms=800 * n, prefill_ms=150 * n,
        queue_ms=50 * n + 2.5, deadline_seconds=[60, 900][n % 2], api_key=["", "laptop"][n % 4 == 1],
        error_code=["", "", "deadline_exceeded", "", "runner_failed", "model_not_found", "interrupted", ""][n % 8])
    for n in range(70)
)
"""


@pytest.fixture(scope="package")
def section_server(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("logs-section")
    manage(environment(home, **FLOOR), "add_model", "tiny", str(tiny_model))
    manage(environment(home, **FLOOR), "shell", "-c", SEED)
    with serving(home, **FLOOR) as server:
        warm(server)
        yield server


@pytest.fixture
def open_page(section_server: Server, browser: Browser) -> Open:
    return partial(administrator, browser, section_server)


@pytest.fixture
def page(open_page: Open) -> Iterator[Page]:
    with open_page("/settings/") as page:
        yield page
