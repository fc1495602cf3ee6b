"""A server of one model for each form of calls."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import FLOOR
from tests.server import Server, environment, manage, serving
from tests.tool_formats import FORMATS, HERMES, make_calling_model
from tests.tools.asking import MORE_SCRIPTS, SCRIPTS, TALKER
from tests.v1.pool import add


@pytest.fixture(scope="package")
def calling(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Server]:
    """A server of one model for each format, named after it; the talker; and `tiny`, which knows no tools."""
    home = tmp_path_factory.mktemp("calling")
    manage(environment(home, **FLOOR), "add_model", "tiny", str(tiny_model))
    with serving(home, **FLOOR) as server:
        with server.api() as api:  # by itself it would unload one for another all the time
            api.put("/api/settings/pool", json={"max_models": len(FORMATS) + 2}).raise_for_status()
        for name, form in FORMATS.items():
            add(server, name, make_calling_model(home / name, form, SCRIPTS))
        add(server, TALKER, make_calling_model(home / TALKER, HERMES, MORE_SCRIPTS))
        yield server
        assert server.rows_held() == 0


@pytest.fixture
def server(calling: Server) -> Iterator[Server]:
    with calling.watched():
        yield calling
    calling.set_timeouts(chat_seconds=900)
