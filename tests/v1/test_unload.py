"""Trap 16: a model that generates is not taken away."""

import time
from pathlib import Path

from tests.server import Server
from tests.tiny_model import make_tiny_model
from tests.v1.asking import SHORT, ask, streaming


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
        ends = time.monotonic() + 10
        while any(
            model["loaded"] for model in api.get("/api/models").json()["models"] if model["name"] == "tiny"
        ):
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert api.post("/api/models/nobody/unload").status_code == 404
    assert ask(server, **SHORT).status_code == 200
