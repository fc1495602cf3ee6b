"""The keys that providers' keys are sealed with: rotated, lost, and entered again, while requests go on."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet

from tests.server import PROJECT, Server
from tests.v1.far import KEY, URL, Far, made, sealed_keys, sealing_keys


def test_a_rotation_changes_every_stored_key_and_no_request(far: Far) -> None:
    made(far.api, name="Second", base_url=far.told.url, api_key="sk-second")
    before = sealed_keys(far.server)
    [old] = sealing_keys(far.server)
    assert far.key_sent() == KEY
    said = far.server.manage("rotate_keys").stdout
    assert "2 API keys are encrypted with a new key" in said
    after = sealed_keys(far.server)
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
    assert old not in sealing_keys(far.server)
    assert len(sealing_keys(far.server)) == 1
    assert (far.server.home / "sealing_keys").stat().st_mode & 0o777 == 0o600
    assert far.key_sent() == KEY
    *_, change = far.server.rows("SELECT * FROM settings_app_change WHERE field = 'sealing_keys' ORDER BY id")
    assert (change["door"], change["old"], change["new"]) == ("command", None, '"rotated"')
    far.server.rows("DELETE FROM settings_app_change WHERE field = 'sealing_keys'")


KILLED = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "mlx_manager.settings"
import django; django.setup()
from django.core.management import call_command
import {module} as module
module.{function} = lambda *args, **more: os._exit(9)
call_command("rotate_keys")
"""


@pytest.mark.parametrize(
    ("module", "function", "keys"),
    [
        ("os", "fsync", 1),  # nothing is done, but for a draft of the file
        ("settings_app.changes", "record", 2),  # all rows are, and nothing is committed
        ("settings_app.sealing", "drop_old_keys", 2),  # all is, and the old key not dropped
    ],
)
def test_a_rotation_that_dies_loses_no_key_and_the_next_one_ends_it(
    far: Far, module: str, function: str, keys: int
) -> None:
    code = KILLED.format(module=module, function=function)
    died = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=far.server.environment, check=False)
    assert died.returncode == 9
    assert len(sealing_keys(far.server)) == keys
    assert far.key_sent() == KEY
    far.server.manage("rotate_keys")
    assert len(sealing_keys(far.server)) == 1
    assert [path.name for path in far.server.home.glob(".sealing*")] == [], "a draft holds old keys"
    assert far.key_sent() == KEY


HELD = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "mlx_manager.settings"
import django; django.setup()
from django.core.management import call_command
from settings_app import providers
from settings_app.changes import Author
import {module} as module
then = module.{function}
def held(*args, **more):
    print("here", flush=True)
    if {waits}: sys.stdin.readline()
    return then(*args, **more)
module.{function} = held
{run}
"""


def test_a_second_rotation_waits_until_the_first_has_dropped_its_keys(far: Far) -> None:
    """Else the first would drop the key that the second is about to open its rows with."""
    with (
        _held(far.server, "settings_app.sealing", "drop_old_keys", waits=True) as first,
        _held(far.server, "fcntl", "flock", waits=False) as second,
    ):
        assert _line(first) == _line(second) == "here"
        first.communicate("go on\n", timeout=60)
        second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(sealing_keys(far.server)) == 1
    assert far.key_sent() == KEY


def test_a_rotation_waits_for_a_key_that_is_sealed_and_not_stored_yet(far: Far) -> None:
    """Else it would drop the key that sealed it, and never have seen the row."""
    enter = f"providers.change({far.id}, {{'api_key': 'sk-entered-meanwhile'}}, Author('ada', 'api'))"
    with (
        _held(far.server, "settings_app.changes", "save", waits=True, run=enter) as entering,
        _held(far.server, "settings_app.providers", "_sync_commits", waits=True) as rotating,
    ):
        assert _line(entering) == _line(rotating) == "here"
        with pytest.raises(subprocess.TimeoutExpired):
            rotating.communicate("go on\n", timeout=1)
        entering.communicate("go on\n", timeout=60)
        rotating.communicate(timeout=60)
    assert (entering.returncode, rotating.returncode) == (0, 0)
    assert far.key_sent() == "sk-entered-meanwhile"


def _held(
    server: Server, module: str, function: str, *, waits: bool, run: str = 'call_command("rotate_keys")'
) -> "subprocess.Popen[str]":
    """A process that says when it comes to a function, and waits there for a line if it is to."""
    return subprocess.Popen(
        [sys.executable, "-c", HELD.format(module=module, function=function, waits=waits, run=run)],
        cwd=PROJECT,
        env=server.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_rotations_at_once_and_keys_that_are_entered_meanwhile_lose_nothing(far: Far) -> None:
    """Each change is answered, then read back by a request: whichever key sealed it, the file opens it."""
    ids = [made(far.api, name=f"P{n}", base_url=far.told.url, api_key=f"sk-first-{n}") for n in range(3)]
    over = threading.Event()

    def rotate() -> None:
        far.server.manage("rotate_keys")

    def enter(id: int) -> str:
        entered, count = "", 0
        while not over.is_set():
            entered, count = f"sk-{id}-{count}", count + 1
            far.api.patch(f"{URL}/{id}", json={"api_key": entered}).raise_for_status()
        return entered

    def ask_on() -> list[int]:
        statuses = []
        while not over.is_set():
            statuses.append(far.ask().status_code)
        return statuses

    with ThreadPoolExecutor(8) as pool:
        entering = [pool.submit(enter, id) for id in ids]
        asking = pool.submit(ask_on)
        rotations = [pool.submit(rotate) for _ in range(2)]
        for rotation in rotations:
            rotation.result()
        over.set()
        last = [entry.result() for entry in entering]
        assert set(asking.result()) == {200}
    assert len(sealing_keys(far.server)) == 1
    [key] = sealing_keys(far.server)
    opened = {id: Fernet(key).decrypt(text.encode()).decode() for id, text in sealed_keys(far.server).items()}
    assert [opened[id] for id in ids] == last
    assert far.key_sent() == KEY


def test_a_lost_file_is_said_at_every_door_and_never_made_anew_without_a_word(far: Far) -> None:
    path = far.server.home / "sealing_keys"
    second = made(far.api, name="Second", base_url=far.told.url, api_key="sk-second")
    kept = path.read_text()
    path.unlink()
    far.patch(name="Afar again").raise_for_status()  # what needs no key can be changed
    answer = far.ask()
    assert (answer.status_code, "cannot be decrypted" in answer.text) == (503, True)
    refused = far.api.post(URL, json={"name": "New", "base_url": "https://new.example", "api_key": "sk-new"})
    assert refused.status_code == 422
    assert "is missing" in refused.json()["detail"][0]["msg"]
    rotated = far.server.manage("rotate_keys", check=False)
    assert (rotated.returncode, "Restore that file" in rotated.stderr) == (1, True)
    assert not path.exists()
    path.write_text(kept)
    assert far.key_sent() == KEY, "the restored file serves the next request"
    path.unlink()
    far.patch(api_key="sk-again").raise_for_status()
    assert far.key_sent() == "sk-again"
    problems = {p["id"]: p["problem"] for p in far.api.get(URL).json()["providers"]}
    assert problems[far.id] == ""
    assert "cannot be decrypted" in problems[second]
    rotated = far.server.manage("rotate_keys")
    assert "the API key of Second cannot be decrypted" in rotated.stderr


def test_a_file_that_holds_no_key_is_left_alone_and_said(far: Far) -> None:
    path = far.server.home / "sealing_keys"
    kept = path.read_bytes()
    try:
        for content in (b"", b"\x00\xff", b"no key\n"):
            path.write_bytes(content)
            far.patch(name=f"Renamed {len(content)}").raise_for_status()
            assert far.ask().status_code == 503
            refused = far.patch(api_key="sk-new")
            assert (refused.status_code, "Restore it from a backup" in refused.text) == (422, True)
        assert far.server.manage("rotate_keys", check=False).returncode == 1
        assert path.read_bytes() == content
    finally:
        path.write_bytes(kept)
    assert far.key_sent() == KEY
