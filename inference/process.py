"""A runner's process, and the socket over which it is spoken with."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from inference import allocator
from inference.channel import Channel
from inference.messages import Command
from settings_app.sizes import GB
from settings_app.snapshot import Model, Pool

log = logging.getLogger(__name__)

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class RunnerProcess:
    process: asyncio.subprocess.Process
    channel: Channel

    @classmethod
    async def start(cls, model: Model, pool: Pool) -> Self:
        """Raises OSError if the system gives no process, or no socket."""
        ours, theirs = socket.socketpair()
        with theirs:
            channel = await Channel.over(ours)
            try:
                process = await _process(model, pool, theirs)
            except OSError:
                channel.close()
                raise
        log.info("runner of %s started, process %d", model.name, process.pid)
        return cls(process, channel)

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, command: Command) -> None:
        self.channel.send(command)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            self.process.kill()

    async def wait(self) -> int:
        """Its exit status, when it has ended."""
        return await self.process.wait()

    def clear_away(self) -> None:
        self.channel.close()
        if self.process.stdin:
            self.process.stdin.close()


def prompt_cache_bytes(pool: Pool) -> int:
    return int(pool.prompt_cache_gb * GB)


async def _process(model: Model, pool: Pool, connected: socket.socket) -> asyncio.subprocess.Process:
    options = {
        "socket": connected.fileno(),
        "model": model.folder,
        "kind": model.kind,
        "prefill-chunk": pool.prefill_chunk,
        "prompt-cache-bytes": prompt_cache_bytes(pool),
        **({"adapter": model.adapter} if model.adapter else {}),
    }
    environment = await asyncio.to_thread(allocator.environment)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "inference.runner",
        *(f"--{name}={value}" for name, value in options.items()),
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,  # closes when this process ends, however it ends: the runner leaves then
        pass_fds=[connected.fileno()],
    )
