"""The connections to a provider: kept, ended with a change, and made to no address that is not allowed."""

import time

import pytest

from tests.cloud.asking import CLOUD, HERE, OPENAI
from tests.protocols import WORDS
from tests.provider import KEY, Provider, provider
from tests.server import Server
from tests.v1.asking import SHORT, ask
from tests.v1.routed import change, plant, rule


def test_a_connection_is_kept_between_requests(server: Server, afar: Provider) -> None:
    ask(server, **CLOUD)
    before = afar.connections
    for stream in (True, False, True, True):
        assert ask(server, **CLOUD, stream=stream).status_code == 200
    assert afar.connections == before


@OPENAI
def test_a_request_after_a_change_has_a_connection_of_its_own(server: Server, afar: Provider) -> None:
    ask(server, **CLOUD)
    before = afar.connections
    change(server, afar, api_key=f"{KEY}-new")
    try:
        assert ask(server, **CLOUD).status_code == 200
    finally:
        change(server, afar, api_key=KEY)
    assert afar.connections == before + 1
    assert [sent["authorization"] for sent in afar.asked] == [f"Bearer {KEY}", f"Bearer {KEY}-new"]


def test_a_change_ends_the_connections_that_nobody_uses(server: Server, afar: Provider) -> None:
    ask(server, **CLOUD)
    assert afar.ended < afar.connections
    change(server, afar, enabled=False)
    try:
        ends = time.monotonic() + 5
        while afar.ended < afar.connections and time.monotonic() < ends:
            time.sleep(0.02)
    finally:
        change(server, afar, enabled=True)
    assert afar.ended == afar.connections


@pytest.mark.parametrize("stream", [False, True])
def test_an_address_that_is_not_allowed_is_not_connected_to(
    server: Server, afar: Provider, stream: bool
) -> None:
    """Neither is one of a connection that was kept from when it was allowed."""
    assert ask(server, **CLOUD, stream=stream).status_code == 200
    before = afar.connections
    server.rows(
        "UPDATE settings_app_provider SET allow_private = 0"
    )  # which every door refuses with this URL
    try:
        answer = ask(server, **CLOUD, stream=stream)
        rule(server, afar, "m", fallbacks=[{**HERE, "causes": ["error"]}])
        assert ask(server, **{**SHORT, "model": "m"}).headers["x-mlx-backend"] == "local"
    finally:
        server.rows("UPDATE settings_app_provider SET allow_private = 1")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (503, "provider_address_refused")
    assert "127.0.0.1 is a private address" in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["error_code"]) == ("error", "provider_address_refused")
    assert (afar.connections, len(afar.asked)) == (before, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: Server, afar: Provider, status: int) -> None:
    with provider() as elsewhere:
        afar.status, afar.headers = status, {"location": f"{elsewhere.url}/chat/completions?key={KEY}"}
        answer = ask(server, **CLOUD)
        assert (elsewhere.connections, elsewhere.asked) == (0, [])
    error = answer.json()["error"]
    assert (answer.status_code, error["provider_status"]) == (502, status)
    assert "points to http://127.0.0.1. Redirects are not followed" in error["message"]
    assert KEY not in answer.text


@OPENAI
def test_a_provider_that_cannot_be_reached_is_a_bad_gateway(server: Server, afar: Provider) -> None:
    with provider() as gone:
        pass
    nobody = plant(server, "https://nobody.invalid/v1", name="Nobody")
    rule(server, plant(server, gone.url, name="Gone"), "gone")
    rule(server, nobody, "unknown")
    rule(server, nobody, "m", fallbacks=[HERE])
    refused, unknown = (ask(server, **{**SHORT, "model": name}) for name in ("gone", "unknown"))
    assert ask(server, **{**SHORT, "model": "m"}).headers["x-mlx-backend"] == "local"
    assert refused.status_code == unknown.status_code == 502
    assert "connection refused" in refused.json()["error"]["message"]
    assert "nobody.invalid cannot be resolved" in unknown.json()["error"]["message"]


@OPENAI
def test_the_other_endpoints_are_passed_through(server: Server, afar: Provider) -> None:
    with server.openai() as client:
        made = client.embeddings.create(model="gpt-9", input="hi", encoding_format="float")
        completed = client.completions.create(model="gpt-9", prompt="hi")
    assert made.data[0].embedding == [0.5, 0.25]
    assert completed.choices[0].text == "".join(WORDS)
    assert [sent["path"] for sent in afar.asked] == ["/v1/embeddings", "/v1/completions"]
