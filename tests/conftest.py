"""Fixtures that more than one folder of tests needs."""

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.builtin import fetch_models
from tests.server import Server, environment, manage, serving
from tests.tiny_encoder import make_tiny_encoder
from tests.tiny_model import make_tiny_model

for noisy in ("httpx2", "openai"):  # each request a line, three times, in every failure report
    logging.getLogger(noisy).setLevel(logging.WARNING)

FLOOR = {"MLX_MANAGER_TIMEOUT_FLOOR": "0.2"}


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def builtin_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the built-in models in `models`, fetched once for all tests; to be left as it is."""
    home = tmp_path_factory.mktemp("fetched")
    done = fetch_models(home)
    assert done.returncode == 0, done.stderr
    assert "100% of 89 MB" in done.stdout and "100% of 80 MB" in done.stdout
    return home


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Server]:
    """One server for all tests that leave it as it was: `tiny` loaded, `tiny-embed` not, a low floor for deadlines."""
    home = tmp_path_factory.mktemp("home")
    manage(environment(home, **FLOOR), "add_model", "tiny", str(tiny_model))
    encoder = make_tiny_encoder(home / "encoder")
    manage(environment(home, **FLOOR), "add_model", "tiny-embed", str(encoder), "--kind", "embedding")
    with serving(home, **FLOOR) as server:
        warm(server)
        yield server


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """The shared server. Its deadlines are put back after the test; what it logged is shown on failure."""
    assert shared_server.rows_held() == 0
    with shared_server.watched():
        yield shared_server
    shared_server.set_timeouts(chat_seconds=900, completions_seconds=600, embeddings_seconds=120)


@pytest.fixture
def api(server: Server) -> Iterator[httpx2.Client]:
    """A client of the server's /api with an administrator's key."""
    with server.api() as api:
        yield api


def warm(server: Server) -> None:
    """The model is loaded when this returns."""
    asked = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 1}
    with server.http() as http:
        answer = http.post("/v1/chat/completions", json=asked)
    assert answer.status_code == 200, "\n".join([answer.text, *server.lines])
