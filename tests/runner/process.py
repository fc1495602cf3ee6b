"""A real runner process, and this test as its server."""

import contextlib
import itertools
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from inference.frames import Frames, framed
from inference.messages import (
    Abort,
    Add,
    ChatPrompt,
    Command,
    Counted,
    Done,
    Embed,
    Event,
    Prefill,
    Ready,
    Refused,
    Sampling,
    Stats,
    TextPrompt,
    TokenLogprob,
    TokenPrompt,
    Tokens,
    Vectors,
)

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0  # for a loaded machine; nothing waits for it to pass
GREEDY = Sampling(temperature=0, max_tokens=20)
NEVER = 1e12
SMALL_CHUNKS = (
    "--prefill-chunk",
    "512",
)  # a long prompt takes several steps, between which something can come

_numbers = itertools.count(1)
Prompt = ChatPrompt | TextPrompt | TokenPrompt

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Event])


def long_prompt() -> str:
    """3,000 tokens, of which nothing is in the prompt cache but the template's beginning."""
    return f"{next(_numbers)} " + "bananas? " * 600


@dataclass
class Answer:
    """What the runner said of one row."""

    text: str = ""
    tokens: int = 0
    logprobs: list[TokenLogprob] | None = None
    prefills: list[Prefill] = field(default_factory=list)
    vectors: dict[int, bytes] = field(default_factory=dict, repr=False)
    end: Counted | Done | Refused | None = None

    @property
    def done(self) -> Done:
        assert isinstance(self.end, Done), self.end
        return self.end

    @property
    def refused(self) -> Refused:
        assert isinstance(self.end, Refused), self.end
        return self.end

    @property
    def counted(self) -> int | None:
        return self.end.tokens if isinstance(self.end, Counted) else None

    def matrix(self) -> np.ndarray:
        """The embeddings, a row for each input in the inputs' order."""
        assert self.done.reason == "stop" and sorted(self.vectors) == list(range(len(self.vectors)))
        return np.stack([np.frombuffer(self.vectors[number], "<f4") for number in sorted(self.vectors)])


class Runner:
    def __init__(self, process: subprocess.Popen[bytes], connected: socket.socket) -> None:
        self.process = process
        self.answers: dict[str, Answer] = {}
        self.stats: list[Stats] = []
        self._socket = connected
        self._socket.settimeout(PATIENCE_SECONDS)
        self._parts = Frames()
        self._frames: deque[bytes] = deque()
        self._ids = 0

    def add(self, text: str = "hello there", sampling: Sampling = GREEDY, deadline: float = NEVER) -> str:
        return self.add_prompt(ChatPrompt([{"role": "user", "content": text}]), sampling, deadline)

    def add_prompt(
        self, prompt: Prompt, sampling: Sampling = GREEDY, deadline: float = NEVER, *, echo: bool = False
    ) -> str:
        return self.send_row(lambda id: Add(id, deadline, prompt, sampling, echo))

    def send_row(self, command: Callable[[str], Command]) -> str:
        self._ids += 1
        id = f"row-{self._ids}"
        self.answers[id] = Answer()
        self.send(command(id))
        return id

    def embed(
        self, inputs: Sequence[str | TokenPrompt], deadline: float = NEVER, dimensions: int | None = None
    ) -> str:
        self._ids += 1
        id = f"row-{self._ids}"
        self.answers[id] = Answer()
        prompts = [TextPrompt(input) if isinstance(input, str) else input for input in inputs]
        self.send(Embed(id, deadline, prompts, dimensions))
        return id

    def vectors(self, inputs: Sequence[str | TokenPrompt]) -> np.ndarray:
        return self.wait(self.embed(inputs)).matrix()

    def send(self, command: Command) -> None:
        self.send_frame(_encoder.encode(command))

    def send_frame(self, frame: bytes) -> None:
        self._socket.sendall(framed(frame))

    def abort(self, id: str) -> Done:
        self.send(Abort(id))
        return self.wait(id).done

    def receive(self) -> list[Event]:
        """The next frame. Fails if the runner is silent for PATIENCE_SECONDS, or gone."""
        while not self._frames:
            data = self._socket.recv(65536)
            assert data, f"the runner is gone (exit status {self.process.poll()})"
            self._frames += self._parts.feed(data)
        events = _decoder.decode(self._frames.popleft())
        for event in events:
            self._file(event)
        return events

    def until(self, met: Callable[[], object]) -> None:
        """Take frames until something is so."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not met():
            assert time.monotonic() < end, self.answers
            self.receive()

    def wait(self, id: str) -> Answer:
        self.until(lambda: self.answers[id].end)
        return self.answers[id]

    def ask(self, text: str = "hello there", sampling: Sampling = GREEDY, deadline: float = NEVER) -> Answer:
        return self.wait(self.add(text, sampling, deadline))

    def stats_now(self) -> Stats:
        """What it says once the rows that came before have been told of."""
        row = self.add("to be told how things are", deadline=0)
        self.wait(row)
        self.stats.clear()
        self.until(lambda: self.stats)
        return self.stats[-1]

    def wait_exit(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def _file(self, event: Event) -> None:
        match event:
            case Tokens():
                assert self.answers[event.id].end is None
                self.answers[event.id].text += event.text
                self.answers[event.id].tokens += event.count
                if event.logprobs is not None:
                    self.answers[event.id].logprobs = (self.answers[event.id].logprobs or []) + event.logprobs
            case Prefill():
                self.answers[event.id].prefills.append(event)
            case Vectors():
                for number, vector in enumerate(event.values, event.first):
                    assert number not in self.answers[event.id].vectors, "sent twice"
                    self.answers[event.id].vectors[number] = vector
            case Stats():
                self.stats.append(event)
            case Counted() | Done() | Refused():
                assert self.answers[event.id].end is None, "answered twice"
                self.answers[event.id].end = event


@contextlib.contextmanager
def started(model: Path, *arguments: str, module: str = "inference.runner") -> Iterator[Runner]:
    """A runner that was just started; the first frame is still to come."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            descriptor = theirs.fileno()
            command = [
                sys.executable,
                "-m",
                module,
                f"--socket={descriptor}",
                "--model",
                str(model),
                *arguments,
            ]
            process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, pass_fds=[descriptor])
        with process:
            try:
                yield Runner(process, ours)
            finally:
                process.kill()


@contextlib.contextmanager
def ready(model: Path, *arguments: str, module: str = "inference.runner") -> Iterator[Runner]:
    with started(model, *arguments, module=module) as runner:
        while not any(isinstance(event, Ready) for event in runner.receive()):
            pass
        yield runner
