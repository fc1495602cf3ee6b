"""What the hub is asked, of a hub whose answer does not end."""

import time

import pytest
from huggingface_hub import constants

from inference.hub import catalogue
from inference.hub.catalogue import HubError
from tests.hub import Hub, Trickle
from tests.models.conftest import REPO
from tests.waiting import in_time


@pytest.fixture(autouse=True)
def asked(told: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", told.url)


def test_what_comes_in_time_is_read(told: Hub) -> None:
    assert catalogue.repo(REPO).commit == told.repositories[REPO].commit


@pytest.mark.parametrize("in_headers", [True, False])
def test_the_time_is_for_the_whole_answer(
    told: Hub, in_headers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte comes each tenth of a second, so no single wait is long."""
    monkeypatch.setattr(catalogue, "ANSWER_SECONDS", 0.6)
    told.api_trickle = Trickle(b"1", 0.1, in_headers)
    began = time.monotonic()
    with pytest.raises(HubError, match="did not answer within"):
        catalogue.repo(REPO)
    assert in_time(time.monotonic() - began, 0.6)


def test_an_answer_without_an_end_is_given_up(told: Hub) -> None:
    told.api_trickle = Trickle(b"[" * 2**16)
    with pytest.raises(HubError, match="larger than 16 MB"):
        catalogue.search("tiny")
