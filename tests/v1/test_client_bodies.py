"""What popular clients send beside what they ask for: it says nothing about the answer, and does not stop them."""

from typing import Any

import pytest

from tests.server import Server
from tests.v1.asking import CHAT, ask

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
SYSTEM: dict[str, Any] = {"role": "system", "content": "You write code."}
# A prefix that should be kept is marked so by Roo Code and by what LiteLLM stands behind.
CACHED: list[Any] = [
    {
        "role": "user",
        "content": [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}],
    }
]
BODIES: dict[str, dict[str, Any]] = {
    "zed": {
        "messages": [SYSTEM, *HELLO],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 8,
        "parallel_tool_calls": False,
        "prompt_cache_key": "0c6e9b1e-1f0c-4b06-a9f9-0a6b9b4f5f5e",
    },
    "roo code": {"messages": [SYSTEM, *CACHED], "stream": True, "stream_options": {"include_usage": True}},
    "opencode": {
        "messages": [SYSTEM, *HELLO],
        "max_tokens": 8,
        "stream": True,
        "stream_options": {"include_usage": True},
        "tool_choice": "auto",
        "tools": [],
        "prompt_cache_key": "ses_7f31",
    },
    "langchain": {
        "messages": HELLO,
        "n": 1,
        "stream": False,
        "service_tier": "auto",
        "modalities": ["text"],
        "verbosity": "medium",
        "prompt_cache_retention": "24h",
        "safety_identifier": "user-1",
        "response_format": {"type": "text"},
    },
    "openai's agents": {
        "messages": HELLO,
        "store": False,
        "stream": True,
        "stream_options": {"include_usage": True, "include_obfuscation": False},
        "metadata": {},
    },
}


@pytest.mark.parametrize("name", BODIES)
def test_the_client_is_answered(server: Server, name: str) -> None:
    answer = ask(server, **{"model": "tiny", "temperature": 0, "max_tokens": 8, **BODIES[name]})
    assert answer.status_code == 200, answer.text
    assert '"finish_reason":"length"' in answer.text


def test_a_mark_for_a_cache_changes_nothing_of_what_is_said(server: Server) -> None:
    asked: dict[str, Any] = {"model": "tiny", "temperature": 0, "max_tokens": 8}
    marked, plain = (ask(server, messages=messages, **asked).json() for messages in (CACHED, HELLO))
    assert marked["choices"] == plain["choices"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"verbosity": "low"}, "verbosity"),
        ({"modalities": ["text", "audio"]}, "modalities[1]"),
        ({"service_tier": "priority"}, "service_tier"),
        (
            {"stream": True, "stream_options": {"include_obfuscation": True}},
            "stream_options.include_obfuscation",
        ),
    ],
)
def test_what_would_have_to_change_the_answer_is_refused(
    server: Server, change: dict[str, Any], param: str
) -> None:
    answer = ask(server, CHAT, model="tiny", messages=HELLO, max_tokens=1, **change)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_as_many_stop_strings_as_an_editor_sends(server: Server) -> None:
    """To complete code it stops at all that begins something else; whichever it is, it holds."""
    asked: dict[str, Any] = {"model": "tiny", "prompt": "hello", "temperature": 0, "max_tokens": 40}
    [choice] = ask(server, "/v1/completions", **asked).json()["choices"]
    stops = [*(f"<never {number}>" for number in range(63)), choice["text"][10:14]]
    [stopped] = ask(server, "/v1/completions", **asked, stop=stops).json()["choices"]
    assert (stopped["text"], stopped["finish_reason"]) == (choice["text"][:10], "stop")
    answer = ask(server, "/v1/completions", **asked, stop=[*stops, "one more"])
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "stop")
