"""A runner's process, and the socket over which it is spoken with."""

import asyncio
import contextlib
import logging
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from inference.channel import Channel
from inference.messages import Command, Event
from settings_app.sizes import GB
from settings_app.snapshot import Model, Pool

log = logging.getLogger(__name__)

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class RunnerProcess:
    """`folder`: that of the channel's socket, removed at the end."""

    process: asyncio.subprocess.Process
    channel: Channel
    folder: Path

    @classmethod
    async def start(cls, model: Model, pool: Pool) -> Self:
        """Raises OSError if the system gives no process, or no socket."""
        folder = Path(tempfile.mkdtemp(prefix="mlxm-"))  # short: a Unix socket's path has 103 bytes on macOS
        try:
            channel = Channel.bound(f"ipc://{folder}/s")
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        options = {
            "socket": f"ipc://{folder}/s",
            "model": model.folder,
            "kind": model.kind,
            "prefill-chunk": pool.prefill_chunk,
            "prompt-cache-bytes": prompt_cache_bytes(pool),
            **({"adapter": model.adapter} if model.adapter else {}),
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        try:
            # The pipe at its stdin closes when this process ends, however it ends: the runner leaves then.
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "inference.runner",
                *arguments,
                cwd=PROJECT,
                stdin=asyncio.subprocess.PIPE,
            )
        except OSError:
            channel.close()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        log.info("runner of %s started, process %d", model.name, process.pid)
        return cls(process, channel, folder)

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, command: Command) -> None:
        self.channel.send(command)

    async def receive(self) -> list[Event]:
        """Raises msgspec.DecodeError for what is no frame."""
        return await self.channel.receive()

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
        shutil.rmtree(self.folder, ignore_errors=True)


def prompt_cache_bytes(pool: Pool) -> int:
    return int(pool.prompt_cache_gb * GB)
