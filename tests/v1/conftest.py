"""Fixtures of /v1: a server whose models do not all fit into its memory, and a provider made through the API."""

import functools
from collections.abc import Iterator

import httpx2
import pytest

from tests.conftest import FLOOR
from tests.provider import Provider, provider
from tests.server import Server, serving
from tests.tiny_model import make_tiny_model
from tests.v1.far import KEY, Far, made
from tests.v1.pool import DEFAULTS, MEMORY, SIZES, add, change, put, unloads
from tests.v1.routed import planted
from tests.waiting import until


@pytest.fixture(scope="package")
def pool_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("pool")
    with serving(home, **FLOOR, **MEMORY) as server:
        for seed, (name, feed_forward) in enumerate(SIZES.items()):
            folder = make_tiny_model(home / name, seed=seed, feed_forward=feed_forward)
            add(server, name, folder)
        yield server


@pytest.fixture
def pool_api(pool_server: Server) -> Iterator[httpx2.Client]:
    """Of a server without a loaded model, with the default settings; what it logged is shown on failure."""
    seen = len(pool_server.lines)
    with pool_server.api() as pool_api:
        put(pool_api, **DEFAULTS)
        for name in SIZES:
            change(pool_api, name, idle_minutes=None, preload=False, pinned=False)
            until(functools.partial(unloads, pool_api, name))
        until(lambda: not pool_server.runner_pids())
        yield pool_api
    print(*pool_server.lines[seen:], sep="\n")


@pytest.fixture
def afar(server: Server) -> Iterator[Provider]:
    """A provider that no rule leads to yet."""
    with planted(server) as told:
        yield told


@pytest.fixture
def far(server: Server) -> Iterator[Far]:
    with provider() as told, server.api() as api:
        id = made(api, name="Afar", base_url=told.url, api_key=KEY)
        api.post("/api/settings/rules", json={"pattern": "gpt-9", "provider": id}).raise_for_status()
        yield Far(server, api, told, id)
        server.rows("DELETE FROM settings_app_rule")
        server.rows("DELETE FROM settings_app_provider")
