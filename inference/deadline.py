"""When a request must be over, and the one function through which every generation is consumed."""

import asyncio
import math
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

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
    """`at`: the end, in seconds of `time.monotonic()`. `seconds`: how long that is from the start.

    `model_seconds`: the limit of the model that has the request now; None if it has none. `extra_seconds`: what the
    operator gave this one request, beyond all of these, up to `highest_seconds` in all.
    """

    start: float
    stored_seconds: float
    wish: Wish
    model_seconds: float | None = None
    extra_seconds: float = 0.0
    highest_seconds: float = math.inf
    seconds: float = field(init=False)
    source: str = field(init=False)

    def __post_init__(self) -> None:
        self._settle()

    @property
    def at(self) -> float:
        return self.start + self.seconds

    def remaining(self) -> float:
        """Seconds; negative when it has passed."""
        return self.at - time.monotonic()

    def store(self, stored_seconds: float) -> bool:
        """Another value is stored for the endpoint. Returns whether that moves this deadline."""
        self.stored_seconds = stored_seconds
        return self._settle()

    def limit_to_model(self, model_seconds: float | None) -> None:
        """Another model has the request, and this limit of its own; it counts from the request's start."""
        self.model_seconds = model_seconds
        self._settle()

    def extend(self, seconds: float) -> None:
        """The operator's word: it counts more than what is stored."""
        self.extra_seconds += seconds
        self._settle()

    def _settle(self) -> bool:
        before = getattr(self, "seconds", None)
        self.seconds, self.source = _shortest(self.stored_seconds, self.model_seconds, self.wish.seconds)
        if self.extra_seconds:
            self.seconds = min(self.seconds + self.extra_seconds, self.highest_seconds)
            self.source = "operator"
        return self.seconds != before


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


if sys.version_info >= (3, 12):
    _wait_for = asyncio.wait_for
else:

    async def _wait_for(awaitable: Awaitable[T], seconds: float) -> T:
        """asyncio.wait_for as it is since Python 3.12.

        3.11's makes a task for each item, which takes twice as long; and it swallows a cancellation that comes together
        with the item: of 32 clients that left at once, one or two kept their places.
        """
        async with asyncio.timeout(seconds):
            return await awaitable


class Ends(Protocol):
    """What `bounded` asks of a deadline."""

    def remaining(self) -> float: ...


async def bounded(items: AsyncGenerator[T, None], deadline: Ends) -> AsyncGenerator[T, None]:
    """Passes `items` on until they end or the deadline does; then they are closed, whatever happened.

    Raises DeadlinePassed. The time is looked at for every item, so a source that keeps producing is cut too; and a
    source whose deadline has moved yields something, so that the new one is looked at.
    """
    async with aclosing(items):
        while True:
            left = deadline.remaining()
            if left <= 0:
                raise DeadlinePassed
            try:
                item = await _wait_for(anext(items), left)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise DeadlinePassed from None
            yield item


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
