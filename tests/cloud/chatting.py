"""Chats with a provider that speaks Anthropic's protocol, as OpenAI's own client has them."""

from typing import Any

from tests.provider import Provider
from tests.server import Server

USER = {"role": "user", "content": "hi"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}


def chat(server: Server, **more: Any) -> Any:
    """The answer, or the chunks of one that is streamed."""
    with server.openai(max_retries=0) as client:
        answer: Any = client.chat.completions.create(**{"model": "gpt-9", "messages": [USER], **more})
        return list(answer) if more.get("stream") else answer


def sent(afar: Provider) -> dict[str, Any]:
    """What the last request was translated into."""
    return afar.asked[-1]
