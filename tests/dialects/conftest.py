"""A provider of each protocol at the shared server."""

from collections.abc import Iterator

import pytest

from tests.provider import Provider, provider
from tests.server import Server
from tests.v1.routed import plant, planted, rule


@pytest.fixture(scope="module")
def planted_both(shared_server: Server) -> Iterator[tuple[Provider, Provider]]:
    """`gpt-9` goes to the one that speaks OpenAI's protocol, `claude-9` to the other, both as `large`."""
    with planted(shared_server) as afar, provider("anthropic") as beyond:
        beyond.id = plant(shared_server, beyond.url, "anthropic", name="Beyond")
        rule(shared_server, afar, "gpt-9", target_model="large")
        rule(shared_server, beyond, "claude-9", target_model="large")
        yield afar, beyond


@pytest.fixture
def afar(planted_both: tuple[Provider, Provider], server: Server) -> Provider:
    """It has no faults, and has seen nothing yet."""
    planted_both[0].forget()
    return planted_both[0]


@pytest.fixture
def beyond(planted_both: tuple[Provider, Provider], server: Server) -> Provider:
    planted_both[1].forget()
    return planted_both[1]
