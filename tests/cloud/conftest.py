"""A provider of each protocol at the shared server, for all tests of a file."""

from collections.abc import Iterator

import pytest

from tests.provider import Provider
from tests.server import Server
from tests.v1.routed import planted, rule


@pytest.fixture(scope="module", params=["openai", "anthropic"])
def planted_afar(request: pytest.FixtureRequest, shared_server: Server) -> Iterator[Provider]:
    """One of each protocol in turn; `gpt-9` goes there, as `large`."""
    with planted(shared_server, request.param) as told:
        rule(shared_server, told, "gpt-9", target_model="large")
        yield told


@pytest.fixture
def afar(planted_afar: Provider, server: Server) -> Iterator[Provider]:
    """It has no faults, and has seen nothing yet. What a test adds to rules and providers goes with it."""
    planted_afar.forget()
    yield planted_afar
    server.rows("DELETE FROM settings_app_rule WHERE pattern != 'gpt-9'")
    server.rows("DELETE FROM settings_app_provider WHERE id != ?", planted_afar.id)
