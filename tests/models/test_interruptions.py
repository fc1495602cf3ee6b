"""Downloads that the server's end, a full disk or a silent hub comes in the way of."""

import contextlib
import hashlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inference.hub.plan import HubFile, stored
from tests.hub import Hub
from tests.models.conftest import REPO, WEIGHTS, begin, hub_environment, look, turn, wait_for, workers
from tests.server import PROJECT, alive, environment, manage, serving
from tests.waiting import until

HALF = 400_000


def test_killed_in_mid_download_it_goes_on_from_what_is_there(told: Hub, tmp_path: Path) -> None:
    """Two downloads, one of them paused: that one stays so."""
    more = hub_environment(told, tmp_path / "cache")
    told.repositories["tests/paused"] = told.repositories[REPO]
    told.hold_at(HALF)
    with serving(tmp_path, **more) as server:
        row, paused = begin(server), begin(server, "tests/paused")
        until(lambda: all(look(server, id)["done_bytes"] > HALF for id in (row["id"], paused["id"])))
        turn(server, paused["id"], "pause")
        wait_for(server, paused["id"], "paused")
        admin_key = server.admin_key
        pids = workers(server)
        server.stop(signal.SIGKILL)
        until(lambda: not any(alive(pid) for pid in pids))
    told.let_go()
    with serving(tmp_path, **more) as server:
        server.admin_key = admin_key
        wait_for(server, row["id"], "done")
        assert look(server, paused["id"])["state"] == "paused"
        weights = [sent for sent in told.sent if sent.path == WEIGHTS]
        assert [sent.first for sent in weights] == [0, 0, HALF]
        assert told.bytes_sent(WEIGHTS) == HALF + len(told.repositories[REPO].files[WEIGHTS])


@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode != 0
    if shutil.which("unshare")
    else True,
    reason="no mount namespaces here, so no small disk",
)
def test_a_disk_that_fills_up_is_said_and_there_being_room_it_goes_on(told: Hub, tmp_path: Path) -> None:
    """The server has 80 MB for its models: a tmpfs in a namespace of its own, which others see through /proc."""
    (tmp_path / "models").mkdir()
    mounted = ("sh", "-c", 'mount -t tmpfs -o size=80m tmpfs "$0" && exec "$@"', str(tmp_path / "models"))
    more = hub_environment(told, tmp_path / "cache")
    with serving(tmp_path, before=("unshare", "-rm", *mounted), **more) as server:
        told.hold_at(HALF)
        row = begin(server)
        assert told.at_gate.wait(20)
        filler = Path(f"/proc/{server.process.pid}/root{tmp_path}/models/filler")
        _fill(filler)
        told.let_go()
        failed = wait_for(server, row["id"], "failed")
        assert "is full" in failed["problem"]
        assert failed["done_bytes"] >= HALF
        turn(server, row["id"], "resume")
        assert "Not enough disk space" in wait_for(server, row["id"], "failed")["problem"]
        filler.unlink()
        turn(server, row["id"], "resume")
        wait_for(server, row["id"], "done")
        assert [sent.first for sent in told.sent if sent.path == WEIGHTS][-1] >= HALF


def _fill(place: Path) -> None:
    with place.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(b"\0" * 4096):
            pass


def test_a_hub_that_falls_silent_is_given_up_and_what_came_is_kept(told: Hub, tmp_path: Path) -> None:
    told.hold_at(HALF)
    said = _work(told, tmp_path, stall_seconds=0.3)
    assert "went silent" in said[-1]["failed"]
    assert (tmp_path / f"{WEIGHTS}.part").stat().st_size == HALF
    assert len(told.sent) == 3


def test_a_hub_that_fails_for_a_moment_is_tried_again(told: Hub, tmp_path: Path) -> None:
    told.status = 503
    assert "status 503" in _work(told, tmp_path)[-1]["failed"]
    assert len(told.sent) == 3
    told.status = 200
    assert _work(told, tmp_path)[-1] == {"complete": True}


def test_a_file_that_is_half_another_is_thrown_away_and_fetched_whole(told: Hub, tmp_path: Path) -> None:
    """As when the power fails and the disk has the length but not the bytes."""
    told.hold_at(HALF)
    _work(told, tmp_path, stall_seconds=0.3)
    part = tmp_path / f"{WEIGHTS}.part"
    part.write_bytes(b"\0" * HALF)
    told.let_go()
    told.sent.clear()
    assert _work(told, tmp_path)[-1] == {"complete": True}
    assert [sent.first for sent in told.sent] == [HALF, 0]
    assert (tmp_path / WEIGHTS).read_bytes() == told.repositories[REPO].files[WEIGHTS]


def test_a_part_of_another_version_is_not_gone_on_from(told: Hub, tmp_path: Path) -> None:
    """The hub is asked for the rest of that version, has another one, and sends all of it."""
    (tmp_path / f"{WEIGHTS}.part").write_bytes(b"\0" * HALF)
    (tmp_path / f"{WEIGHTS}.part.etag").write_text('"of another version"')
    assert _work(told, tmp_path)[-1] == {"complete": True}
    assert [(sent.status, sent.first) for sent in told.sent] == [(200, 0)]


def test_a_link_in_the_folder_leads_nowhere_out_of_it(told: Hub, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "1_Pooling").symlink_to(outside)
    content = b"{}"
    told.repositories[REPO].files["1_Pooling/config.json"] = content
    file = HubFile("1_Pooling/config.json", len(content), sha256=hashlib.sha256(content).hexdigest())
    assert "outside the model's folder" in _work(told, folder, files=[file])[-1]["failed"]
    assert list(outside.iterdir()) == []


def test_where_no_server_runs_the_command_fetches_itself(told: Hub, tmp_path: Path) -> None:
    env = environment(tmp_path, **hub_environment(told, tmp_path / "cache"))
    (tmp_path / "address").write_text("http://127.0.0.1:1")  # of a server that was killed
    said = manage(env, "download_model", REPO).stdout
    assert "is here and served as tiny-4bit" in said
    told.status = 404
    told.repositories["tests/other"] = told.repositories[REPO]
    failed = manage(env, "download_model", "tests/other", "--no-serve", check=False)
    assert (failed.returncode, "does not have" in failed.stderr) == (1, True)
    assert "Traceback" not in failed.stderr


def _work(
    told: Hub, folder: Path, files: list[HubFile] | None = None, stall_seconds: float = 5
) -> list[dict[str, Any]]:
    """What a worker says that fetches the model's weights, with little patience."""
    weights = told.repositories[REPO].files[WEIGHTS]
    wanted = [HubFile(WEIGHTS, len(weights), sha256=hashlib.sha256(weights).hexdigest())]
    job = {
        "url": f"{told.url}/{REPO}/resolve/{told.repositories[REPO].commit}/",
        "headers": {},
        "folder": str(folder),
        "files": stored(files or wanted),
        "patience": {"stall_seconds": stall_seconds, "pauses": [0.05, 0.05]},
    }
    command = [sys.executable, "-m", "inference.hub.worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT, stdin=pipe, stdout=pipe, text=True) as worker:
        assert worker.stdin and worker.stdout
        worker.stdin.write(f"{json.dumps(job)}\n")
        worker.stdin.flush()
        return [json.loads(line) for line in worker.stdout]
