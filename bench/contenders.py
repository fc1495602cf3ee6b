"""Who is measured: each a process that has loaded the model, and is asked the same. Only one at a time is awake."""

import contextlib
import ctypes.util
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import tree
from bench.worker import PROJECT, Worker, working
from inference import allocator
from tests.server import environment, manage, serving

RAW, MLX_LM, OURS, VLLM_MLX = "BatchGenerator", "mlx_lm.server", "MLX Manager", "vllm-mlx"
RAW_JEMALLOC = "BatchGenerator with jemalloc"
START_SECONDS = 120
LIBRARIES = ("libopenblas.so.0", "libjemalloc.so.2")  # of Linux


def installed() -> list[str]:
    """Of LIBRARIES."""
    names = {library: library.removeprefix("lib").partition(".")[0] for library in LIBRARIES}
    on_linux = sys.platform == "linux"
    return [library for library, name in names.items() if on_linux and ctypes.util.find_library(name)]


@dataclass
class Contender:
    """`pid`: whose tree works for it. `worker` asks it; `about` says whom and in which words."""

    name: str
    pid: int
    worker: Worker
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def serves(self) -> bool:
        return "url" in self.about

    def measure(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """What the worker found, with `cpu_seconds`: what the whole tree worked meanwhile."""
        with self.awake():
            before = tree.cpu_seconds(self.pid)
            found = self.worker.ask({**job, **self.about})
            return {**found, "cpu_seconds": tree.cpu_seconds(self.pid) - before}

    @contextmanager
    def awake(self) -> Iterator[None]:
        tree.go_on(self.pid)
        try:
            yield
        finally:
            tree.stand_still(self.pid)


@contextmanager
def raw(model: Path) -> Iterator[Contender]:
    """As who drives it has it."""
    with working("bench.raw", str(model)) as worker:
        yield _ready(Contender(RAW, worker.pid, worker))


@contextmanager
def raw_jemalloc(model: Path) -> Iterator[Contender]:
    """With all that a runner of this product is started with."""
    with working("bench.raw", str(model), environment=allocator.environment()) as worker:
        yield _ready(Contender(RAW_JEMALLOC, worker.pid, worker))


@contextmanager
def ours(model: Path, loader: Worker, home: Path) -> Iterator[Contender]:
    manage(environment(home), "add_model", "bench", str(model))
    with serving(home) as server:
        contender = Contender(OURS, server.process.pid, loader, {"url": server.url, "model": "bench"})
        try:
            yield _ready(contender)
        finally:
            tree.go_on(contender.pid)  # or it could not stop


@contextmanager
def mlx_lm_server(model: Path, loader: Worker, log: Path) -> Iterator[Contender]:
    command = [sys.executable, "-m", "mlx_lm", "server", "--model", str(model), "--log-level", "ERROR"]
    with _peer(MLX_LM, command, loader, log, "default_model") as contender:
        yield contender


@contextmanager
def vllm_mlx(python: Path, model: Path, loader: Worker, log: Path) -> Iterator[Contender]:
    """As fast as it goes: batching, and each token sent as it is made."""
    command = [str(python.with_name("vllm-mlx")), "serve", str(model), "--continuous-batching", "--offline"]
    with _peer(VLLM_MLX, command, loader, log, str(model)) as contender:
        yield contender


@contextmanager
def _peer(name: str, command: list[str], loader: Worker, log: Path, model: str) -> Iterator[Contender]:
    """Raises RuntimeError, with the end of what it printed, if it does not answer in time."""
    port = _free_port()
    found = installed()
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=PROJECT,
            env={**os.environ, **({"LD_PRELOAD": " ".join(found)} if found else {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    contender = Contender(name, process.pid, loader, {"url": url, "model": model})
    try:
        _await_answer(f"{url}/v1/models", process, log)
        yield _ready(contender)
    finally:
        tree.go_on(process.pid)
        process.kill()
        process.wait()


def _ready(contender: Contender) -> Contender:
    """All that is done once is done: the model is loaded, its kernels are there for a few rows and for many."""
    for rows in (1, 8, 32):
        bursts = [[f"Story {rows} {row}, please." for row in range(rows)]]
        contender.measure({"do": "bursts", "bursts": bursts, "tokens": 4, "streamed": True})
    return contender


def _await_answer(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(_last_words(log))


def _last_words(log: Path) -> str:
    said = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return re.sub(r"\S*/(?=\S)", "", said[-1] if said else "it said nothing")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
