"""The address check where it counts: at the moment of connecting, with resolvers of the test's own."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress

import httpcore2
import httpx2
import pytest

from inference.cloud import clients, network
from inference.cloud.network import AddressRefused, CheckedNetwork, NameUnknown
from settings_app.snapshot import Provider
from tests.provider import KEY, provider


class Names:
    """A resolver that answers as it was told, one answer after the other, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Together:
    """The body of an answer that waits until so many have begun."""

    def __init__(self, count: int) -> None:
        self._barrier = threading.Barrier(count, timeout=10)

    def __iter__(self) -> Iterator[bytes]:
        self._barrier.wait()
        yield b"{}"


@pytest.fixture
def listening() -> Iterator[tuple[int, list[str]]]:
    """A port on 127.0.0.1, and who connected to it."""
    came: list[str] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, (address, _) = listener.accept()
                    came.append(address)
                    connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()[1], came
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def connect(names: Names, port: int, *, allow_private: bool = False, encrypted: bool = True) -> str:
    """The address that was connected to."""

    async def connected() -> str:
        backend = CheckedNetwork(allow_private=allow_private, encrypted=encrypted, resolve=names)
        stream = await backend.connect_tcp("api.example.com", port, timeout=2)
        try:
            return str(stream.get_extra_info("server_addr")[0])
        finally:
            await stream.aclose()

    return asyncio.run(connected())


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "169.254.169.254", "::1"]
)
def test_a_name_that_leads_inside_is_not_followed(listening: tuple[int, list[str]], address: str) -> None:
    port, came = listening
    with pytest.raises(AddressRefused, match=address):
        connect(Names([address]), port)
    assert came == []


def test_where_private_addresses_are_allowed_a_clouds_credentials_are_not() -> None:
    with pytest.raises(AddressRefused, match="never connected to"):
        connect(Names(["169.254.169.254"]), 80, allow_private=True, encrypted=False)


def test_http_to_a_public_address_is_refused() -> None:
    with pytest.raises(AddressRefused, match="Use https"):
        connect(Names(["8.8.8.8"]), 80, allow_private=True, encrypted=False)


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(
    listening: tuple[int, list[str]],
) -> None:
    """Rebinding: a second answer would lead elsewhere, and nobody asks for it."""
    port, _ = listening
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    assert connect(names, port, allow_private=True) == "127.0.0.1"
    assert names.asked == ["api.example.com"]


def test_of_several_addresses_only_those_that_are_allowed_are_tried(listening: tuple[int, list[str]]) -> None:
    port, _ = listening
    names = Names(["169.254.169.254", "8.8.8.8", "::1", "127.0.0.1"])  # nothing listens at ::1
    assert connect(names, port, allow_private=True, encrypted=False) == "127.0.0.1"


def test_an_address_that_nothing_listens_at_is_an_error(listening: tuple[int, list[str]]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(httpcore2.ConnectError):
        connect(Names(["127.0.0.1"]), port, allow_private=True)


def test_a_name_without_an_address_is_said_to_have_none() -> None:
    with pytest.raises(NameUnknown):
        connect(Names([]), 443)


def test_a_resolver_that_is_slow_is_part_of_connecting() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async def connected() -> None:
        backend = CheckedNetwork(allow_private=False, encrypted=True, resolve=never)
        await backend.connect_tcp("api.example.com", 443, timeout=0.05)

    with pytest.raises(httpcore2.ConnectTimeout):
        asyncio.run(connected())


@pytest.mark.parametrize("host", ["localhost", "0x7f.1", "2130706433", "127.1", "127.0.0.1"])
def test_the_systems_resolver_reads_odd_spellings_and_they_are_checked(host: str) -> None:
    """Whatever a name means to the system, its meaning is what is judged."""
    found = asyncio.run(network.resolve(host, 80))
    assert set(found) <= {"127.0.0.1", "::1"}
    assert found

    async def connected() -> None:
        await CheckedNetwork(allow_private=False, encrypted=True).connect_tcp(host, 80)

    with pytest.raises(AddressRefused):
        asyncio.run(connected())


class TestClients:
    """A connection is kept for the settings that it was made under, and for no others."""

    def test_a_connection_is_used_again_by_the_same_settings_alone(self) -> None:
        with provider() as told:

            async def asked() -> None:
                held = clients.Clients()
                first = _provider(told.url)
                for made_for in (first, first, _provider(told.url, api_key="another"), first):
                    async with held.lent(made_for) as client:
                        answer = await client.get(f"{told.url}/models")
                        assert answer.status_code == 200
                await held.close()

            asyncio.run(asked())
            assert (told.connections, len(told.got)) == (3, 4)

    def test_a_change_closes_a_connection_that_nobody_uses(self) -> None:
        with provider() as told:

            async def asked() -> httpx2.AsyncClient:
                held = clients.Clients()
                made_for = _provider(told.url)
                async with held.lent(made_for) as client:
                    await client.get(f"{told.url}/models")
                await held.keep_to({1: made_for})
                assert not client.is_closed
                await held.keep_to({1: _provider(told.url, allow_private=False)})
                return client

            assert asyncio.run(asked()).is_closed

    def test_a_request_that_runs_keeps_its_connection_until_it_ends(self) -> None:
        async def lent() -> None:
            held = clients.Clients()
            async with held.lent(_provider("http://127.0.0.1/v1")) as old:
                async with held.lent(_provider("http://127.0.0.1/v2")) as new:
                    assert new is not old
                assert not old.is_closed
                await held.keep_to({})
                assert (old.is_closed, new.is_closed) == (False, True)
            assert old.is_closed

        asyncio.run(lent())

    def test_only_to_connect_is_limited(self) -> None:
        """Every other limit would fire before a deadline of its own."""

        async def limits() -> httpx2.Timeout:
            async with clients.make(_provider("https://api.example.com")) as client:
                return client.timeout

        assert asyncio.run(limits()) == httpx2.Timeout(None, connect=10.0)

    def test_any_number_of_requests_run_at_once(self) -> None:
        """httpx's own limit is 100, and more would wait unseen."""
        with provider() as told:
            told.body = Together(105)

            async def asked() -> list[httpx2.Response]:
                async with clients.make(_provider(told.url)) as client:
                    url = f"{told.url}/chat/completions"
                    return await asyncio.gather(*(client.post(url, json={}) for _ in range(105)))

            assert {answer.status_code for answer in asyncio.run(asked())} == {200}

    def test_the_end_of_the_server_closes_all(self) -> None:
        async def closed() -> bool:
            held = clients.Clients()
            async with held.lent(_provider("http://127.0.0.1/v1")) as client:
                await held.close()
            return client.is_closed

        assert asyncio.run(closed())

    def test_neither_proxies_nor_cookies_come_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
        with provider() as told:

            async def asked() -> None:
                async with clients.make(_provider(told.url)) as client:
                    for _ in range(2):
                        answer = await client.post(f"{told.url}/chat/completions", json={"messages": []})
                        assert answer.headers["set-cookie"]

            asyncio.run(asked())
            assert [sent.get("cookie") for sent in told.asked] == [None, None]


def _provider(url: str, *, api_key: str = KEY, allow_private: bool = True) -> Provider:
    return Provider(1, "Afar", "openai", url, api_key, allow_private, "")
