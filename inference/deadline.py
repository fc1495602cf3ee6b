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
_GRPC_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


class DeadlinePassed(Exception):
    """The time of a request is over."""


@dataclass(frozen=True)
class Wish:
    """What a client asked for, in seconds, and where it said so. `ignored`: what it said that is no duration."""

    seconds: float | None
    ignored: tuple[str, ...] = ()


@dataclass
class Deadline:
    """`at`: the end, in seconds of `time.monotonic()`. `seconds`: how long that was from the start."""

    at: float
    seconds: float
    source: str

    def remaining(self) -> float:
        """Seconds; negative when it has passed."""
        return self.at - time.monotonic()


def effective(arrived: float, stored_seconds: float, wish: Wish) -> Deadline:
    """The smaller of what is stored for the endpoint and what the client wished. It can only shorten."""
    if wish.seconds is not None and wish.seconds < stored_seconds:
        return Deadline(arrived + wish.seconds, wish.seconds, "client")
    return Deadline(arrived + stored_seconds, stored_seconds, "endpoint")


def client_wish(headers: Mapping[str, str], body_timeout: object = None) -> Wish:
    """The shortest of the body's `timeout` and the headers that proxies and clients use for one.

    `headers` by lower-case name. What is no positive number is ignored, and named.
    """
    said = {"timeout": _number(body_timeout)} if body_timeout is not None else {}
    for name, unit in _HEADER_SECONDS.items():
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

    Raises DeadlinePassed. The time is looked at for every item, so a source that keeps producing is cut too.
    """
    async with aclosing(items):
        while True:
            try:
                item = await asyncio.wait_for(anext(items), deadline.remaining())
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise DeadlinePassed from None
            yield item


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < math.inf else None


def _scaled(text: str, unit: float) -> float | None:
    try:
        return _number(float(text) * unit)
    except ValueError:
        return None


def _prefer_wait(prefer: str) -> str | None:
    for preference in prefer.replace(";", ",").split(","):
        name, _, value = preference.partition("=")
        if name.strip().lower() == "wait":
            return value.strip().strip('"')
    return None
