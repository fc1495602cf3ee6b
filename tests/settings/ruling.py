"""The rules as their tests see them through the API."""

from collections.abc import Callable
from typing import Any

URL = "/api/settings"
Call = Callable[..., Any]
"""(method, path below the settings, body) → the answer, with an administrator's key."""


def made(call: Call, *patterns: str) -> list[int]:
    return [call("POST", "/rules", {"pattern": pattern}).json()["id"] for pattern in patterns]


def patterns(call: Call) -> list[tuple[int, str]]:
    return [(rule["position"], rule["pattern"]) for rule in call("GET", "/rules").json()["rules"]]
