"""A cloud provider of the test's own: a real HTTP server that speaks a protocol, and fails as it is told to."""

import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.protocols import PROTOCOLS, WORDS, Anthropic, OpenAI

KEY = "sk-planted-0123456789abcdef"


@dataclass
class Provider:
    """What it does, and what was done to it. `id`: its own at the server under test.

    `silence`: seconds before its first byte; 0 ends one. After its words a stream goes on for ever (`endless`, a word
    every `pace` seconds), or says no more (`stall`), or breaks (`cut`). `events`: said in a stream instead of its own;
    `body`: sent, byte for byte, instead of any answer. `length_told`: it closes the connection where its answer ends
    otherwise.

    `asked`: the bodies that it was sent; `got`: paths that were read; `hosts`: the names that it was called by;
    `connections`: made to it, of which `ended` are over. `left`: a client was gone before the end.
    """

    protocol: str = "openai"
    url: str = ""
    id: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    silence: float = 0.0
    endless: bool = False
    pace: float = 0.01
    stall: bool = False
    cut: bool = False
    length_told: bool = True
    events: list[Any] | None = None
    body: Iterable[bytes] | None = None
    no_models: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    got: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    connections: int = 0
    ended: int = 0
    left: threading.Event = field(default_factory=threading.Event)

    def forget(self) -> None:
        """What it was told to do, and what was done to it."""
        fresh = Provider(self.protocol, self.url, self.id, connections=self.connections, ended=self.ended)
        vars(self).update(vars(fresh))

    @property
    def spoken(self) -> OpenAI | Anthropic:
        return PROTOCOLS[self.protocol]


@contextmanager
def provider(protocol: str = "openai", tls: ssl.SSLContext | None = None) -> Iterator[Provider]:
    told = Provider(protocol)

    class Handler(_Handler):
        provider = told

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    told.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.end()


class _Server(ThreadingHTTPServer):
    """Whose threads end with it, those of connections that were kept open too."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(*arguments)

    def end(self) -> None:
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def handle_error(self, *arguments: Any) -> None:
        """A client that is gone is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider: Provider
    server: _Server
    chunked = False

    def setup(self) -> None:
        super().setup()
        self.provider.connections += 1
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        self.provider.ended += 1
        with suppress(OSError):
            super().finish()

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        told = self.provider
        told.got.append(self.path)
        told.hosts.add(self.headers["host"])
        if told.no_models:
            self._whole(404, {"error": {"message": "no such path"}})
        elif told.status != 200 or told.body is not None:
            self._answer({})
        else:
            self._be_silent()
            self._whole(200, {"object": "list", "data": [{"id": "large"}, {"id": "small"}]})

    def do_POST(self) -> None:
        told = self.provider
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        sent = {
            name: self.headers[name]
            for name in ("authorization", "x-api-key", "anthropic-version", "anthropic-beta", "cookie")
        }
        told.asked.append(
            {**asked, "path": self.path, **{name: value for name, value in sent.items() if value}}
        )
        try:
            self._answer(asked)
        except OSError:
            told.left.set()
            self.close_connection = True

    def _answer(self, asked: dict[str, Any]) -> None:
        told = self.provider
        self._be_silent()
        if words := told.spoken.refusal(asked):
            error = {"type": "invalid_request_error", "message": words}
            self._whole(400, {"type": "error", "error": error, "request_id": "req_afar"})
        elif told.body is not None:
            self._head(told.status, "application/json", chunked=told.length_told)
            for piece in told.body:
                self._send(piece)
            self._end()
        elif told.status != 200:
            self._whole(told.status, told.spoken.error(told.status))
        elif not asked.get("messages") and not asked.get("prompt") and not asked.get("input"):
            self._whole(400, {"error": {"message": "messages is required", "type": "invalid_request_error"}})
        elif asked.get("stream"):
            self._stream(asked)
        else:
            self._whole(200, told.spoken.whole(asked))

    def _stream(self, asked: dict[str, Any]) -> None:
        told = self.provider
        self._head(200, "text/event-stream; charset=utf-8", chunked=told.length_told)
        spoken = told.spoken
        begun = [*spoken.beginning(asked), *(spoken.word(word) for word in WORDS)]
        for event in begun if told.events is None else told.events:
            self._say(event)
        while told.endless:
            self._say(spoken.word("."))
            time.sleep(told.pace)
        if told.stall:
            self._wait(60)
        if told.cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        for event in spoken.ending(asked) if told.events is None else ():
            self._say(event)
        self._end()

    def _say(self, event: Any) -> None:
        if isinstance(event, bytes):
            return self._send(event)
        if isinstance(event, str):
            return self._send(f"data: {event}\n\n".encode())
        name = f"event: {event['type']}\n" if "type" in event else ""
        return self._send(f"{name}data: {json.dumps(event)}\n\n".encode())

    def _whole(self, status: int, said: Any) -> None:
        content = json.dumps(said).encode()
        self._head(status, "application/json", chunked=False, length=len(content))
        self.wfile.write(content)

    def _head(self, status: int, kind: str, *, chunked: bool, length: int | None = None) -> None:
        self.chunked = chunked
        self.send_response(status)
        headers = {"content-type": kind, "set-cookie": "who=me; Path=/"}
        if length is not None:
            headers["content-length"] = str(length)
        elif chunked:
            headers["transfer-encoding"] = "chunked"
        else:
            headers["connection"] = "close"
        for name, value in {**headers, **self.provider.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, piece: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)
        self.wfile.flush()

    def _end(self) -> None:
        if self.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _be_silent(self) -> None:
        """As long as it is told to, also if it is told otherwise meanwhile."""
        since = time.monotonic()
        while (left := since + self.provider.silence - time.monotonic()) > 0:
            self._wait(min(left, 0.05))

    def _wait(self, seconds: float) -> None:
        """Raises OSError when the client leaves, which is when it is readable."""
        if seconds and select.select([self.connection], [], [], seconds)[0]:
            raise ConnectionResetError
