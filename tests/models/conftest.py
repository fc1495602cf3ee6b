"""A server whose hub is the tests' own, and a model on it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FLOOR
from tests.hub import Hub, Repository, hub
from tests.pages.conftest import browser as browser
from tests.server import Server, environment, manage, serving
from tests.tiny_model import make_tiny_model
from tests.waiting import until

REPO = "tests/tiny-4bit"
WEIGHTS = "model.safetensors"


def hub_environment(hub: Hub, cache: Path) -> dict[str, str]:
    return {**FLOOR, "HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(cache), "HF_TOKEN": "hf_planted"}


@pytest.fixture(scope="package")
def package_hub() -> Iterator[Hub]:
    with hub() as made:
        yield made


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A tiny model as a repository has it, with what is not to be fetched."""
    folder = make_tiny_model(tmp_path_factory.mktemp("repository"))
    readme = b"---\nlicense: apache-2.0\nlibrary_name: mlx\n---\n# Tiny\n"
    extra = {"README.md": readme, "modeling.py": b"raise SystemExit", "pytorch_model.bin": b"pickle"}
    return {**{path.name: path.read_bytes() for path in folder.iterdir()}, **extra, ".gitattributes": b"*"}


@pytest.fixture(scope="package")
def hub_server(
    tmp_path_factory: pytest.TempPathFactory, package_hub: Hub, tiny_model: Path
) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    more = hub_environment(package_hub, home / "hub-cache")
    manage(environment(home, **more), "add_model", "tiny", str(tiny_model))
    with serving(home, **more) as server:
        yield server


@pytest.fixture
def told(package_hub: Hub, files: dict[str, bytes]) -> Iterator[Hub]:
    """The hub as new, with one model."""
    fresh = Hub(url=package_hub.url)
    package_hub.__dict__.update(vars(fresh))
    package_hub.repositories[REPO] = Repository(dict(files))
    yield package_hub
    package_hub.let_go()


@pytest.fixture
def server(hub_server: Server, told: Hub) -> Iterator[Server]:
    """With no download and nothing downloaded; what it logged is shown on failure."""
    seen = len(hub_server.lines)
    yield hub_server
    print(*hub_server.lines[seen:], sep="\n")
    told.let_go()
    forget_downloads(hub_server)


def forget_downloads(server: Server) -> None:
    with server.api() as api:
        for row in api.get("/api/models/downloads").json()["downloads"]:
            api.post(f"/api/models/downloads/{row['id']}/cancel")
    until(lambda: not list((server.home / "models").glob(".downloads/*")))
    server.rows("DELETE FROM settings_app_download")
    server.rows("DELETE FROM settings_app_localmodel WHERE name != 'tiny'")
    for folder in (server.home / "models").glob("tests--*"):
        for file in sorted(folder.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        folder.rmdir()


def begin(server: Server, repo: str = REPO, **more: Any) -> dict[str, Any]:
    with server.api() as api:
        answer = api.post("/api/models/downloads", json={"repo": repo, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def turn(server: Server, id: int, verb: str) -> None:
    with server.api() as api:
        answer = api.post(f"/api/models/downloads/{id}/{verb}")
    assert answer.status_code == 200, answer.text


def look(server: Server, id: int) -> dict[str, Any]:
    with server.api() as api:
        return next(row for row in api.get("/api/models/downloads").json()["downloads"] if row["id"] == id)


def wait_for(server: Server, id: int, state: str) -> dict[str, Any]:
    until(lambda: look(server, id)["state"] == state, 60)
    return look(server, id)


def workers(server: Server) -> list[int]:
    """The processes that fetch."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()[1:]]
    ours = [row for row in rows if int(row[1]) == server.process.pid]
    return [int(row[0]) for row in ours if "inference.hub.worker" in row[2]]


def walked(server: Server, path: str, name: str, field: str, limit: int) -> list[list[Any]]:
    """The list, page by page."""
    pages: list[list[Any]] = []
    after: Any = None
    with server.api() as api:
        while not pages or after is not None:
            asked = {"limit": limit} if after is None else {"limit": limit, "after": after}
            page = api.get(path, params=asked).raise_for_status().json()
            pages.append([row[field] for row in page[name]])
            after = page["next_after"]
    return pages
