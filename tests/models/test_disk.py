"""What lies on the disk: the server's own folder, the hub's cache, folders elsewhere; whole models and broken ones."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.hub import Hub
from tests.models.conftest import begin, wait_for, walked
from tests.server import Server
from tests.tiny_encoder import make_tiny_encoder
from tests.tiny_model import CONTEXT_TOKENS, make_tiny_model
from tests.v1.asking import SHORT, ask
from tests.waiting import until

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def models(server: Server) -> Iterator[Path]:
    """The server's folder for models, and the cache; both as they were after the test."""
    folder = server.home / "models"
    folder.mkdir(exist_ok=True)
    yield folder
    for place in (folder, server.home / "hub-cache"):
        shutil.rmtree(place, ignore_errors=True)


def in_cache(server: Server, name: str = "models--org--cached") -> Path:
    """A model as the hub's own library keeps it: files named by their hash, and links to them for each version."""
    repo = server.home / "hub-cache" / name
    made = make_tiny_model(server.home / "made", seed=5)
    snapshot = repo / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repo / "blobs").mkdir()
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    for index, file in enumerate(sorted(made.iterdir())):
        blob = repo / "blobs" / f"{index:064x}"
        file.rename(blob)
        (snapshot / file.name).symlink_to(Path("../..") / "blobs" / blob.name)
    return snapshot


def disk(server: Server) -> dict[str, dict[str, Any]]:
    with server.api() as api:
        return {row["title"]: row for row in api.get("/api/models/disk").raise_for_status().json()["models"]}


def test_the_lists_come_in_pages(server: Server, models: Path) -> None:
    for name in ("b", "a", "c"):
        make_tiny_model(models / f"org--{name}")
        server.manage("add_model", f"org/{name}", str(models / f"org--{name}"))
    for path, field, every in [
        ("/api/models/disk", "title", ["org/a", "org/b", "org/c", "tiny"]),
        ("/api/models", "name", ["org/a", "org/b", "org/c", "tiny"]),
    ]:
        assert walked(server, path, "models", field, 1) == [[name] for name in every]
        assert walked(server, path, "models", field, 3) == [every[:3], every[3:]]
        assert walked(server, path, "models", field, 4) == [every]
    with server.api() as api:
        for path in ("/api/models", "/api/models/disk", "/api/models/downloads"):
            for limit in (0, 501, "x"):
                assert api.get(f"{path}?limit={limit}").status_code == 422
        assert api.get("/api/models/disk?after=no%20such%20place").status_code == 200


def test_facts_of_models_wherever_they_lie(server: Server, models: Path) -> None:
    quantised: dict[str, Any] = {
        "quantization": {"group_size": 32, "bits": 4, "lm_head": {"group_size": 32, "bits": 8}}
    }
    make_tiny_model(models / "org--mixed", **quantised)
    (models / "org--mixed" / "README.md").write_text("---\ntags: [a]\nlicense: mit\n---\n")
    make_tiny_model(models / "owner" / "nested")
    (models / "owner" / "nested" / "LICENSE").write_text("\n  Apache License\nVersion 2.0\n")
    make_tiny_encoder(models / "embedder")
    (models / ".downloads" / "7").mkdir(parents=True)
    in_cache(server)
    found = disk(server)
    assert set(found) == {"org/mixed", "owner/nested", "embedder", "org/cached", "tiny"}
    mixed = found["org/mixed"]
    assert (mixed["quantisation"], mixed["licence"]) == ("4- and 8-bit, group 32", "mit")
    assert (mixed["kind"], mixed["context_tokens"], mixed["fault"]) == ("text", CONTEXT_TOKENS, "")
    assert mixed["size_bytes"] == sum(file.stat().st_size for file in (models / "org--mixed").iterdir())
    assert found["owner/nested"]["licence"] == "Apache License"
    assert found["owner/nested"]["quantisation"] == "float32"
    assert found["embedder"]["kind"] == "embedding"
    assert (found["org/cached"]["origin"], found["org/cached"]["size_bytes"] > 800_000) == ("cache", True)
    assert (found["tiny"]["origin"], found["tiny"]["served_as"]) == ("elsewhere", ["tiny"])


@pytest.mark.parametrize(
    ("breakage", "fault"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json cannot be read"),
        (
            lambda folder: (folder / "model.safetensors").unlink(),
            "no weights in mlx format (model*.safetensors)",
        ),
        (
            lambda folder: _cut(folder / "model.safetensors"),
            "model.safetensors is cut short: 9 bytes are missing",
        ),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 99),
            "model.safetensors is cut short or no safetensors file",
        ),
        (
            lambda folder: _index(folder, 3),
            "model-00001-of-00003.safetensors and 2 more of the weights missing",
        ),
    ],
)
def test_a_broken_folder_is_shown_with_the_reason_and_cannot_be_served(
    server: Server, models: Path, breakage: Any, fault: str
) -> None:
    folder = make_tiny_model(models / "broken")
    breakage(folder)
    row = disk(server)["broken"]
    assert row["fault"] == fault
    refused = _serve(server, row["id"], "broken")
    assert (refused.status_code, fault in refused.text) == (422, True)


def test_what_changes_on_the_disk_is_seen_at_once(server: Server, models: Path) -> None:
    folder = make_tiny_model(models / "changing")
    assert disk(server)["changing"]["context_tokens"] == CONTEXT_TOKENS
    make_tiny_model(folder, max_position_embeddings=12345)
    assert disk(server)["changing"]["context_tokens"] == 12345


def test_served_from_the_cache_it_answers_until_it_is_served_no_more(server: Server, models: Path) -> None:
    in_cache(server)
    row = disk(server)["org/cached"]
    assert _serve(server, row["id"], "tiny").status_code == 422
    assert _serve(server, row["id"], "cached").json()["served_as"] == ["cached"]
    assert ask(server, **{**SHORT, "model": "cached"}).status_code == 200
    refused = _remove(server, row["id"])
    assert (refused.status_code, "Unload it first" in refused.text) == (422, True)
    with server.api() as api:
        assert api.delete("/api/models/cached").status_code == 204
        assert api.delete("/api/models/cached").status_code == 404
    assert ask(server, **{**SHORT, "model": "cached"}).status_code == 404
    until(lambda: _remove(server, row["id"]).status_code in (200, 404))
    assert "org/cached" not in disk(server)
    assert not list((server.home / "hub-cache").rglob("*.safetensors"))


def test_removed_it_is_served_no_more_and_its_bytes_are_free(server: Server, told: Hub, models: Path) -> None:
    wait_for(server, begin(server)["id"], "done")
    row = disk(server)["tests/tiny-4bit"]
    freed = _remove(server, row["id"]).json()["freed_bytes"]
    assert freed == row["size_bytes"] > 800_000
    assert sorted(path.name for path in models.iterdir()) == [".downloads"]
    assert ask(server, **{**SHORT, "model": "tiny-4bit"}).status_code == 404
    change = server.rows("SELECT * FROM settings_app_change WHERE label = 'tiny-4bit' AND new IS NULL")[-1]
    assert change["field"] == ""


def test_nothing_outside_the_two_folders_can_be_removed(server: Server, models: Path, tmp_path: Path) -> None:
    outside = make_tiny_model(tmp_path / "outside")
    (models / "link").symlink_to(outside)
    found = disk(server)
    for title in ("link", "tiny"):
        refused = _remove(server, found[title]["id"])
        assert (refused.status_code, "by hand" in refused.text) == (422, True)
    for id in ("..", "%2e%2e%2fdb.sqlite3", "nobody"):
        assert _remove(server, id).status_code in (404, 405)
    assert (outside / "config.json").exists()


def test_half_a_download_in_the_cache_can_be_removed(server: Server, models: Path) -> None:
    blobs = server.home / "hub-cache" / "models--org--half" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "abc.incomplete").write_bytes(b"0" * 1000)
    row = disk(server)["org/half"]
    assert (row["fault"], row["size_bytes"]) == ("no config.json", 1000)
    assert _remove(server, row["id"]).json() == {"freed_bytes": 1000}
    assert not blobs.exists()


def test_fifty_models_are_listed_in_no_time(server: Server, models: Path) -> None:
    for number in range(50):
        folder = models / f"many-{number}"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
        for shard in range(8):
            (folder / f"model-{shard}.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    assert len(disk(server)) == 51
    took = []
    for _ in range(3):
        began = time.monotonic()
        disk(server)
        took.append(time.monotonic() - began)
    assert min(took) < 1


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def _index(folder: Path, shards: int) -> None:
    places = {str(shard): f"model-{shard:05}-of-{shards:05}.safetensors" for shard in range(1, shards + 1)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


def _serve(server: Server, id: str, name: str) -> httpx2.Response:
    with server.api() as api:
        return api.post(f"/api/models/disk/{id}/serve", json={"name": name})


def _remove(server: Server, id: str) -> httpx2.Response:
    with server.api() as api:
        return api.delete(f"/api/models/disk/{id}")
