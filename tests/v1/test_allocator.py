"""What a runner is started with, beside the server's own environment."""

import ctypes.util
import sys
from pathlib import Path

import pytest

from tests.conftest import warm
from tests.server import Server, environment, manage, serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's allocator is as good")


def test_a_runner_has_jemalloc_where_it_is_installed(shared_server: Server) -> None:
    warm(shared_server)
    (pid, *_) = shared_server.runner_pids()
    found = ctypes.util.find_library("jemalloc")
    mapped = Path(f"/proc/{pid}/maps").read_text()
    if found is None:
        pytest.skip("jemalloc is not installed")
    assert "jemalloc" in mapped
    assert "jemalloc" not in Path(f"/proc/{shared_server.process.pid}/maps").read_text()


def test_who_preloads_something_has_chosen(tmp_path: Path, tiny_model: Path) -> None:
    chosen = {"LD_PRELOAD": "libm.so.6"}
    manage(environment(tmp_path), "add_model", "tiny", str(tiny_model))
    with serving(tmp_path, **chosen) as server:
        warm(server)
        (pid,) = server.runner_pids()
        assert b"LD_PRELOAD=libm.so.6\0" in Path(f"/proc/{pid}/environ").read_bytes()
