"""The deadline drill: lets a deadline fire in every phase of every endpoint of a running server, and measures.

What it asks is under a deadline of the client's own (`timeout`), so it changes no setting.
"""

import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

DEADLINE_SECONDS = 1.0
BATCH_ROWS = 32
ANSWER_SLACK_SECONDS = 0.25
STOP_SECONDS = 1.5  # a chunk of prefill takes about half a second at most
MEMORY_SLACK_BYTES = 32 * 1024 * 1024
FIRST_TOKEN_FACTOR, FIRST_TOKEN_SLACK_SECONDS = 1.5, 0.1
TRIES = 6
WORDS = "one two three four five six seven eight nine ten "

StopLatency = Callable[[str], float | None]
"""From the id of a request to its logged stop latency in seconds."""


@dataclass(frozen=True)
class Model:
    """A model to drill, and the endpoint that is asked."""

    name: str
    endpoint: str
    path: str


@dataclass
class Result:
    """One row of the table. Times in seconds, memory in bytes; None: there is nothing to measure."""

    endpoint: str
    phase: str
    streamed: bool
    deadline: float
    answered: float
    status: str
    stopped: float | None
    memory_before: int
    memory_after: int
    first_before: float
    first_after: float
    faults: list[str]


class Unreachable(Exception):
    """The phase could not be reached with this model; the message says why."""


class Drill:
    """`http` reaches the server with an administrator's key; its base URL is the server's."""

    def __init__(self, http: httpx2.Client, stop_latency: StopLatency, slack: float = 1.0) -> None:
        """`slack` widens every bound by so much, for a machine that is slow or shared."""
        self._http = http
        self._slack = slack
        self._stop_latency = stop_latency
        self._count = 0

    def phase(self, model: Model, phase: str, streamed: bool) -> Result:
        """Lets the deadline fire in this phase. Raises Unreachable."""
        if phase == "load":
            self._unload(model)
            memory_before, first_before = 0, 0.0
        else:
            first_before = self._first_token(model)
            memory_before = self._memory(model)
        deadline, answered, answer = self._cut(model, phase, streamed)
        stopped = self._stop_latency(answer.headers["x-request-id"])
        first_after = self._first_token(model)
        memory_after = self._memory(model)
        if phase == "load":
            memory_before, first_before = memory_after, first_after
        result = Result(
            model.endpoint,
            phase,
            streamed,
            deadline,
            answered,
            _status(answer),
            stopped,
            memory_before,
            memory_after,
            first_before,
            first_after,
            [],
        )
        result.faults = _faults(result, self._slack)
        return result

    def _cut(self, model: Model, phase: str, streamed: bool) -> tuple[float, float, httpx2.Response]:
        """Asks until the deadline fires in the phase; a model that was faster is given less time."""
        deadline = DEADLINE_SECONDS
        repeat = 120
        with self._full_batch(model) if phase == "queue" else ExitStack():
            for _ in range(TRIES):
                body = self._body(model, phase, repeat)
                began = time.monotonic()
                answer = self._ask(model, {**body, "timeout": deadline}, streamed)
                took = time.monotonic() - began
                error = _error(answer)
                if error.get("code") == "context_length_exceeded":
                    repeat //= 2
                elif error.get("code") == "deadline_exceeded" and error["phase"] == phase:
                    return deadline, took - deadline, answer
                elif error.get("code") == "deadline_exceeded" and phase == "decode":
                    deadline *= 2  # it was still reading the prompt
                elif answer.is_success or error.get("code") == "deadline_exceeded":
                    deadline = min(deadline, took) / 2
                else:
                    raise Unreachable(f"it was answered with {answer.status_code}: {answer.text[:200]}")
                if phase == "load":
                    self._unload(model)
        raise Unreachable(f"in {TRIES} tries no deadline fired in {phase}")

    def _ask(self, model: Model, body: dict[str, Any], streamed: bool) -> httpx2.Response:
        return self._http.post(model.path, json={**body, "stream": True} if streamed else body, timeout=120)

    def _body(self, model: Model, phase: str, repeat: int) -> dict[str, Any]:
        self._count += 1
        novel = f"{time.time()} {self._count}"  # nothing of it is in the prompt cache
        long = phase == "prefill"
        if model.endpoint == "embeddings":
            inputs = [f"{novel} {n} {WORDS * 10}" for n in range(16 * repeat if long else 1)]
            return {"model": model.name, "input": inputs[:2048]}
        text = f"{novel} {WORDS * repeat}" if long else f"{novel} Count from one to ten thousand."
        tokens = {} if model.endpoint == "chat" else {"max_tokens": 1 if long else 2000}
        prompt = (
            {"messages": [{"role": "user", "content": text}]}
            if model.endpoint == "chat"
            else {"prompt": text}
        )
        return {"model": model.name, "temperature": 0, **prompt, **tokens}

    @contextmanager
    def _full_batch(self, model: Model) -> Iterator[None]:
        """So many requests in flight that the next one waits; they leave at the end."""
        with ExitStack() as stack:
            if model.endpoint == "embeddings":
                stack.enter_context(self._busy_embedding(model))
            else:
                body = {**self._body(model, "decode", 0), "stream": True, "timeout": 60}
                held = []  # an iterator that nobody holds closes its stream
                for _ in range(BATCH_ROWS):
                    stream = stack.enter_context(
                        self._http.stream("POST", model.path, json=body, timeout=120)
                    )
                    lines = stream.iter_lines()
                    next(lines, None)
                    held.append(lines)
            yield

    @contextmanager
    def _busy_embedding(self, model: Model) -> Iterator[None]:
        body = {**self._body(model, "prefill", 120), "timeout": 20}
        done = threading.Thread(target=self._ask, args=(model, body, False), daemon=True)
        done.start()
        time.sleep(0.2)
        yield
        done.join()

    def _first_token(self, model: Model) -> float:
        """Seconds to the first token of a short request, or to the answer of a short embedding; median of three."""
        return statistics.median(self._first_token_once(model) for _ in range(3))

    def _first_token_once(self, model: Model) -> float:
        body = self._body(model, "decode", 0)
        began = time.monotonic()
        if model.endpoint == "embeddings":
            self._ask(model, body, False).raise_for_status()
            return time.monotonic() - began
        short = {**body, "max_tokens": 1, "stream": True}
        with self._http.stream("POST", model.path, json=short, timeout=120) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    break
        return time.monotonic() - began

    def _memory(self, model: Model) -> int:
        """Bytes that the model's process holds, less the prompts it keeps for later."""
        models = self._http.get("/api/models?limit=500").raise_for_status().json()["models"]
        (found,) = (entry for entry in models if entry["name"] == model.name)
        return (found["memory_bytes"] or 0) - (found["prompt_cache_bytes"] or 0)

    def _unload(self, model: Model) -> None:
        ends = time.monotonic() + 10
        while (answer := self._http.post(f"/api/models/{model.name}/unload")).status_code == 409:
            if time.monotonic() > ends:
                raise Unreachable(answer.json()["detail"])
            time.sleep(0.1)
        answer.raise_for_status()


def _error(answer: httpx2.Response) -> dict[str, Any]:
    """The error in the answer, or in the stream; empty if there is none."""
    if not answer.is_success:
        return dict(answer.json()["error"])
    for line in answer.text.splitlines():
        if line.startswith('data: {"error"'):
            return dict(json.loads(line.removeprefix("data: "))["error"])
    return {}


def _status(answer: httpx2.Response) -> str:
    return f"{answer.status_code}" + (" in-band" if answer.is_success else "")


def _faults(result: Result, slack: float) -> list[str]:
    faults = []
    if result.answered > ANSWER_SLACK_SECONDS * slack:
        faults.append(f"answered {result.answered:.2f} s after the deadline")
    if result.stopped is None and result.phase != "load":
        faults.append("the model never said that it stopped")
    if result.stopped is not None and result.stopped > STOP_SECONDS * slack:
        faults.append(f"stopped {result.stopped:.2f} s after the deadline")
    if result.memory_after > result.memory_before * 1.02 + MEMORY_SLACK_BYTES:
        faults.append("memory did not come back")
    if result.first_after > result.first_before * FIRST_TOKEN_FACTOR + FIRST_TOKEN_SLACK_SECONDS * slack:
        faults.append("the next request started late")
    return faults
