"""How a model goes: by hand, by time, for another folder of its name; never while it generates (trap 16)."""

import time
from pathlib import Path

import httpx2

from tests.server import Server
from tests.tiny_model import make_tiny_model
from tests.v1.asking import SHORT, ask, streaming
from tests.v1.pool import MB, change, loaded, models, pin, put, use
from tests.waiting import until


def test_a_model_is_not_unloaded_while_it_generates(server: Server) -> None:
    pids = server.runner_pids()
    with streaming(server, 1) as (answer,), server.api() as api:
        refused = api.post("/api/models/tiny/unload")
        assert (refused.status_code, refused.json()["detail"]) == (409, "A request for tiny is running.")
        assert "error" not in next(line for line in answer.lines if line)  # type: ignore[attr-defined]
        assert set(pids) <= set(server.runner_pids())


def test_a_name_that_is_pointed_elsewhere_lets_its_old_model_finish(server: Server, tmp_path: Path) -> None:
    (before,) = server.rows("SELECT path FROM settings_app_localmodel WHERE name = 'tiny'")
    server.manage("add_model", "tiny", str(make_tiny_model(tmp_path / "other", seed=3)))
    try:
        with streaming(server, 1, max_tokens=600) as (answer,):
            server.manage("add_model", "tiny", before["path"])
            assert ask(server, **SHORT).status_code == 200
            *_, last, done = [line for line in answer.lines if line]  # type: ignore[attr-defined]
        assert '"finish_reason":"length"' in last
        assert done == "data: [DONE]"
    finally:
        server.manage("add_model", "tiny", before["path"])


def test_an_idle_model_is_unloaded_and_loaded_again(server: Server) -> None:
    assert server.rows_held() == 0
    with server.api() as api:
        assert api.post("/api/models/tiny/unload").status_code == 204
        until(lambda: "tiny" not in loaded(api))
        assert api.post("/api/models/nobody/unload").status_code == 404
    assert ask(server, **SHORT).status_code == 200


def test_a_model_that_is_not_used_is_unloaded_by_the_pools_time_or_its_own(
    pool_server: Server, pool_api: httpx2.Client
) -> None:
    use(pool_server, "ant", "elk", "bee")
    pin(pool_api, "bee", True)
    change(pool_api, "elk", idle_minutes=0)
    put(pool_api, idle_minutes=0.01)
    until(lambda: loaded(pool_api) == {"elk", "bee"})
    change(pool_api, "elk", idle_minutes=0.01)
    until(lambda: loaded(pool_api) == {"bee"})


def test_a_model_that_generates_is_not_idle(pool_server: Server, pool_api: httpx2.Client) -> None:
    put(pool_api, idle_minutes=0.005)
    with streaming(pool_server, 1, model="ant"):
        time.sleep(1)  # thrice its time
        assert loaded(pool_api) == {"ant"}
    until(lambda: not loaded(pool_api))


def test_load_unload_and_pin_by_hand(pool_server: Server, pool_api: httpx2.Client) -> None:
    answer = pool_api.post("/api/models/ant/load")
    assert (answer.status_code, answer.json()["state"]) == (202, "loading")
    until(lambda: loaded(pool_api) == {"ant"})
    ant = models(pool_api)["ant"]
    assert ant["memory_bytes"] > 7 * MB
    assert ant["loaded_at"] is not None
    assert (ant["size_bytes"] // MB, ant["requests"], ant["pinned"]) == (7, 0, False)
    pids = pool_server.runner_pids()
    pin(pool_api, "ant", True)
    assert models(pool_api)["ant"]["pinned"] is True
    use(pool_server, "ant")
    assert pool_server.runner_pids() == pids  # a pin starts nothing anew
    with streaming(pool_server, 1, model="ant"):
        assert models(pool_api)["ant"]["requests"] == 1
        assert pool_api.post("/api/models/ant/unload").status_code == 409
    until(lambda: pool_api.post("/api/models/ant/unload").status_code == 204)
    until(lambda: models(pool_api)["ant"]["state"] == "unloaded")
    for act in ("load", "unload", "pin"):
        assert pool_api.post(f"/api/models/nobody/{act}", json={"pinned": True}).status_code == 404
    assert pool_api.post("/api/models/ant/pin", json={"pinned": "yes"}).status_code == 422
