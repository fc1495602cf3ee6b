"""Two local models, a provider of each protocol, and rules: the same call is answered by whoever the rules say."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.conftest import FLOOR
from tests.protocols import WORDS
from tests.provider import Provider, provider
from tests.server import Server, serving
from tests.tiny_model import make_tiny_model
from tests.waiting import in_time, until

MB = 2**20
MEMORY = {"MLX_MANAGER_MEMORY_BYTES": str(125 * MB)}
ADMINISTRATOR = {
    "DJANGO_SUPERUSER_USERNAME": "ada",
    "DJANGO_SUPERUSER_EMAIL": "ada@example.com",
    "DJANGO_SUPERUSER_PASSWORD": "correct horse battery",
}
CSRF_COOKIE = "mlx_manager_csrf"
LARGE, SMALL = 20_000, 5_000  # 30 and 8 MB


@dataclass
class House:
    server: Server
    afar: Provider  # OpenAI's protocol
    beyond: Provider  # Anthropic's
    client: openai.OpenAI

    def ask(self, model: str, **more: Any) -> tuple[str, dict[str, Any]]:
        """The text, and the row of the log."""
        asked: Any = {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
        raw = self.client.chat.completions.with_raw_response.create(**asked, **more)
        row = self.server.logged(raw.headers["x-request-id"])
        assert (row["status"], row["backend"]) == ("ok", raw.headers["x-mlx-backend"])
        return raw.parse().choices[0].message.content or "", row


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("house")


@pytest.fixture(scope="module")
def afar() -> Iterator[Provider]:
    with provider("openai") as told:
        yield told


@pytest.fixture(scope="module")
def beyond() -> Iterator[Provider]:
    with provider("anthropic") as told:
        yield told


@pytest.fixture(scope="module")
def first_start(home: Path, afar: Provider, beyond: Provider) -> Iterator[Server]:
    """All of it set through the doors, while the server runs."""
    with ExitStack() as stack:
        server = stack.enter_context(serving(home, **FLOOR, **MEMORY, **ADMINISTRATOR))
        server.manage("createsuperuser", "--noinput")
        for seed, (name, feed_forward) in enumerate({"large": LARGE, "small": SMALL}.items()):
            folder = make_tiny_model(home / name, seed=seed, feed_forward=feed_forward)
            server.manage("add_model", name, str(folder))
        with server.api() as api:
            _furnish(api, afar, beyond)
        yield server


def _furnish(api: httpx2.Client, afar: Provider, beyond: Provider) -> None:
    ids = {}
    for name, told in (("Afar", afar), ("Beyond", beyond)):
        made = {"name": name, "protocol": told.protocol, "base_url": told.url, "allow_private": True}
        answer = api.post("/api/settings/providers", json={**made, "api_key": f"sk-for-{name.lower()}-0123"})
        ids[name] = answer.raise_for_status().json()["id"]
    for rule in (
        {"pattern": "gpt-small", "target_model": "small"},
        {"pattern": "gpt-large", "target_model": "large"},
        {"pattern": "gpt-afar", "provider": ids["Afar"]},
        {"pattern": "claude-*", "kind": "glob", "provider": ids["Beyond"]},
        {"pattern": "or-*", "kind": "glob", "provider": ids["Afar"], "fallbacks": _fallbacks(ids["Beyond"])},
    ):
        api.post("/api/settings/rules", json=rule).raise_for_status()


def _fallbacks(beyond: int) -> list[dict[str, Any]]:
    """Another target for each cause, so that the answer tells which it was."""
    return [
        {"provider": None, "target_model": "small", "causes": ["error"]},
        {"provider": beyond, "target_model": "other", "causes": ["overload"]},
        {"provider": None, "target_model": "large", "causes": ["timeout"], "after_seconds": 0.5},
    ]


@pytest.fixture
def house(first_start: Server, afar: Provider, beyond: Provider) -> Iterator[House]:
    with first_start.openai(max_retries=0) as client:
        yield House(first_start, afar, beyond, client)
    afar.status, afar.silence = 200, 0.0


@pytest.fixture
def page(first_start: Server) -> Iterator[httpx2.Client]:
    """A browser's session, without a browser."""
    with first_start.http(follow_redirects=True, headers={"referer": first_start.url}) as page:
        page.get("/login/")
        sent = {"username": "ada", "password": ADMINISTRATOR["DJANGO_SUPERUSER_PASSWORD"]}
        answer = page.post("/login/", data={**sent, "csrfmiddlewaretoken": page.cookies[CSRF_COOKIE]})
        assert "Sign out" in answer.text
        page.headers["x-csrftoken"] = page.cookies[CSRF_COOKIE]
        yield page


@pytest.mark.parametrize(
    ("asked", "backend", "served"),
    [
        ("small", "local", "small"),
        ("gpt-small", "local", "small"),
        ("gpt-large", "local", "large"),
        ("gpt-afar", "Afar", "gpt-afar"),
        ("claude-x", "Beyond", "claude-x"),
    ],
)
def test_the_same_call_is_answered_by_whom_the_rules_name(
    house: House, asked: str, backend: str, served: str
) -> None:
    text, row = house.ask(asked)
    assert (row["backend"], row["served_model"]) == (backend, served)
    assert (text == "".join(WORDS)) is (backend != "local")


@pytest.mark.parametrize(
    ("status", "silence", "backend", "served"),
    [(500, 0.0, "local", "small"), (429, 0.0, "Beyond", "other"), (200, 5.0, "local", "large")],
    ids=["error", "overload", "timeout"],
)
def test_each_cause_has_its_fallback_within_the_original_deadline(
    house: House, status: int, silence: float, backend: str, served: str
) -> None:
    house.afar.status, house.afar.silence = status, silence
    house.server.set_timeouts(chat_seconds=20)
    _, row = house.ask("or-else")
    assert (row["backend"], row["served_model"]) == (backend, served)
    assert row["fell_back"].startswith("Afar or-else: ")
    assert (row["deadline_seconds"], row["deadline_source"]) == (20, "endpoint")
    assert row["total_ms"] < 20_000


def test_a_fallback_gets_the_rest_of_the_deadline_and_no_new_one(house: House) -> None:
    """1 s in all, of which the provider was given 0.5 to begin; a new deadline would let it go on to its end."""
    house.afar.silence = 5.0
    house.ask("large")  # no load in the measured second
    began = time.monotonic()
    with pytest.raises(openai.InternalServerError) as raised:
        asked: Any = {"model": "or-else", "messages": [{"role": "user", "content": "tell me everything"}]}
        house.client.chat.completions.create(**asked, temperature=0, extra_body={"timeout": 1})
    assert raised.value.status_code == 504
    assert in_time(time.monotonic() - began, 1.0)
    error: Any = raised.value.body
    assert error["source"] == "client"
    assert error["phase"] in ("prefill", "decode")  # at the local model, which the rest of the second was for
    assert 0.4 < error["elapsed"]["cloud"] < 1


@pytest.mark.parametrize("asked", ["small", "gpt-large", "claude-x", "or-else", "nobody"])
def test_the_command_the_page_and_the_traffic_agree(house: House, page: httpx2.Client, asked: str) -> None:
    with house.server.api() as api:
        said = api.post("/api/settings/rules/test", json={"model": asked}).raise_for_status().json()
    command = house.server.manage("route", asked, check=False)
    shown = page.get("/settings/route/", params={"model": asked}).text
    if asked == "nobody":
        assert said["status"] == 404
        assert (command.returncode, "does not exist" in command.stderr, "does not exist" in shown) == (
            1,
            True,
            True,
        )
        return
    _, row = house.ask(asked)
    first = said["targets"][0]
    assert (row["backend"], row["served_model"]) == (first["backend"], first["model"])
    for target in said["targets"]:
        assert target["model"] in shown
        assert target["model"] in command.stdout
    assert row["rule"] == (f"{said['rule']['kind']} {said['rule']['pattern']}" if said["rule"] else "")


def test_the_memory_limit_lowered_on_the_page_evicts_at_once(house: House, page: httpx2.Client) -> None:
    house.ask("large")
    house.ask("small")
    with house.server.api() as api:
        assert _loaded(api) == {"large", "small"}
        settings = api.get("/api/settings/pool").json()
        answer = page.post("/settings/pool/", data={**settings, "memory_limit_value": 12})  # 15 MB
        assert answer.status_code == 200, answer.text
        until(lambda: _loaded(api) == {"small"}, 2)
        with pytest.raises(openai.InternalServerError) as raised:
            house.ask("large")
        api.put("/api/settings/pool", json=settings).raise_for_status()
    assert raised.value.code == "insufficient_memory"


def test_a_restart_comes_back_with_everything_in_force(house: House, home: Path) -> None:
    """Last: it stops the server that the others use."""
    with house.server.api() as api:
        api.put("/api/settings/pool", json={"max_models": 1}).raise_for_status()
        api.post("/api/models/small/pin", json={"pinned": True}).raise_for_status()
        before = {path: api.get(path).json() for path in _SETTINGS}
    house.server.stop()
    with serving(home, **FLOOR, **MEMORY) as server, server.openai(max_retries=0) as client:
        server.admin_key = house.server.admin_key
        again = House(server, house.afar, house.beyond, client)
        with server.api() as api:
            assert {path: api.get(path).json() for path in _SETTINGS} == before
        assert again.ask("gpt-small")[1]["served_model"] == "small"
        assert again.ask("gpt-afar")[1]["backend"] == "Afar"
        assert again.ask("claude-x")[1]["backend"] == "Beyond"
        house.afar.status = 429
        assert again.ask("or-else")[1]["backend"] == "Beyond"
        with pytest.raises(openai.InternalServerError) as raised:
            again.ask("large")
        assert raised.value.code == "insufficient_memory"  # one place, and it is pinned


_SETTINGS = (
    "/api/settings/timeouts",
    "/api/settings/providers",
    "/api/settings/pool",
    "/api/settings/rules",
    "/api/settings/history",
)


def _loaded(api: httpx2.Client) -> set[str]:
    return {model["name"] for model in api.get("/api/models").json()["models"] if model["loaded"]}
