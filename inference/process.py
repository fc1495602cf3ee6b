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

import msgspec
import zmq
import zmq.asyncio

from inference.messages import Command, Event
from settings_app.sizes import GB
from settings_app.snapshot import Model, Pool

log = logging.getLogger(__name__)

PROJECT = Path(__file__).resolve().parent.parent

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Event])


@dataclass(frozen=True)
class RunnerProcess:
    """`folder`: that of the socket, removed at the end."""

    process: asyncio.subprocess.Process
    socket: zmq.asyncio.Socket
    folder: Path

    @classmethod
    async def start(cls, model: Model, pool: Pool) -> Self:
        """Raises OSError if the system gives no process, or no socket."""
        folder = Path(tempfile.mkdtemp(prefix="mlxm-"))  # short: a Unix socket's path has 103 bytes on macOS
        try:
            socket = _bound(f"ipc://{folder}/s")
        except zmq.ZMQError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise OSError(error.errno, error.strerror) from error
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
            socket.close()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        log.info("runner of %s started, process %d", model.name, process.pid)
        return cls(process, socket, folder)

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, command: Command) -> None:
        if not self.socket.closed:
            # Returns a future that is done already: the queue has no bound, and the order is kept.
            self.socket.send(_encoder.encode(command))

    async def receive(self) -> list[Event]:
        """Raises msgspec.DecodeError for what is no frame."""
        return _decoder.decode(await self.socket.recv())

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            self.process.kill()

    async def wait(self) -> int:
        """Its exit status, when it has ended."""
        return await self.process.wait()

    def clear_away(self) -> None:
        self.socket.close()
        if self.process.stdin:
            self.process.stdin.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _bound(address: str) -> zmq.asyncio.Socket:
    socket = zmq.asyncio.Context.instance().socket(zmq.PAIR)
    try:
        socket.set(zmq.SNDHWM, 0)
        socket.set(zmq.RCVHWM, 0)
        socket.set(zmq.LINGER, 0)
        socket.bind(address)
    except zmq.ZMQError:
        socket.close()
        raise
    return socket


def prompt_cache_bytes(pool: Pool) -> int:
    return int(pool.prompt_cache_gb * GB)
