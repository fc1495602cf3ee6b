"""When a request must be over, and the one function through which every generation is consumed."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_HEADER_SECONDS = {"x-request-timeout": 1.0, "x-envoy-expected-rq-timeout-ms": 0.001}
# What the official clients say of their own patience. It is of no account for a stream, which they read as it comes.
_CLIENT_HEADER_SECONDS = {"x-stainless-read-timeout": 1.0, "x-stainless-timeout": 1.0}
_GRPC_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


class DeadlinePassed(Exception):
    """The time of a request is over."""


@dataclass(frozen=True)
class Wish:
    """What a client asked for, in seconds. `ignored`: where it said something that is no duration."""

    seconds: float | None
    ignored: tuple[str, ...] = ()


@dataclass
class Deadline:
    """`at`: the end, in seconds of `time.monotonic()`. `seconds`: how long that is from the start."""

    start: float
    seconds: float
    source: str
    wish: Wish
    model_seconds: float | None

    @property
    def at(self) -> float:
        return self.start + self.seconds

    def remaining(self) -> float:
        """Seconds; negative when it has passed."""
        return self.at - time.monotonic()

    def store(self, stored_seconds: float) -> bool:
        """Another value is stored for the endpoint. Returns whether that moves this deadline."""
        before = self.seconds
        self.seconds, self.source = _shortest(stored_seconds, self.model_seconds, self.wish.seconds)
        return self.seconds != before

    def extend(self, seconds: float) -> None:
        """The operator's word: it counts more than what is stored."""
        self.seconds, self.source = self.seconds + seconds, "operator"


def effective(start: float, stored_seconds: float, model_seconds: float | None, wish: Wish) -> Deadline:
    """The smallest of what is stored for the endpoint, the model's own limit and the client's wish."""
    seconds, source = _shortest(stored_seconds, model_seconds, wish.seconds)
    return Deadline(start, seconds, source, wish, model_seconds)


def client_wish(headers: Mapping[str, str], body_timeout: object, *, with_client_timeout: bool) -> Wish:
    """The shortest of the body's `timeout` and the headers that proxies and clients use for one.

    `headers` by lower-case name. `with_client_timeout`: also what the official clients say of their own patience.
    What is no positive number is ignored, and named.
    """
    said = {"timeout": _positive(body_timeout)} if body_timeout is not None else {}
    plain = _HEADER_SECONDS | _CLIENT_HEADER_SECONDS if with_client_timeout else _HEADER_SECONDS
    for name, unit in plain.items():
        if name in headers:
            said[name] = _scaled(headers[name], unit)
    if "grpc-timeout" in headers:
        value = headers["grpc-timeout"].strip()
        said["grpc-timeout"] = _scaled(value[:-1], _GRPC_UNITS.get(value[-1:], math.nan))
    wait = _prefer_wait(headers.get("prefer", ""))
    if wait is not None:
        said["prefer"] = _scaled(wait, 1.0)
    good = [seconds for seconds in said.values() if seconds is not None]
    return Wish(min(good, default=None), tuple(name for name, seconds in said.items() if seconds is None))


async def bounded(items: AsyncGenerator[T, None], deadline: Deadline) -> AsyncGenerator[T, None]:
    """Passes `items` on until they end or the deadline does; then they are closed, whatever happened.

    Raises DeadlinePassed. The time is looked at for every item, so a source that keeps producing is cut too; and a
    source whose deadline has moved yields something, so that the new one is looked at.
    """
    async with aclosing(items):
        while True:
            try:
                item = await asyncio.wait_for(anext(items), deadline.remaining())
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise DeadlinePassed from None
            _raise_if_cancelled()
            yield item


def _raise_if_cancelled() -> None:
    """Python 3.11's `wait_for` swallows a cancellation that comes together with the item, and a client that left at
    that moment would keep its place; of 32 that left at once, one or two did.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _shortest(stored: float, model: float | None, wished: float | None) -> tuple[float, str]:
    shortest, source = stored, "endpoint"
    for seconds, name in ((model, "model"), (wished, "client")):
        if seconds is not None and seconds < shortest:
            shortest, source = seconds, name
    return shortest, source


def _positive(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value <= 1e12 else None


def _scaled(text: str, unit: float) -> float | None:
    try:
        return _positive(float(text) * unit)
    except ValueError:
        return None


def _prefer_wait(prefer: str) -> str | None:
    for preference in prefer.replace(";", ",").split(","):
        name, _, value = preference.partition("=")
        if name.strip().lower() == "wait":
            return value.strip().strip('"')
    return None
