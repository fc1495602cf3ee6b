"""A call that is required, or named, in the words of all three APIs: a model of this machine makes it, whatever it
would have said.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.dialects.saying import claude
from tests.server import Server
from tests.tool_formats import FORMATS, make_calling_model
from tests.v1.pool import add

MODEL = "required-qwen"
# Bounded everywhere: once it may not say its script this model says anything, and finds no end by itself.
CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 9}},
    "required": ["city"],
    "additionalProperties": False,
}
FUNCTIONS: list[Any] = [{"name": name, "parameters": CITY} for name in ("weather", "time")]
TOOLS: list[Any] = [{"type": "function", "function": function} for function in FUNCTIONS]
ITEMS: list[Any] = [{"type": "function", "strict": None, **function} for function in FUNCTIONS]
CLAUDES: list[Any] = [{"name": each["name"], "input_schema": CITY} for each in FUNCTIONS]
Calls = list[tuple[str, Any]]


@pytest.fixture(scope="module")
def calling(shared_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp(MODEL) / "model"
    scripts = {"no": "No, I will not."}
    add(shared_server, MODEL, make_calling_model(folder, FORMATS["qwen3-coder"], scripts))
    yield shared_server
    with shared_server.api() as api:
        api.post(f"/api/models/{MODEL}/unload")
    shared_server.rows("DELETE FROM settings_app_localmodel WHERE name = ?", MODEL)


def chat(server: Server, said: str, named: str | None, streamed: bool) -> tuple[Calls, str | None]:
    asked: Any = {
        "model": MODEL,
        "messages": [{"role": "user", "content": said}],
        "tools": TOOLS,
        "tool_choice": {"type": "function", "function": {"name": named}} if named else "required",
        "max_tokens": 400,
    }
    with server.openai(max_retries=0) as client:
        if streamed:
            with client.chat.completions.stream(**asked) as stream:
                choice: Any = stream.get_final_completion().choices[0]
        else:
            choice = client.chat.completions.create(**asked).choices[0]
    made = choice.message.tool_calls or ()
    return [(call.function.name, json.loads(call.function.arguments)) for call in made], choice.finish_reason


def response(server: Server, said: str, named: str | None, streamed: bool) -> tuple[Calls, str | None]:
    asked: Any = {
        "model": MODEL,
        "input": said,
        "tools": ITEMS,
        "tool_choice": {"type": "function", "name": named} if named else "required",
        "max_output_tokens": 400,
    }
    with server.openai(max_retries=0) as client:
        if streamed:
            with client.responses.stream(**asked) as stream:
                answer: Any = stream.get_final_response()
        else:
            answer = client.responses.create(**asked)
    made = [item for item in answer.output if item.type == "function_call"]
    assert len(made) == len(answer.output)
    return [(call.name, json.loads(call.arguments)) for call in made], answer.status


def message(server: Server, said: str, named: str | None, streamed: bool) -> tuple[Calls, str | None]:
    asked: Any = {
        "model": MODEL,
        "messages": [{"role": "user", "content": said}],
        "tools": CLAUDES,
        "tool_choice": {"type": "tool", "name": named} if named else {"type": "any"},
        "max_tokens": 400,
    }
    with claude(server) as client:
        if streamed:
            with client.messages.stream(**asked) as stream:
                answer: Any = stream.get_final_message()
        else:
            answer = client.messages.create(**asked)
    assert all(block.type == "tool_use" for block in answer.content)
    return [(block.name, block.input) for block in answer.content], answer.stop_reason


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("named", [None, "weather", "time"])
@pytest.mark.parametrize(
    ("api", "ending"), [(chat, "tool_calls"), (response, "completed"), (message, "tool_use")]
)
def test_it_is_made_and_ends_the_answer(
    calling: Server,
    api: Callable[..., tuple[Calls, str | None]],
    ending: str,
    named: str | None,
    streamed: bool,
) -> None:
    calls, ended = api(calling, "call" if named else "no", named, streamed)
    assert ended == ending
    assert calls and all(set(arguments) == {"city"} for _, arguments in calls)
    # It would go on to the other one: held to one name alone, it would call the same again and again.
    assert named is None or [name for name, _ in calls] == [named]
