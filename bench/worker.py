"""A process that does what it is asked: a line of JSON in, a line of JSON out."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent


@dataclass
class Worker:
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Raises RuntimeError if the process ended; what it said of that is on its standard error."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(map(str, self.process.args))} ended")  # type: ignore[arg-type]
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def working(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[Worker]:
    """`python -m module …`, for as long as the block runs. `environment`: what is different from this one's."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Worker(process)
    finally:
        process.kill()
        process.communicate()


def answer(do: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The other side: does what comes, until nothing more does."""
    for line in sys.stdin:
        print(json.dumps(do(json.loads(line))), flush=True)
