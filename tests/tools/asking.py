"""Questions for models that say what they are told to, with tools, by the official client."""

import json
from typing import Any

from tests.scripted_model import Endless
from tests.server import Server
from tests.tool_formats import THOUGHT, TOOLS

CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln"}}\n</tool_call>'
BROKEN = '<tool_call>\n{"name": "weather", "arguments": {"city": }}\n</tool_call>'
TAGS = 'Write <think> and </think>, or <tool_call>{"name": "now", "arguments": {}}</tool_call>.'
# What each form says, so that all of them can be asked.
SCRIPTS: dict[str, str] = {
    "tags": json.dumps(TAGS),
    "no": "No, I will not.",
    "think": f"<think>\n{THOUGHT}</think>\n\nYes.",
    "wrong": 'Well. <tool_call>\n{"name": "weather", "arguments": {"city": 7, "days": "many"}}\n</tool_call>\nThere.',
    "right": 'Well. <tool_call>\n{"name": "weather", "arguments": {"city": "Bonn", "days": 3}}\n</tool_call>\nThere.',
}
TALKER = "talker"  # calls as "hermes" does, and has more to say; where it may not, it might not find an end
MORE_SCRIPTS: dict[str, str | Endless] = {
    **SCRIPTS,
    "21 degrees": "It is 21 degrees in Köln.",
    "think at once": "No.",
    "broken": f"Wait. {BROKEN}",
    "broken and whole": f"{BROKEN}\n{CALL}",
    "stop": f"<think>\nNot this END.\n</think>\n\n{CALL.replace('Köln', 'END')}\nBut here: END and no more.",
    "call for ever": Endless('Well: <tool_call>\n{"name": "weather", "arguments": {"city": "', "Köln, and "),
    "think for ever": Endless("<think>\n", "hm, and so "),
    "": "nothing",
    "weather+time": "two tools",
    "Köln": "called as an object",
    "because": "was told why",
    "high": "with all its might",
    "time": "one tool",
}


def user(content: str) -> Any:
    return [{"role": "user", "content": content}]


def asking(content: str, model: str = TALKER, **more: Any) -> Any:
    return {"model": model, "messages": user(content), "temperature": 0, "tools": TOOLS, **more}


def whole(server: Server, content: str, model: str = TALKER, **more: Any) -> Any:
    with server.openai() as client:
        return client.chat.completions.create(**asking(content, model, **more)).choices[0]


def streamed(server: Server, content: str, model: str = TALKER, **more: Any) -> Any:
    """Put together by the official client, as its users have it."""
    with (
        server.openai() as client,
        client.chat.completions.stream(**asking(content, model, **more)) as stream,
    ):
        return stream.get_final_completion().choices[0]


def called(choice: Any) -> list[tuple[str, Any]]:
    return [(c.function.name, json.loads(c.function.arguments)) for c in choice.message.tool_calls]
