"""What the tests of Running now share."""

from collections.abc import Iterator

import pytest

from tests.provider import Provider
from tests.server import Server
from tests.v1.routed import planted, rule


@pytest.fixture
def afar(server: Server) -> Iterator[Provider]:
    with planted(server) as told:
        rule(server, told, "afar")
        yield told
