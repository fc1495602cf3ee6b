"""The server's end of the socket to a runner: commands out, lists of events in."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Self

import msgspec

from inference.frames import Frames, framed
from inference.messages import Command, Event

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Event])

Hear = Callable[[list[Event]], None]


class Channel(asyncio.Protocol):
    """Nothing is read before somebody listens.

    A plain socket, read by the event loop itself: ZeroMQ has a thread at either end, and to wake both for each token
    took a tenth of a small model's time.
    """

    def __init__(self) -> None:
        self._frames = Frames()
        self._hear: Hear
        self._not_understood: Callable[[], None]
        self._transport: Any

    @classmethod
    async def over(cls, connected: socket.socket) -> Self:
        """Whose socket it is from then on."""
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(cls, sock=connected)
        return channel

    def listen(self, hear: Hear, not_understood: Callable[[], None]) -> None:
        """`not_understood` is called where an exception is handled: what came is no frame, or `hear` fails with it."""
        self._hear, self._not_understood = hear, not_understood
        self._transport.resume_reading()

    def send(self, command: Command) -> None:
        """Never waits, for what is not sent yet has no bound; once the runner is gone it does nothing."""
        frame = framed(_encoder.encode(command))
        if not self._transport.is_closing():
            self._transport.write(frame)

    def close(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._frames.feed(data):
                self._hear(_decoder.decode(frame))
        except Exception:
            self._not_understood()
