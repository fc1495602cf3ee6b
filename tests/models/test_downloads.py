"""Downloads over HTTP, from a hub of the test's own that fails as it is told to."""

import dataclasses
import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hub import Hub, Repository
from tests.models.conftest import REPO, WEIGHTS, begin, look, turn, wait_for, walked, workers
from tests.server import Server
from tests.v1.asking import SHORT, ask
from tests.waiting import until

HALF = 400_000


def test_a_model_is_fetched_served_and_answers(server: Server, told: Hub) -> None:
    row = begin(server)
    done = wait_for(server, row["id"], "done")
    assert done["done_bytes"] == done["total_bytes"] > 2 * HALF
    assert ask(server, **{**SHORT, "model": "tiny-4bit"}).status_code == 200
    folder = server.home / "models" / "tests--tiny-4bit"
    assert {path.name for path in folder.iterdir()} == {
        *("README.md", "config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json")
    }  # no code, no pickle
    assert {sent.authorization for sent in told.sent} == {"Bearer hf_planted"}
    change = server.rows("SELECT * FROM settings_app_change WHERE label = 'tiny-4bit'")[-1]
    assert (change["who"], change["door"]) == ("key tests", "api")


def test_a_name_of_one_s_own_and_none_at_all(server: Server, told: Hub) -> None:
    told.repositories["tests/other"] = told.repositories[REPO]
    wait_for(server, begin(server, serve_as="mine")["id"], "done")
    wait_for(server, begin(server, "tests/other", serve_as="")["id"], "done")
    names = [row["name"] for row in server.rows("SELECT name FROM settings_app_localmodel ORDER BY id")]
    assert names == ["tiny", "mine"]
    assert (server.home / "models" / "tests--other").is_dir()


def test_it_stands_still_while_paused_and_no_byte_comes_twice(server: Server, told: Hub) -> None:
    told.hold_at(HALF)
    row = begin(server)
    assert told.at_gate.wait(20)
    until(lambda: look(server, row["id"])["done_bytes"] > HALF)
    turn(server, row["id"], "pause")
    paused = wait_for(server, row["id"], "paused")
    until(lambda: workers(server) == [])
    assert not (server.home / "models" / "tests--tiny-4bit").exists()
    assert HALF < paused["done_bytes"] < paused["total_bytes"]
    told.let_go()
    turn(server, row["id"], "resume")
    wait_for(server, row["id"], "done")
    assert told.bytes_sent(WEIGHTS) == len(told.repositories[REPO].files[WEIGHTS])
    assert [sent.first for sent in told.sent if sent.path == WEIGHTS] == [0, HALF]


def test_cancelled_it_leaves_nothing_and_can_begin_anew(server: Server, told: Hub) -> None:
    told.hold_at(HALF)
    row = begin(server)
    assert told.at_gate.wait(20)
    turn(server, row["id"], "cancel")
    until(lambda: not list((server.home / "models").glob(".downloads/*")))
    told.let_go()
    wait_for(server, begin(server)["id"], "done")


def test_a_connection_that_breaks_is_taken_up_where_it_broke(server: Server, told: Hub) -> None:
    told.cut_after = [100_000, 300_000]
    row = begin(server)
    wait_for(server, row["id"], "done")
    assert [sent.first for sent in told.sent if sent.path == WEIGHTS] == [0, 100_000, 300_000]
    assert told.bytes_sent(WEIGHTS) == len(told.repositories[REPO].files[WEIGHTS])


@pytest.mark.parametrize(("status", "words"), [(404, "does not have"), (401, "gated"), (403, "gated")])
def test_a_refusal_of_the_hub_is_said_and_can_be_got_over(
    server: Server, told: Hub, status: int, words: str
) -> None:
    told.status = status
    row = begin(server)
    assert words in wait_for(server, row["id"], "failed")["problem"]
    told.status = 200
    turn(server, row["id"], "resume")
    wait_for(server, row["id"], "done")


def test_a_wrong_checksum_is_never_used(server: Server, told: Hub) -> None:
    told.repositories[REPO].checksums[WEIGHTS] = hashlib.sha256(b"another").hexdigest()
    row = begin(server)
    assert "checksum differs" in wait_for(server, row["id"], "failed")["problem"]
    assert not list((server.home / "models").rglob(f"{WEIGHTS}*"))
    told.repositories[REPO].checksums = {"config.json": "0" * 40}
    turn(server, row["id"], "resume")
    assert "config.json" in wait_for(server, row["id"], "failed")["problem"]


def test_what_changed_between_pause_and_resume_starts_over_and_the_rest_stays(
    server: Server, told: Hub
) -> None:
    told.hold_at(HALF)
    row = begin(server)
    assert told.at_gate.wait(20)
    turn(server, row["id"], "pause")
    until(lambda: workers(server) == [])
    repository = told.repositories[REPO]
    weights = bytearray(repository.files[WEIGHTS])
    weights[-4:] = b"\0\0\0\0"
    repository.files[WEIGHTS] = bytes(weights)
    repository.files["config.json"] += b"\n"  # was here, whole and checked
    told.let_go()
    turn(server, row["id"], "resume")
    wait_for(server, row["id"], "done")
    assert [sent.first for sent in told.sent if sent.path == WEIGHTS] == [0, 0]
    assert len([sent for sent in told.sent if sent.path == "tokenizer.json"]) == 1
    folder = server.home / "models" / "tests--tiny-4bit"
    assert (folder / WEIGHTS).read_bytes() == bytes(weights)
    assert (folder / "config.json").read_bytes() == repository.files["config.json"]


def test_the_token_does_not_follow_to_another_host(server: Server, told: Hub) -> None:
    """The hub keeps large files elsewhere."""
    told.redirect_files_to = told.url.replace("127.0.0.1", "localhost")
    wait_for(server, begin(server)["id"], "done")
    assert {(sent.status, sent.authorization) for sent in told.sent} == {
        (302, "Bearer hf_planted"),
        (200, None),
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"../../evil.json": b"{}"}, "outside the model's folder"),
        ({"/etc/evil.json": b"{}"}, "outside the model's folder"),
        ({"a\\..\\evil.json": b"{}"}, "outside the model's folder"),
        ({WEIGHTS: None}, "pickle"),
        ({WEIGHTS: None, "pytorch_model.bin": None}, "no weights"),
        ({"config.json": None}, "no config.json"),
    ],
)
def test_what_cannot_be_taken_is_refused_before_a_byte_came(
    server: Server, told: Hub, changes: dict[str, bytes | None], words: str
) -> None:
    changed = {**told.repositories[REPO].files, **changes}
    told.repositories[REPO].files = {
        path: content for path, content in changed.items() if content is not None
    }
    assert words in _refused(server, repo=REPO)
    assert told.sent == []


def test_more_than_the_disk_holds_is_refused_with_need_and_room(server: Server, told: Hub) -> None:
    told.repositories[REPO].sizes[WEIGHTS] = 2**60
    refusal = _refused(server, repo=REPO)
    assert "it needs 1048576.0 TB" in refusal
    assert "are free in" in refusal


def test_a_hub_that_sends_more_than_it_said_is_stopped(server: Server, told: Hub) -> None:
    told.repositories[REPO].sizes[WEIGHTS] = 1000
    assert "sends more" in wait_for(server, begin(server)["id"], "failed")["problem"]


def test_names_are_looked_at_before_anything_is_fetched(server: Server, told: Hub) -> None:
    assert "There is a model tiny already" in _refused(server, repo=REPO, serve_as="tiny")
    assert "Use letters" in _refused(server, repo=REPO, serve_as="a b")
    told.hold_at(HALF)
    begin(server)
    assert "being downloaded already" in _refused(server, repo=REPO)
    assert told.at_gate.wait(20)


def test_what_cannot_be_asked_of_the_hub_is_said(server: Server, told: Hub) -> None:
    with server.api() as api:
        for repo, words in (
            ("nobody/nothing", "has no model"),
            ("tiny", "owner/name"),
            ("a/../b", "owner/name"),
            ("a/b?x=1", "owner/name"),
        ):
            answer = api.post("/api/models/downloads", json={"repo": repo})
            assert (answer.status_code, words in answer.json()["detail"]) == (502, True), repo
        told.api_status = 503
        answer = api.get("/api/models/hub", params={"search": "tiny"})
        assert (answer.status_code, "status 503" in answer.json()["detail"]) == (502, True)
        assert api.post("/api/models/downloads/99999/pause").status_code == 404
        assert api.post("/api/models/downloads", json={"repo": 1, "more": 2}).status_code == 422


def test_the_search_finds_models_for_mlx(server: Server, told: Hub) -> None:
    told.repositories["tests/tiny-torch"] = Repository({}, tags=("pytorch",))
    told.repositories["other/thing"] = dataclasses.replace(told.repositories[REPO])
    with server.api() as api:
        (found,) = api.get("/api/models/hub", params={"search": "tiny"}).json()
    assert found == {
        "repo": REPO,
        "downloads": 1000,
        "licence": "apache-2.0",
        "gated": False,
        "size_bytes": 1_000_000,
        "task": "text-generation",
    }


def test_at_most_two_run_at_once_and_the_third_waits_its_turn(server: Server, told: Hub) -> None:
    told.hold_at(HALF)
    for number in range(3):
        told.repositories[f"tests/tiny-{number}"] = told.repositories[REPO]
    ids = [begin(server, f"tests/tiny-{number}")["id"] for number in range(3)]
    until(lambda: [look(server, id)["state"] for id in ids] == ["running", "running", "waiting"])
    assert told.at_gate.wait(20)
    told.let_go()
    for id in ids:
        wait_for(server, id, "done")
    assert walked(server, "/api/models/downloads", "downloads", "id", 2) == [ids[:2], ids[2:]]


def test_by_the_command_the_running_server_fetches(server: Server, told: Hub) -> None:
    told.hold_at(HALF)
    with ThreadPoolExecutor() as pool:
        command = pool.submit(server.manage, "download_model", REPO, "--name", "by-hand")
        assert told.at_gate.wait(20)
        assert len(workers(server)) == 1
        told.let_go()
        said = command.result(60).stdout
    assert "is here and served as by-hand" in said
    refused = server.manage("download_model", REPO, check=False)
    assert (refused.returncode, "on this machine already" in refused.stderr) == (1, True)


def _refused(server: Server, **body: str) -> str:
    with server.api() as api:
        answer = api.post("/api/models/downloads", json=body)
    assert answer.status_code == 422, answer.text
    return "; ".join(error["msg"] for error in answer.json()["detail"])
