"""Requests to /v1/messages, as Anthropic's own client makes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.dialects.saying import claude
from tests.provider import Provider
from tests.server import Server
from tests.v1.routed import rule

MESSAGES = "/v1/messages"
USER: Any = {"role": "user", "content": "hello"}
HELLO: dict[str, Any] = {"model": "tiny", "messages": [USER], "temperature": 0, "max_tokens": 12}
WEATHER: Any = {
    "name": "weather",
    "description": "The weather in a place.",
    "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}},
}


def answered(server: Server, **more: Any) -> Any:
    with claude(server) as client:
        return client.messages.create(**_given(more))


def streamed(server: Server, **more: Any) -> tuple[list[Any], Any]:
    """The events, and the message that the client puts together."""
    with claude(server) as client, client.messages.stream(**_given(more)) as stream:
        return list(stream), stream.get_final_message()


@contextmanager
def falling_back(server: Server, beyond: Provider, model: str) -> Iterator[str]:
    """The name of a provider's model, for which one of this machine stands in when it fails."""
    here = {"provider": None, "target_model": model, "causes": ["error", "overload"]}
    rule(server, beyond, "claude-or-here", target_model="large", fallbacks=[here])
    try:
        yield "claude-or-here"
    finally:
        server.rows("DELETE FROM settings_app_rule WHERE pattern = 'claude-or-here'")


def _given(more: dict[str, Any]) -> Any:
    """As the client takes it: it has no names for some of what the API takes."""
    asked = {"model": "gpt-9", "messages": [USER], "max_tokens": 99, **more}
    unnamed = ("temperature", "top_p", "top_k", "timeout")
    beside = {name: asked.pop(name) for name in unnamed if name in asked}
    return {**asked, "extra_body": beside}
