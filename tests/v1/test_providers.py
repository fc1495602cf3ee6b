"""What is set of a provider reaches the next request of a real server."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.provider import provider
from tests.v1.far import KEY, URL, Far
from tests.waiting import until


def test_what_the_api_stores_serves_the_next_request(far: Far) -> None:
    assert far.key_sent() == KEY
    far.patch(enabled=False).raise_for_status()
    refused = far.ask()
    assert (refused.status_code, "Afar is switched off" in refused.text) == (503, True)
    far.patch(enabled=True, api_key="").raise_for_status()
    assert "Afar has no API key" in far.ask().text
    far.patch(api_key="sk-the-next").raise_for_status()
    assert far.key_sent() == "sk-the-next"


@pytest.mark.parametrize("name", ["Largo", "Größe ☁"])
def test_its_name_is_in_the_answer_and_in_the_log(far: Far, name: str) -> None:
    far.patch(name=name).raise_for_status()
    answer = far.ask()
    assert answer.status_code == 200
    if name.isascii():
        assert answer.headers["x-mlx-backend"] == name
    assert far.server.logged(answer.headers["x-request-id"])["backend"] == name


def test_another_url_is_asked_with_the_key_that_was_entered_for_it(far: Far) -> None:
    with provider() as other:
        assert far.patch(base_url=other.url).status_code == 422
        far.patch(base_url=other.url, api_key="sk-for-the-other").raise_for_status()
        assert far.ask().status_code == 200
        assert [asked["authorization"] for asked in other.asked] == ["Bearer sk-for-the-other"]
    assert far.told.asked == []
    same_host = far.told.url.removesuffix("/v1") + "/elsewhere"
    far.patch(base_url=far.told.url, api_key=KEY).raise_for_status()
    far.patch(base_url=same_host).raise_for_status()
    assert far.key_sent() == KEY
    assert far.told.asked[-1]["path"] == "/elsewhere/chat/completions"


def test_the_protocol_is_the_one_that_is_spoken(far: Far) -> None:
    far.told.protocol = "anthropic"
    far.patch(protocol="anthropic").raise_for_status()
    answer = far.ask()
    assert answer.json()["choices"][0]["message"]["content"] == "Hello from afar"
    assert (far.told.asked[-1]["path"], far.told.asked[-1]["x-api-key"]) == ("/v1/messages", KEY)


def test_a_private_address_is_asked_only_while_that_is_allowed(far: Far) -> None:
    host = _private_name()
    url = f"https://{host}:{far.told.url.rsplit(':', 1)[1]}"
    far.patch(base_url=url, api_key=KEY).raise_for_status()
    answer = far.ask()
    assert (answer.status_code, "TLS" in answer.text) == (502, True), "it was reached, and speaks no TLS"
    reached = far.told.connections
    assert reached > 0
    far.patch(allow_private=False).raise_for_status()
    answer = far.ask()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "provider_address_refused")
    assert far.told.connections == reached
    assert far.patch(base_url=far.told.url).status_code == 422


def test_a_test_of_the_connection_is_answered_and_stored(far: Far) -> None:
    test = f"{URL}/{far.id}/test"
    far.patch(enabled=False).raise_for_status()
    checked = far.api.post(test).json()
    assert checked["passed"] is True
    assert checked["said"].startswith("Reached in ")
    assert far.told.got == ["/v1/models"]
    stored = far.api.get(f"{URL}/{far.id}").json()
    assert (stored["test_passed"], stored["test_said"]) == (True, checked["said"])
    assert (stored["test_ms"], stored["tested_at"] is not None) == (checked["ms"], True)
    far.told.status = 401
    checked = far.api.post(test).json()
    assert (checked["passed"], "401" in checked["said"]) == (False, True)
    far.patch(api_key="").raise_for_status()
    assert far.api.post(test).json() == {"passed": False, "said": "It has no API key.", "ms": 0.0}
    assert len(far.told.got) == 2, "without a key nothing is sent"
    far.told.silence = 2
    far.patch(api_key=KEY).raise_for_status()
    with ThreadPoolExecutor(1) as pool:
        testing = pool.submit(lambda: far.api.post(test))
        until(lambda: len(far.told.got) == 3)
        assert far.api.get(URL).status_code == 200
        assert not testing.done(), "nobody else waits for it"
    assert far.api.post(f"{URL}/99999/test").status_code == 404


def _private_name() -> str:
    """A name, not "localhost", of an address of this machine at which a server on 127.0.0.1 answers."""
    for name in (socket.gethostname(), "ip6-localhost", "localhost.localdomain"):
        try:
            if all(entry[4][0] == "127.0.0.1" for entry in socket.getaddrinfo(name, 443)):
                return name
        except OSError:
            continue
    pytest.skip("no name of this machine leads to a loopback address")
