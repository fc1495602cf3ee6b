"""A small hub of the tests' own: a real HTTP server that answers as the hub does, and fails as it is told to."""

import hashlib
import json
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Repository:
    """`files`: contents by path. What is not named is as the hub says it for a public model for mlx."""

    files: dict[str, bytes]
    tags: tuple[str, ...] = ("mlx", "license:apache-2.0")
    downloads: int = 1000
    gated: bool = False
    sizes: dict[str, int] = field(default_factory=dict)  # said instead of the true ones
    checksums: dict[str, str] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        digest = hashlib.sha1(usedforsecurity=False)
        for path, content in sorted(self.files.items()):
            digest.update(path.encode() + content)
        return digest.hexdigest()


@dataclass
class Sent:
    """What one request for a file was answered: its first byte's place, and how many bytes went out."""

    path: str
    status: int
    first: int
    sent_bytes: int
    authorization: str | None


@dataclass(frozen=True)
class Trickle:
    """What comes of an answer without an end: a piece, and the next one after so many seconds."""

    piece: bytes
    pause_seconds: float = 0.0
    in_headers: bool = False


@dataclass
class Hub:
    """`cut_after`: bytes of a file after which the connection breaks, once for each number. `gate`: bytes of a file
    after which it stops until `go` is set. `status`: of every file; 200 is none of its own.
    """

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)
    gate: int | None = None
    go: threading.Event = field(default_factory=threading.Event)
    at_gate: threading.Event = field(default_factory=threading.Event)
    status: int = 200
    api_status: int = 200
    api_trickle: Trickle | None = None
    redirect_files_to: str = ""  # another host, as the hub does with large files
    asked: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)

    def hold_at(self, gate: int) -> None:
        self.gate = gate
        self.go.clear()
        self.at_gate.clear()

    def let_go(self) -> None:
        self.gate = None
        self.go.set()

    def bytes_sent(self, path: str) -> int:
        return sum(sent.sent_bytes for sent in self.sent if sent.path == path)


@contextmanager
def hub() -> Iterator[Hub]:
    told = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            try:
                _answer(self, told)
            except OSError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield told
    finally:
        told.let_go()
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, told: Hub) -> None:
    address = urlsplit(handler.path)
    told.asked.append(handler.path)
    if told.api_trickle and address.path.startswith("/api/"):
        _trickle(handler, told, told.api_trickle)
    elif address.path == "/api/models":
        _json(handler, told.api_status, _found(told, parse_qs(address.query)))
    elif address.path.startswith("/api/models/"):
        name = address.path.removeprefix("/api/models/")
        repository = told.repositories.get(name)
        if repository is None:
            _json(handler, 401, {"error": "Repository not found"}, ("X-Error-Code", "RepoNotFound"))
        else:
            _json(handler, told.api_status, _described(name, repository))
    else:
        _file(handler, told, address.path)


def _trickle(handler: BaseHTTPRequestHandler, told: Hub, trickle: Trickle) -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-header: " + (b"" if trickle.in_headers else b"\r\n\r\n"))
    while not told.go.wait(trickle.pause_seconds):
        handler.wfile.write(trickle.piece)


def _found(told: Hub, query: dict[str, list[str]]) -> list[dict[str, Any]]:
    wanted = query.get("search", [""])[0].lower()
    library = query["filter"][0]
    return [
        _described(name, repository)
        for name, repository in told.repositories.items()
        if wanted in name.lower() and library in repository.tags
    ]


def _described(name: str, repository: Repository) -> dict[str, Any]:
    return {
        "id": name,
        "sha": repository.commit,
        "downloads": repository.downloads,
        "gated": "manual" if repository.gated else False,
        "tags": list(repository.tags),
        "pipeline_tag": "text-generation",
        "safetensors": {"parameters": {"F32": 250_000}, "total": 250_000},
        "siblings": [_sibling(repository, path, content) for path, content in repository.files.items()],
    }


def _sibling(repository: Repository, path: str, content: bytes) -> dict[str, Any]:
    size = repository.sizes.get(path, len(content))
    if path.endswith((".safetensors", ".bin")):
        sha256 = repository.checksums.get(path, hashlib.sha256(content).hexdigest())
        lfs = {"size": size, "sha256": sha256, "pointerSize": 134}
        return {"rfilename": path, "size": size, "blobId": "0" * 40, "lfs": lfs}
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return {"rfilename": path, "size": size, "blobId": repository.checksums.get(path, blob)}


def _file(handler: BaseHTTPRequestHandler, told: Hub, address: str) -> None:
    name, _, rest = address.removeprefix("/").partition("/resolve/")
    commit, _, path = rest.partition("/")
    repository = told.repositories.get(name)
    authorization = handler.headers["authorization"]
    refused = told.status if told.status != 200 else 403 if repository and repository.gated else 0
    if refused or repository is None or commit != repository.commit or path not in repository.files:
        status = refused or 404
        told.sent.append(Sent(path, status, 0, 0, authorization))
        _json(handler, status, {"error": "no"})
    elif told.redirect_files_to and handler.headers["host"] not in told.redirect_files_to:
        handler.send_response(302)
        handler.send_header("location", f"{told.redirect_files_to}{address}")
        handler.send_header("content-length", "0")
        handler.end_headers()
        told.sent.append(Sent(path, 302, 0, 0, authorization))
    else:
        _content(handler, told, path, repository.files[path])


def _content(handler: BaseHTTPRequestHandler, told: Hub, path: str, content: bytes) -> None:
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    first = 0
    if (asked := handler.headers["range"]) and handler.headers["if-range"] == etag:
        first = int(asked.removeprefix("bytes=").removesuffix("-"))
    handler.send_response(206 if first else 200)
    handler.send_header("etag", etag)
    handler.send_header("content-length", str(len(content) - first))
    if first:
        handler.send_header("content-range", f"bytes {first}-{len(content) - 1}/{len(content)}")
    handler.end_headers()
    sent = Sent(path, 206 if first else 200, first, 0, handler.headers["authorization"])
    told.sent.append(sent)
    _send(handler, told, content, sent)


def _send(handler: BaseHTTPRequestHandler, told: Hub, content: bytes, sent: Sent) -> None:
    """Up to the next gate or cut, then what that is for."""
    place = sent.first
    cut = told.cut_after.pop(0) if told.cut_after and len(content) > told.cut_after[0] else None
    while place < len(content):
        if told.gate is not None and place >= told.gate:
            told.at_gate.set()
            told.go.wait(60)
            if select.select([handler.connection], [], [], 0)[0]:
                raise ConnectionAbortedError  # its end of the line: nobody is there any more
        if cut is not None and place >= cut:
            raise ConnectionAbortedError
        stops = [stop for stop in (cut, told.gate) if stop is not None and stop > place]
        end = min([*stops, place + 64 * 1024, len(content)])
        handler.wfile.write(content[place:end])
        handler.wfile.flush()
        sent.sent_bytes += end - place
        place = end


def _json(handler: BaseHTTPRequestHandler, status: int, data: Any, *headers: tuple[str, str]) -> None:
    content = json.dumps(data).encode()
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(content)))
    for name, value in headers:
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)
