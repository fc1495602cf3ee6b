"""Several models in less memory than they need together: who gets room, who waits for it, and who goes."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.conftest import FLOOR
from tests.server import Server, serving
from tests.v1.asking import SHORT, ask, streaming
from tests.v1.pool import MB, MEMORY, SIZES, MostAtOnce, add, change, loaded, models, pin, put, use
from tests.waiting import in_time, until


def test_a_load_that_would_break_the_limit_evicts_the_least_recently_used(
    pool_server: Server, pool_api: httpx2.Client
) -> None:
    use(pool_server, "bee", "cat", "bee", "dog")
    assert loaded(pool_api) == {"bee", "dog"}
    held = sum(model["reserved_bytes"] for model in models(pool_api).values())
    assert 80 * MB < held <= 100 * MB


def test_the_order_of_eviction_is_a_setting(pool_server: Server, pool_api: httpx2.Client) -> None:
    """bee was used first, cat least often, and ant has a time to live."""
    change(pool_api, "ant", idle_minutes=30)
    use(pool_server, "bee", "bee", "cat", "ant", "ant")
    put(pool_api, eviction_policy="lfu", max_models=2)
    until(lambda: loaded(pool_api) == {"bee", "ant"})
    put(pool_api, eviction_policy="ttl", max_models=1)
    until(lambda: loaded(pool_api) == {"bee"})


def test_one_that_can_never_fit_is_refused_at_once_with_need_have_and_holders(
    pool_server: Server, pool_api: httpx2.Client
) -> None:
    put(pool_api, memory_limit_value=48)  # 60 MB
    use(pool_server, "bee")
    pin(pool_api, "bee", True)
    began = time.monotonic()
    refused = ask(pool_server, **{**SHORT, "model": "cat"})
    assert in_time(time.monotonic() - began, 0)
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
    loading = pool_api.post("/api/models/cat/load")
    assert (loading.status_code, loading.json()["detail"]) == (503, error["message"])
    assert (models(pool_api)["cat"]["state"], models(pool_api)["cat"]["error"]) == (
        "failed",
        error["message"],
    )
    pin(pool_api, "bee", False)
    use(pool_server, "cat")
    assert loaded(pool_api) == {"cat"}
    assert models(pool_api)["cat"]["error"] == ""


def test_busy_models_make_a_request_wait_until_one_is_idle(
    pool_server: Server, pool_api: httpx2.Client
) -> None:
    """Trap 16: nobody that generates is taken away. And who leaves, or can never fit, holds up nobody."""
    put(pool_api, memory_limit_value=45)  # 56 MB
    with streaming(pool_server, 1, model="bee") as (stream,), ThreadPoolExecutor() as threads:
        began = time.monotonic()
        cut = ask(pool_server, **{**SHORT, "model": "cat"}, timeout=0.7)
        assert in_time(time.monotonic() - began, 0.7)
        error = cut.json()["error"]
        assert (cut.status_code, error["phase"]) == (504, "queue")
        assert error["elapsed"]["queue"] > 0.6
        with pytest.raises(httpx2.ReadTimeout):
            ask(pool_server, patience=0.5, **{**SHORT, "model": "cat"})
        until(lambda: models(pool_api)["cat"]["state"] == "unloaded")
        waiting = threads.submit(ask, pool_server, **{**SHORT, "model": "cat"})
        until(lambda: models(pool_api)["cat"]["state"] == "waiting")
        behind = threads.submit(ask, pool_server, **{**SHORT, "model": "ant"})
        until(lambda: models(pool_api)["ant"]["state"] == "waiting")  # it would fit, and came later
        refused = ask(pool_server, **{**SHORT, "model": "dog"})
        assert refused.json()["error"]["code"] == "insufficient_memory"
        with pool_server.http() as http:
            assert http.get("/health/ready").status_code == 200
        assert "error" not in next(line for line in stream.lines if line)  # type: ignore[attr-defined]
        assert loaded(pool_api) == {"bee"}
        stream.close()
        assert [answer.result(30).status_code for answer in (waiting, behind)] == [200, 200]
    assert loaded(pool_api) == {"ant", "cat"}


def test_two_cold_loads_at_once_do_not_both_get_the_room_of_one(
    pool_server: Server, pool_api: httpx2.Client
) -> None:
    put(pool_api, memory_limit_value=45)
    seen = len(pool_server.lines)
    with ThreadPoolExecutor() as threads, MostAtOnce(pool_server) as most:
        asked = [threads.submit(ask, pool_server, **{**SHORT, "model": name}) for name in ("bee", "cat")]
        assert [answer.result(40).status_code for answer in asked] == [200, 200]
    assert most() == 1
    assert len([line for line in pool_server.lines[seen:] if "started, process" in line]) == 2


def test_twenty_cold_requests_over_five_models_in_room_for_two(
    pool_server: Server, pool_api: httpx2.Client
) -> None:
    put(pool_api, max_models=2)
    with ThreadPoolExecutor(20) as threads, MostAtOnce(pool_server) as most:
        asked = [
            threads.submit(ask, pool_server, **{**SHORT, "model": name}) for _ in range(4) for name in SIZES
        ]
        assert [answer.result(90).status_code for answer in asked] == [200] * 20
    assert most() == 2


def test_a_killed_model_gives_its_memory_back(pool_server: Server, pool_api: httpx2.Client) -> None:
    put(pool_api, memory_limit_value=45)
    with streaming(pool_server, 1, model="bee"), ThreadPoolExecutor() as threads:
        waiting = threads.submit(ask, pool_server, **{**SHORT, "model": "cat"})
        until(lambda: models(pool_api)["cat"]["state"] == "waiting")
        (pid,) = pool_server.runner_pids()
        os.kill(pid, signal.SIGKILL)
        assert waiting.result(30).status_code == 200
    assert loaded(pool_api) == {"cat"}


def test_a_lower_limit_evicts_at_once_whoever_stored_it(pool_server: Server, pool_api: httpx2.Client) -> None:
    use(pool_server, "bee", "cat")
    put(pool_api, memory_limit_value=45)
    until(lambda: loaded(pool_api) == {"cat"})
    pool_server.rows("UPDATE settings_app_pool SET memory_limit_value = 10")  # another process
    until(lambda: loaded(pool_api) == set())


def test_a_limit_in_gb_holds_too(pool_server: Server, pool_api: httpx2.Client) -> None:
    use(pool_server, "bee")
    put(pool_api, memory_limit_mode="gb", memory_limit_value=56 / 1024)
    refused = pool_api.put("/api/settings/pool", json={"memory_limit_value": 1})
    assert refused.status_code == 422
    assert "0.122 GB" in refused.json()["detail"][0]["msg"]
    assert ask(pool_server, **{**SHORT, "model": "dog"}).json()["error"]["limit_bytes"] == 56 * MB
    assert loaded(pool_api) == {"bee"}
    put(pool_api, memory_limit_value=20 / 1024)
    until(lambda: loaded(pool_api) == set())


def test_a_deleted_model_goes_and_its_memory_comes_back(pool_server: Server, pool_api: httpx2.Client) -> None:
    use(pool_server, "elk")
    (row,) = pool_server.rows("SELECT * FROM settings_app_localmodel WHERE name = 'elk'")
    pool_server.rows("DELETE FROM settings_app_localmodel WHERE name = 'elk'")
    until(lambda: not pool_server.runner_pids())
    assert ask(pool_server, **{**SHORT, "model": "elk"}).status_code == 404
    add(pool_server, "elk", Path(row["path"]))


def test_what_grows_over_the_limit_while_it_runs_drives_the_idle_out_and_lives_on(
    pool_server: Server, pool_api: httpx2.Client
) -> None:
    use(pool_server, "elk", "bee")
    held = sum(model["reserved_bytes"] for model in models(pool_api).values())
    put(pool_api, memory_limit_mode="gb", memory_limit_value=(held + 100_000) / 2**30)
    assert loaded(pool_api) == {"elk", "bee"}
    seen = len(pool_server.lines)
    with streaming(pool_server, 2, model="bee") as streams:
        until(lambda: loaded(pool_api) == {"bee"}, 10)
        put(pool_api, memory_limit_value=13 / 1024)
        until(lambda: any("none that could be unloaded is idle" in line for line in pool_server.lines[seen:]))
        for stream in streams:
            assert "error" not in next(line for line in stream.lines if line)  # type: ignore[attr-defined]
        assert loaded(pool_api) == {"bee"}
    until(lambda: loaded(pool_api) == set())


def test_a_restart_comes_back_with_preload_pins_and_limits(
    pool_server: Server, pool_api: httpx2.Client
) -> None:
    """In memory for one of 30 MB: bee is loaded at start, cat is not, and says why; the pin holds bee there."""
    put(pool_api, memory_limit_value=45)
    pin(pool_api, "bee", True)
    for name in ("bee", "cat"):
        change(pool_api, name, preload=True)
    assert not loaded(pool_api)  # at start, not now
    with serving(pool_server.home, **FLOOR, **MEMORY) as server:
        server.admin_key = pool_server.admin_key
        with server.api() as api_then:
            until(lambda: loaded(api_then) == {"bee"})
            assert models(api_then)["cat"]["state"] == "failed"
        assert any("model cat is not loaded at start" in line for line in server.lines)
        assert ask(server, **{**SHORT, "model": "cat"}).json()["error"]["code"] == "insufficient_memory"
