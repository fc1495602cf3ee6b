"""Several models in less memory than they need together: who gets room, who waits for it, and who goes."""

import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import FLOOR
from tests.server import Server, serving
from tests.tiny_model import make_tiny_model
from tests.v1.asking import SHORT, ask, streaming
from tests.waiting import until

MB = 2**20
MEMORY = {"MLX_MANAGER_MEMORY_BYTES": str(125 * MB)}  # of which 80 %, 100 MB, are for models
SIZES = {"ant": 5_000, "bee": 20_000, "cat": 20_000, "dog": 40_000, "elk": 5_000}  # 8, 30, 30, 59, 8 MB
DEFAULTS = {
    "memory_limit_mode": "percent",
    "memory_limit_value": 80,
    "max_models": 4,
    "idle_minutes": 0,
    "eviction_policy": "lru",
    "prefill_chunk": 2048,
    "prompt_cache_gb": 1,
}


@pytest.fixture(scope="module")
def pool_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("pool")
    with serving(home, **FLOOR, **MEMORY) as server:
        for seed, (name, feed_forward) in enumerate(SIZES.items()):
            folder = make_tiny_model(home / name, seed=seed, feed_forward=feed_forward)
            add(server, name, folder)
        yield server


def add(server: Server, name: str, folder: Path) -> None:
    """As `manage.py add_model` does, without the seconds in which a process imports Django."""
    server.rows(
        "INSERT INTO settings_app_localmodel (name, kind, path, adapter, pinned, preload) "
        "VALUES (?, 'text', ?, '', 0, 0)",
        name,
        str(folder),
    )


@pytest.fixture
def api(pool_server: Server) -> Iterator[httpx2.Client]:
    """Of a server without a loaded model, with the default settings; what it logged is shown on failure."""
    seen = len(pool_server.lines)
    with pool_server.api() as api:
        put(api, **DEFAULTS)
        for name in SIZES:
            change(api, name, idle_minutes=None, preload=False, pinned=False)
            until(functools.partial(unloads, api, name))
        until(lambda: not pool_server.runner_pids())
        yield api
    print(*pool_server.lines[seen:], sep="\n")


def unloads(api: httpx2.Client, name: str) -> bool:
    return api.post(f"/api/models/{name}/unload").status_code == 204


def put(api: httpx2.Client, **settings: Any) -> None:
    api.put("/api/settings/pool", json=settings).raise_for_status()


def pin(api: httpx2.Client, name: str, pinned: bool) -> None:
    api.post(f"/api/models/{name}/pin", json={"pinned": pinned}).raise_for_status()


def change(api: httpx2.Client, name: str, **values: Any) -> None:
    api.patch(f"/api/models/{name}", json=values).raise_for_status()


def models(api: httpx2.Client) -> dict[str, dict[str, Any]]:
    return {model["name"]: model for model in api.get("/api/models").raise_for_status().json()["models"]}


def loaded(api: httpx2.Client) -> set[str]:
    return {name for name, model in models(api).items() if model["loaded"]}


def use(server: Server, *names: str) -> None:
    for name in names:
        answer = ask(server, **{**SHORT, "model": name})
        assert answer.status_code == 200, answer.text


def test_a_load_that_would_break_the_limit_evicts_the_least_recently_used(
    pool_server: Server, api: httpx2.Client
) -> None:
    use(pool_server, "bee", "cat", "bee", "dog")
    assert loaded(api) == {"bee", "dog"}
    held = sum(model["reserved_bytes"] for model in models(api).values())
    assert 80 * MB < held <= 100 * MB


def test_the_order_of_eviction_is_a_setting(pool_server: Server, api: httpx2.Client) -> None:
    """bee was used first, cat least often, and ant has a time to live."""
    change(api, "ant", idle_minutes=30)
    use(pool_server, "bee", "bee", "cat", "ant", "ant")
    put(api, eviction_policy="lfu", max_models=2)
    until(lambda: loaded(api) == {"bee", "ant"}, 2)
    put(api, eviction_policy="ttl", max_models=1)
    until(lambda: loaded(api) == {"bee"}, 2)


def test_one_that_can_never_fit_is_refused_at_once_with_need_have_and_holders(
    pool_server: Server, api: httpx2.Client
) -> None:
    put(api, memory_limit_value=48)  # 60 MB
    use(pool_server, "bee")
    pin(api, "bee", True)
    began = time.monotonic()
    refused = ask(pool_server, **{**SHORT, "model": "cat"})
    assert time.monotonic() - began < 1
    error = refused.json()["error"]
    assert (refused.status_code, error["type"], error["code"]) == (
        503,
        "overloaded_error",
        "insufficient_memory",
    )
    assert refused.headers["x-should-retry"] == "false"
    assert (error["need_bytes"] // MB, error["have_bytes"] // MB, error["limit_bytes"]) == (32, 30, 60 * MB)
    (holder,) = error["holders"]
    assert (holder["model"], holder["pinned"], holder["busy"]) == ("bee", True, False)
    assert "Pinned, so never unloaded for it: bee (30 MB)." in error["message"]
    loading = api.post("/api/models/cat/load")
    assert (loading.status_code, loading.json()["detail"]) == (503, error["message"])
    assert (models(api)["cat"]["state"], models(api)["cat"]["error"]) == ("failed", error["message"])
    pin(api, "bee", False)
    use(pool_server, "cat")
    assert loaded(api) == {"cat"}
    assert models(api)["cat"]["error"] == ""


def test_busy_models_make_a_request_wait_until_one_is_idle(pool_server: Server, api: httpx2.Client) -> None:
    """Trap 16: nobody that generates is taken away. And who leaves, or can never fit, holds up nobody."""
    put(api, memory_limit_value=45)  # 56 MB
    with streaming(pool_server, 1, model="bee") as (stream,), ThreadPoolExecutor() as threads:
        began = time.monotonic()
        cut = ask(pool_server, **{**SHORT, "model": "cat"}, timeout=0.7)
        assert 0.7 <= time.monotonic() - began < 1.2
        error = cut.json()["error"]
        assert (cut.status_code, error["phase"]) == (504, "queue")
        assert error["elapsed"]["queue"] == pytest.approx(0.7, abs=0.1)
        with pytest.raises(httpx2.ReadTimeout):
            ask(pool_server, patience=0.5, **{**SHORT, "model": "cat"})
        until(lambda: models(api)["cat"]["state"] == "unloaded")
        waiting = threads.submit(ask, pool_server, **{**SHORT, "model": "cat"})
        until(lambda: models(api)["cat"]["state"] == "waiting")
        behind = threads.submit(ask, pool_server, **{**SHORT, "model": "ant"})
        until(lambda: models(api)["ant"]["state"] == "waiting")  # it would fit, and came later
        refused = ask(pool_server, **{**SHORT, "model": "dog"})
        assert refused.json()["error"]["code"] == "insufficient_memory"
        with pool_server.http() as http:
            assert http.get("/health/ready").status_code == 200
        assert "error" not in next(line for line in stream.lines if line)  # type: ignore[attr-defined]
        assert loaded(api) == {"bee"}
        stream.close()
        assert [answer.result(30).status_code for answer in (waiting, behind)] == [200, 200]
    assert loaded(api) == {"ant", "cat"}


def test_two_cold_loads_at_once_do_not_both_get_the_room_of_one(
    pool_server: Server, api: httpx2.Client
) -> None:
    put(api, memory_limit_value=45)
    seen = len(pool_server.lines)
    with ThreadPoolExecutor() as threads, MostAtOnce(pool_server) as most:
        asked = [threads.submit(ask, pool_server, **{**SHORT, "model": name}) for name in ("bee", "cat")]
        assert [answer.result(40).status_code for answer in asked] == [200, 200]
    assert most() == 1
    assert len([line for line in pool_server.lines[seen:] if "started, process" in line]) == 2


def test_twenty_cold_requests_over_five_models_in_room_for_two(
    pool_server: Server, api: httpx2.Client
) -> None:
    put(api, max_models=2)
    with ThreadPoolExecutor(20) as threads, MostAtOnce(pool_server) as most:
        asked = [
            threads.submit(ask, pool_server, **{**SHORT, "model": name}) for _ in range(4) for name in SIZES
        ]
        assert [answer.result(90).status_code for answer in asked] == [200] * 20
    assert most() == 2


def test_a_killed_model_gives_its_memory_back(pool_server: Server, api: httpx2.Client) -> None:
    put(api, memory_limit_value=45)
    with streaming(pool_server, 1, model="bee"), ThreadPoolExecutor() as threads:
        waiting = threads.submit(ask, pool_server, **{**SHORT, "model": "cat"})
        until(lambda: models(api)["cat"]["state"] == "waiting")
        (pid,) = pool_server.runner_pids()
        os.kill(pid, signal.SIGKILL)
        assert waiting.result(30).status_code == 200
    assert loaded(api) == {"cat"}


def test_a_lower_limit_evicts_at_once_whoever_stored_it(pool_server: Server, api: httpx2.Client) -> None:
    use(pool_server, "bee", "cat")
    put(api, memory_limit_value=45)
    until(lambda: loaded(api) == {"cat"}, 2)
    pool_server.rows("UPDATE settings_app_pool SET memory_limit_value = 10")  # another process
    until(lambda: loaded(api) == set(), 2)


def test_a_limit_in_gb_holds_too(pool_server: Server, api: httpx2.Client) -> None:
    use(pool_server, "bee")
    put(api, memory_limit_mode="gb", memory_limit_value=56 / 1024)
    refused = api.put("/api/settings/pool", json={"memory_limit_value": 1})
    assert refused.status_code == 422
    assert "0.122 GB" in refused.json()["detail"][0]["msg"]
    assert ask(pool_server, **{**SHORT, "model": "dog"}).json()["error"]["limit_bytes"] == 56 * MB
    assert loaded(api) == {"bee"}
    put(api, memory_limit_value=20 / 1024)
    until(lambda: loaded(api) == set(), 2)


def test_a_model_that_is_not_used_is_unloaded_by_the_pools_time_or_its_own(
    pool_server: Server, api: httpx2.Client
) -> None:
    use(pool_server, "ant", "elk", "bee")
    pin(api, "bee", True)
    change(api, "elk", idle_minutes=0)
    put(api, idle_minutes=0.01)
    until(lambda: loaded(api) == {"elk", "bee"}, 3)
    change(api, "elk", idle_minutes=0.01)
    until(lambda: loaded(api) == {"bee"}, 3)


def test_a_model_that_generates_is_not_idle(pool_server: Server, api: httpx2.Client) -> None:
    put(api, idle_minutes=0.005)
    with streaming(pool_server, 1, model="ant"):
        time.sleep(1)  # thrice its time
        assert loaded(api) == {"ant"}
    until(lambda: not loaded(api), 3)


def test_chunk_and_prompt_cache_reach_a_runner_that_runs(pool_server: Server, api: httpx2.Client) -> None:
    body = {**SHORT, "model": "ant", "messages": [{"role": "user", "content": "the same words again " * 40}]}

    def cached() -> int:
        usage = ask(pool_server, **body).json()["usage"]
        return int(usage["prompt_tokens_details"]["cached_tokens"])

    cached()
    pids = pool_server.runner_pids()
    assert cached() > 100
    put(api, prompt_cache_gb=0, prefill_chunk=128)
    until(lambda: any("at most 128 tokens of a prompt in a step" in line for line in pool_server.lines))
    assert models(api)["ant"]["prompt_cache_bytes"] == 0
    assert (cached(), cached()) == (0, 0)
    put(api, prompt_cache_gb=1)
    until(lambda: cached() > 100)
    assert pool_server.runner_pids() == pids


def test_a_request_stops_at_the_end_of_a_chunk_of_the_size_that_is_set(
    pool_server: Server, api: httpx2.Client
) -> None:
    """What a cut prefill leaves for the second try is whole chunks: that tells their size from outside."""
    put(api, prefill_chunk=2048)
    use(pool_server, "ant")  # it is loaded, with another chunk
    put(api, prefill_chunk=128)
    for attempt in range(5):
        long = [{"role": "user", "content": f"{attempt} " + "bananas? " * 700}]
        body = {**SHORT, "model": "ant", "messages": long}
        began = ask(pool_server, **body, timeout=0.2)  # where it is cut depends on how fast the machine is
        usage = ask(pool_server, **body).json()["usage"]
        kept = int(usage["prompt_tokens_details"]["cached_tokens"])
        if began.status_code == 504 and began.json()["error"]["phase"] == "prefill" and kept > 128:
            break
    else:
        raise AssertionError("no prefill was cut in its middle")
    assert kept < usage["prompt_tokens"] - 1
    assert kept % 128 in range(16), "what the prompts before have in common with it, and whole chunks"


def test_load_unload_and_pin_by_hand(pool_server: Server, api: httpx2.Client) -> None:
    answer = api.post("/api/models/ant/load")
    assert (answer.status_code, answer.json()["state"]) == (202, "loading")
    until(lambda: loaded(api) == {"ant"})
    ant = models(api)["ant"]
    assert ant["memory_bytes"] > 7 * MB
    assert ant["loaded_at"] is not None
    assert (ant["size_bytes"] // MB, ant["requests"], ant["pinned"]) == (7, 0, False)
    pids = pool_server.runner_pids()
    pin(api, "ant", True)
    assert models(api)["ant"]["pinned"] is True
    use(pool_server, "ant")
    assert pool_server.runner_pids() == pids  # a pin starts nothing anew
    with streaming(pool_server, 1, model="ant"):
        assert models(api)["ant"]["requests"] == 1
        assert api.post("/api/models/ant/unload").status_code == 409
    until(lambda: api.post("/api/models/ant/unload").status_code == 204)
    until(lambda: models(api)["ant"]["state"] == "unloaded")
    for act in ("load", "unload", "pin"):
        assert api.post(f"/api/models/nobody/{act}", json={"pinned": True}).status_code == 404
    assert api.post("/api/models/ant/pin", json={"pinned": "yes"}).status_code == 422


def test_a_deleted_model_goes_and_its_memory_comes_back(pool_server: Server, api: httpx2.Client) -> None:
    use(pool_server, "elk")
    (row,) = pool_server.rows("SELECT * FROM settings_app_localmodel WHERE name = 'elk'")
    pool_server.rows("DELETE FROM settings_app_localmodel WHERE name = 'elk'")
    until(lambda: not pool_server.runner_pids(), 5)
    assert ask(pool_server, **{**SHORT, "model": "elk"}).status_code == 404
    add(pool_server, "elk", Path(row["path"]))


def test_what_grows_over_the_limit_while_it_runs_drives_the_idle_out_and_lives_on(
    pool_server: Server, api: httpx2.Client
) -> None:
    use(pool_server, "elk", "bee")
    held = sum(model["reserved_bytes"] for model in models(api).values())
    put(api, memory_limit_mode="gb", memory_limit_value=(held + 100_000) / 2**30)
    assert loaded(api) == {"elk", "bee"}
    seen = len(pool_server.lines)
    with streaming(pool_server, 2, model="bee") as streams:
        until(lambda: loaded(api) == {"bee"}, 10)
        put(api, memory_limit_value=13 / 1024)
        until(lambda: any("none that could be unloaded is idle" in line for line in pool_server.lines[seen:]))
        for stream in streams:
            assert "error" not in next(line for line in stream.lines if line)  # type: ignore[attr-defined]
        assert loaded(api) == {"bee"}
    until(lambda: loaded(api) == set(), 5)


def test_a_restart_comes_back_with_preload_pins_and_limits(pool_server: Server, api: httpx2.Client) -> None:
    """In memory for one of 30 MB: bee is loaded at start, cat is not, and says why; the pin holds bee there."""
    put(api, memory_limit_value=45)
    pin(api, "bee", True)
    for name in ("bee", "cat"):
        change(api, name, preload=True)
    assert not loaded(api)  # at start, not now
    with serving(pool_server.home, **FLOOR, **MEMORY) as server:
        server.admin_key = pool_server.admin_key
        with server.api() as api_then:
            until(lambda: loaded(api_then) == {"bee"})
            assert models(api_then)["cat"]["state"] == "failed"
        assert any("model cat is not loaded at start" in line for line in server.lines)
        assert ask(server, **{**SHORT, "model": "cat"}).json()["error"]["code"] == "insufficient_memory"


class MostAtOnce:
    """The most runner processes that lived at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Callable[[], int]:
        self._thread.start()
        return self._found

    def __exit__(self, *_: object) -> None:
        self._found()

    def _found(self) -> int:
        self._over.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._over.is_set():
            self._most = max(self._most, len(self._server.runner_pids()))
