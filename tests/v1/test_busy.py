"""An event loop that does not answer in time: pages and the API say so, and what was asked does not happen later."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

import inference.pool
from inference.errors import Busy
from inference.pool import pool

pytestmark = pytest.mark.django_db


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The loop has something long to do; what this calls returns when it has done that, and all that came meanwhile."""
    loop, done = asyncio.new_event_loop(), threading.Event()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    loop.call_soon_threadsafe(done.wait, 20)
    monkeypatch.setattr(inference.pool, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(pool, "_loop", loop)

    def wait() -> None:
        done.set()
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), loop).result(10)

    yield wait
    wait()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/requests/running"),
        ("post", "/api/requests/req_1/cancel"),
        ("get", "/api/models"),
    ],
)
def test_the_api_says_so_and_when_to_ask_again(
    busy: Callable[[], None], staff: Client, method: str, path: str
) -> None:
    answer = getattr(staff, method)(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {"detail": "The server is too busy to answer. Nothing was changed; try again."}


def test_a_page_says_so_too(busy: Callable[[], None], staff: Client) -> None:
    for answer in (staff.get("/settings/"), staff.post("/settings/running/", {"cancel": "req_1"})):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "The server is too busy to answer. Nothing was changed; try again." in answer.content.decode()


def test_what_was_asked_does_not_happen_later(busy: Callable[[], None]) -> None:
    done: list[int] = []
    with pytest.raises(Busy):
        pool.on_loop(lambda: done.append(1))
    busy()
    assert done == []
