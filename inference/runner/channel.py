"""The runner's end of the socket to the server: commands in, lists of events out."""

import logging
import select
import socket
from types import TracebackType

import msgspec

from inference.frames import Frames, framed
from inference.messages import Command, Event, Stop

logger = logging.getLogger(__name__)

READ_BYTES = 65536
LAST_SECONDS = 1.0  # for what is to be sent at the end: the last frame, LoadFailed, has to get out


class Channel:
    """Never waits to send: a server that does not read must not hold up the loop, and with it every deadline."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._frames = Frames()
        self._unsent = b""
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Command)

    def __enter__(self) -> "Channel":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._socket:
            if self._unsent:
                self._socket.settimeout(LAST_SECONDS)
                self._socket.sendall(self._unsent)

    def send(self, events: list[Event]) -> None:
        if events:
            self._unsent += framed(self._encoder.encode(events))
            self._send()

    def wait(self) -> None:
        """Sleep until a command is there. What is not sent yet goes on its way."""
        while self._unsent:
            self._poll.modify(self._socket, select.POLLIN | select.POLLOUT)
            [(_, ready)] = self._poll.poll()
            self._poll.modify(self._socket, select.POLLIN)
            if ready & select.POLLOUT:
                self._send()
            if ready & ~select.POLLOUT:
                return
        self._poll.poll()

    def receive(self) -> list[Command]:
        """All commands that wait, perhaps none. A frame that is no command is logged and skipped.

        Ends with Stop where the server is gone.
        """
        commands: list[Command] = []
        while self._poll.poll(0):
            data = self._read()
            if not data:
                return [*commands, Stop()]
            for frame in self._frames.feed(data):
                try:
                    commands.append(self._decoder.decode(frame))
                except msgspec.DecodeError as error:
                    logger.error("skipped a frame of %d bytes that is no command: %s", len(frame), error)
        return commands

    def _read(self) -> bytes:
        try:
            return self._socket.recv(READ_BYTES)
        except ConnectionError:
            return b""

    def _send(self) -> None:
        """As much as goes at once. To a server that is gone, nothing: reading tells of that."""
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        except ConnectionError:
            self._unsent = b""
