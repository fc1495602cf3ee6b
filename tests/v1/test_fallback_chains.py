"""A second failure, a fallback that cannot take the request, a rule that is passed over: none goes without a word."""

from collections.abc import Iterator

import pytest

from tests.provider import Provider, provider
from tests.server import Server
from tests.v1.asking import SHORT, ask
from tests.v1.routed import change, plant, rule

TINY = {"provider": None, "target_model": "tiny", "causes": ["overload"]}


@pytest.fixture
def beyond(server: Server, afar: Provider) -> Iterator[Provider]:
    with provider() as told:
        told.id = plant(server, told.url, name="Beyond")
        yield told


def test_a_fallback_that_fails_makes_way_for_its_own_cause(
    server: Server, afar: Provider, beyond: Provider
) -> None:
    """Afar fails, Beyond has too much to do: it is the one for overload that answers."""
    afar.status, beyond.status = 500, 429
    second = {"provider": beyond.id, "target_model": "", "causes": ["error"]}
    rule(server, afar, "gpt-9", fallbacks=[second, TINY])
    answer = ask(server, **{**SHORT, "model": "gpt-9"})
    assert (answer.status_code, answer.headers["x-mlx-backend"]) == (200, "local")
    fell_back = server.logged(answer.headers["x-request-id"])["fell_back"]
    assert fell_back == "Afar gpt-9: 500 provider_failed; Beyond gpt-9: 429 provider_failed"


def test_a_fallback_that_cannot_take_it_hides_no_failure(server: Server, afar: Provider) -> None:
    """Tools are nothing for a local model yet; the client is told what the provider said, and not that."""
    afar.status = 503
    rule(server, afar, "gpt-9", fallbacks=[TINY])
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    answer = ask(server, **{**SHORT, "model": "gpt-9", "tools": tools})
    assert (answer.status_code, answer.json()["error"]["provider"]) == (503, "Afar")


def test_a_rule_that_was_passed_over_is_in_the_log(server: Server, afar: Provider) -> None:
    with server.api() as api:
        local = {"pattern": "gpt-*", "kind": "glob", "target_model": "tiny"}
        rule(server, afar, "gpt-9")
        api.post("/api/settings/rules", json=local).raise_for_status()
    change(server, afar, enabled=False)
    answer = ask(server, **{**SHORT, "model": "gpt-9"})
    assert (answer.status_code, answer.headers["x-mlx-backend"]) == (200, "local")
    row = server.logged(answer.headers["x-request-id"])
    assert row["rule"] == "glob gpt-*"
    assert row["fell_back"] == "rule 1 (gpt-9): provider Afar is switched off"


def test_a_status_that_http_does_not_know_is_a_502(server: Server, afar: Provider) -> None:
    afar.status = 999
    rule(server, afar, "gpt-9")
    answer = ask(server, **{**SHORT, "model": "gpt-9"})
    error = answer.json()["error"]
    assert (answer.status_code, error["provider_status"]) == (502, 999)


def test_a_refusal_whose_words_do_not_come_keeps_its_status(server: Server, afar: Provider) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"error": '
        afar.left.wait(10)

    afar.status, afar.body = 429, pieces()
    rule(server, afar, "gpt-9")
    answer = ask(server, **{**SHORT, "model": "gpt-9"})
    afar.left.set()
    assert (answer.status_code, answer.json()["error"]["provider_status"]) == (429, 429)
