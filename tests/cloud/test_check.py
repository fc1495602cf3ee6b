"""The test of a connection: what it says to whoever runs the server."""

import asyncio
import socket
import ssl
from contextlib import closing
from pathlib import Path

import pytest

from inference.cloud import check, clients
from inference.cloud.check import Checked
from settings_app.snapshot import Provider
from tests.certificate import certificate
from tests.provider import KEY, provider
from tests.waiting import in_time


def checked(url: str, protocol: str = "openai", *, allow_private: bool = True) -> Checked:
    found = asyncio.run(check.check(Provider(1, "Afar", protocol, url, KEY, allow_private, "")))
    assert KEY not in found.said
    assert len(found.said) <= 300  # as the table has room for
    return found


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
def test_a_list_of_models_is_a_pass(protocol: str) -> None:
    with provider(protocol) as told:
        found = checked(told.url, protocol)
    assert found.passed
    assert found.said.startswith("Reached in ")
    assert "listed 2 models" in found.said
    assert 0 < found.seconds < 5
    assert (told.got, told.asked) == (["/v1/models"], [])


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
def test_without_a_list_an_empty_request_is_tried(protocol: str) -> None:
    with provider(protocol) as told:
        told.no_models = True
        found = checked(told.url, protocol)
        assert found.passed
        assert "no list of models" in found.said
        (sent,) = told.asked
        assert sent["path"] == {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}[protocol]
        assert sent[{"openai": "authorization", "anthropic": "x-api-key"}[protocol]].endswith(KEY)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refused the API key that this server has for it (401)"),
        (403, "(403)"),
        (500, "answered with 500: no"),
        (429, "answered with 429"),
        (404, "neither /models nor /chat/completions"),
        (307, "points to https://elsewhere.example"),
    ],
)
def test_a_refusal_is_said(status: int, said: str) -> None:
    with provider() as told:
        told.status = status
        told.headers = {"location": "https://user:pw@elsewhere.example/v1"} if status == 307 else {}
        found = checked(told.url)
    assert not found.passed
    assert said in found.said


def test_a_key_that_is_repeated_is_not_said() -> None:
    with provider() as told:
        told.status = 500
        told.body = [
            b'{"error": {"message": "what is ' + KEY.encode() + b'?", "code": "' + KEY.encode() + b'"}}'
        ]
        found = checked(told.url)
    assert "what is [key]?" in found.said


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"hello": 1}', b"", b"[", b'"x"'])
def test_what_is_no_list_is_no_pass(body: bytes) -> None:
    with provider() as told:
        told.body = [body]
        assert not checked(told.url).passed


@pytest.mark.parametrize("body", [b'[{"id": "a"}]', b'{"object": "list", "data": null}'])
def test_odd_lists_are_lists(body: bytes) -> None:
    with provider() as told:
        told.body = [body]
        assert checked(told.url).passed


@pytest.mark.parametrize("key", ["sk-\N{SNOWMAN}", "sk-1\n2", "sk-\x00"])
def test_a_key_that_no_header_can_hold_is_said(key: str) -> None:
    with provider() as told:
        found = asyncio.run(check.check(Provider(1, "Afar", "openai", told.url, key, True, "")))
    assert (found.passed, "has an API key that cannot be sent" in found.said) == (False, True)
    assert told.got == []


def test_what_cannot_be_reached_is_said() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    assert "connection refused" in checked(f"http://127.0.0.1:{port}/v1").said
    assert "cannot be resolved" in checked("https://nobody.invalid/v1").said


def test_who_takes_a_connection_and_no_tls_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "CONNECT_SECONDS", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as deaf:
        found = checked(f"https://127.0.0.1:{deaf.getsockname()[1]}/v1")
    assert "cannot be reached: no connection within" in found.said
    assert in_time(found.seconds, 0.2)


def test_an_address_that_is_not_allowed_is_said() -> None:
    with provider() as told:
        found = checked(told.url, allow_private=False)
    assert "127.0.0.1 is a private address" in found.said
    assert told.connections == 0


def test_silence_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "CHECK_SECONDS", 0.2)
    with provider() as told:
        told.status, told.silence = 500, 30
        found = checked(told.url)
    assert (found.passed, found.said) == (False, "It did not answer within 0.2 s.")
    assert in_time(found.seconds, 0.2)


def test_tls_is_verified_by_the_name_or_address_that_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificate(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made)
    with provider(tls=context) as told:
        by_name = told.url.replace("127.0.0.1", "localhost")
        clients._tls.cache_clear()
        assert "certificate does not hold" in checked(by_name).said
        monkeypatch.setenv("SSL_CERT_FILE", str(made))
        clients._tls.cache_clear()
        assert checked(by_name).passed
        assert told.hosts == {by_name.removeprefix("https://").removesuffix("/v1")}
        assert "certificate does not hold" in checked(told.url).said  # it is of localhost, not of 127.0.0.1
    clients._tls.cache_clear()
