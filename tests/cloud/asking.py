"""Requests that go to the provider of these tests, and what a stream of its answer says."""

import json
from typing import Any

import httpx2
import pytest

from tests.v1.asking import LONG

OPENAI = pytest.mark.parametrize("planted_afar", ["openai"], indirect=True)
ANTHROPIC = pytest.mark.parametrize("planted_afar", ["anthropic"], indirect=True)
CLOUD: dict[str, Any] = {**LONG, "model": "gpt-9"}
CAUSES = ["error", "overload", "timeout"]
HERE: dict[str, Any] = {"provider": None, "target_model": "tiny", "causes": CAUSES}


def events(answer: httpx2.Response) -> list[str]:
    return [line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: ")]


def text(said: list[str]) -> str:
    pieces = [json.loads(event) for event in said if event != "[DONE]"]
    choices = [choice for piece in pieces for choice in piece.get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
