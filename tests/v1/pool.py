"""A pool in less memory than its models need together: what its tests ask of it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from tests.server import Server
from tests.v1.asking import SHORT, ask

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


def add(server: Server, name: str, folder: Path) -> None:
    """As `manage.py add_model` does, without the seconds in which a process imports Django."""
    server.rows(
        "INSERT INTO settings_app_localmodel (name, kind, path, adapter, pinned, preload) "
        "VALUES (?, 'text', ?, '', 0, 0)",
        name,
        str(folder),
    )


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
