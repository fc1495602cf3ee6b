"""A cloud provider of the test's own: a real HTTP server that speaks OpenAI's protocol, and fails as it is told to."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-planted-0123456789abcdef"
WORDS = ("Hello", " from", " afar")


@dataclass
class Provider:
    """`silence`: seconds before its first byte. `asked`: the bodies that it was sent."""

    url: str = ""
    status: int = 200
    silence: float = 0.0
    cut: bool = False  # in the middle of a stream
    asked: list[dict[str, Any]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)  # the client was gone before the end
    endless: bool = False


@contextmanager
def provider() -> Iterator[Provider]:
    told = Provider()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told.asked.append({**asked, "path": self.path, "authorization": self.headers["authorization"]})
            time.sleep(told.silence)
            try:
                _answer(self, told, asked)
            except OSError:
                told.left.set()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, told: Provider, asked: dict[str, Any]) -> None:
    handler.send_response(told.status)
    handler.send_header("connection", "close")
    streamed = bool(asked.get("stream")) and told.status == 200
    handler.send_header("content-type", "text/event-stream" if streamed else "application/json")
    handler.end_headers()
    if told.status != 200:
        handler.wfile.write(json.dumps({"error": {"message": "no", "type": "server_error"}}).encode())
    elif streamed:
        _stream(handler, told, asked["model"])
    else:
        message = {"role": "assistant", "content": "".join(WORDS)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 7, "completion_tokens": len(WORDS), "total_tokens": 7 + len(WORDS)}
        whole = {"id": "afar", "object": "chat.completion", "created": 1, "model": asked["model"]}
        handler.wfile.write(json.dumps({**whole, "choices": [choice], "usage": usage}).encode())


def _stream(handler: BaseHTTPRequestHandler, told: Provider, model: str) -> None:
    def say(delta: dict[str, str], finish_reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        chunk = {"id": "afar", "object": "chat.completion.chunk", "created": 1, "model": model}
        handler.wfile.write(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode())
        handler.wfile.flush()

    for word in WORDS:
        say({"content": word})
    while told.endless:
        say({"content": "."})
        time.sleep(0.01)
    if not told.cut:
        say({}, "stop")
        handler.wfile.write(b"data: [DONE]\n\n")
