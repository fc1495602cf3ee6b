"""A provider of each protocol, planted into the shared server."""

from collections.abc import Iterator

import pytest

from tests.provider import Provider
from tests.server import Server
from tests.v1.routed import planted, rule


@pytest.fixture(params=["openai", "anthropic"])
def afar(request: pytest.FixtureRequest, server: Server) -> Iterator[Provider]:
    """One of each protocol in turn; `gpt-9` goes there, as `large`."""
    with planted(server, request.param) as told:
        rule(server, "gpt-9", target_model="large")
        yield told


@pytest.fixture
def openai_afar(server: Server) -> Iterator[Provider]:
    with planted(server) as told:
        rule(server, "gpt-9", target_model="large")
        yield told


@pytest.fixture
def anthropic_afar(server: Server) -> Iterator[Provider]:
    with planted(server, "anthropic") as told:
        rule(server, "gpt-9", target_model="large")
        yield told
