"""Models of this machine that think, call tools and keep a schema, asked by the official clients of both APIs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.dialects.saying import claude
from tests.scripted_model import Endless
from tests.server import Server
from tests.tool_formats import CALLED, HERMES, SAID, THOUGHT, TOOLS, make_calling_model
from tests.v1.asking import ask
from tests.v1.pool import add

MODEL = "dialects-hermes"
SCRIPTS: dict[str, str | Endless] = {
    "think": "<think>\nHm, hm.\n</think>\n\nYes.",
    "think at once": "No.",
    "21 degrees": "Warm, then.",
    "call at home": '<tool_call>\n{"name": "home__weather", "arguments": {"city": "Rom"}}\n</tool_call>',
    "call for ever": Endless('Well: <tool_call>\n{"name": "weather", "arguments": {"city": "', "Köln, and "),
}
FUNCTIONS: list[Any] = [{"type": "function", "strict": None, **tool["function"]} for tool in TOOLS]
CLAUDES: list[Any] = [
    {"name": tool["function"]["name"], "input_schema": tool["function"]["parameters"]} for tool in TOOLS
]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"sure": {"type": "boolean"}, "many": {"enum": [1, 2]}},
    "required": ["sure", "many"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def calling(shared_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The shared server with a model that thinks and calls tools."""
    add(shared_server, MODEL, make_calling_model(tmp_path_factory.mktemp(MODEL) / "model", HERMES, SCRIPTS))
    warm = ask(shared_server, "/v1/responses", model=MODEL, input="21 degrees")
    assert warm.status_code == 200, warm.text
    yield shared_server
    with shared_server.api() as api:
        api.post(f"/api/models/{MODEL}/unload")
    shared_server.rows("DELETE FROM settings_app_localmodel WHERE name = ?", MODEL)


def input_text(text: str) -> dict[str, str]:
    return {"type": "input_text", "text": text}


def response(server: Server, streamed: bool, **asked: Any) -> Any:
    with server.openai(max_retries=0) as client:
        if not streamed:
            return client.responses.create(model=MODEL, **asked)
        with client.responses.stream(model=MODEL, **asked) as stream:
            return stream.get_final_response()


def message(server: Server, streamed: bool, **asked: Any) -> Any:
    with claude(server) as client:
        if not streamed:
            return client.messages.create(model=MODEL, max_tokens=200, **asked)
        with client.messages.stream(model=MODEL, max_tokens=200, **asked) as stream:
            return stream.get_final_message()


@pytest.mark.parametrize("streamed", [False, True])
def test_a_response_thinks_speaks_and_calls(calling: Server, streamed: bool) -> None:
    answer = response(calling, streamed, input="say and call", tools=FUNCTIONS)
    assert [item.type for item in answer.output] == ["reasoning", "message", "function_call", "function_call"]
    assert (answer.output[0].content[0].text, answer.output_text, answer.status) == (
        THOUGHT,
        SAID,
        "completed",
    )
    calls = [(call.name, json.loads(call.arguments)) for call in answer.output[2:]]
    assert calls == CALLED
    assert answer.usage.output_tokens_details.reasoning_tokens > 0


@pytest.mark.parametrize("streamed", [False, True])
def test_a_message_thinks_speaks_and_calls(calling: Server, streamed: bool) -> None:
    user = {"role": "user", "content": "say and call"}
    answer = message(calling, streamed, messages=[user], tools=CLAUDES)
    assert [block.type for block in answer.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert (answer.content[0].thinking, answer.content[1].text, answer.stop_reason) == (
        THOUGHT,
        SAID,
        "tool_use",
    )
    assert [(call.name, call.input) for call in answer.content[2:]] == CALLED


@pytest.mark.parametrize("streamed", [False, True])
def test_log_probabilities_are_of_what_is_said_alone(calling: Server, streamed: bool) -> None:
    include: Any = ["message.output_text.logprobs"]
    answer = response(calling, streamed, input="say and call", tools=FUNCTIONS, include=include)
    (text,) = (item.content[0] for item in answer.output if item.type == "message")
    spelled = b"".join(bytes(one.bytes) for one in text.logprobs).decode()
    assert text.text == SAID
    assert spelled.strip("\n<") == SAID.strip()  # a token may reach over its borders


def test_what_is_read_of_tools_is_counted(calling: Server) -> None:
    """What an answer to the same says."""
    user = {"role": "user", "content": "call"}
    system: list[Any] = [{"type": "text", "text": "Be kind."}]
    for more in (
        {},
        {"tools": CLAUDES},
        {"tools": CLAUDES, "system": system, "thinking": {"type": "disabled"}},
    ):
        asked: dict[str, Any] = {"messages": [user], **more}
        usage = message(calling, False, **asked).usage
        with claude(calling) as client:
            found = client.messages.count_tokens(model=MODEL, **asked).input_tokens
        assert found == usage.input_tokens + usage.cache_read_input_tokens


def test_it_is_told_what_its_tools_gave(calling: Server) -> None:
    first = response(calling, False, input="call", tools=FUNCTIONS)
    back = [item.to_dict() for item in first.output]
    given = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"}
        for call in first.output
    ]
    user = {"role": "user", "content": "call"}
    assert response(calling, False, input=[user, *back, *given], tools=FUNCTIONS).output_text == "Warm, then."
    called = message(calling, False, messages=[user], tools=CLAUDES)
    results = [{"type": "tool_result", "tool_use_id": b.id, "content": "21 degrees"} for b in called.content]
    turns = [user, {"role": "assistant", "content": called.content}, {"role": "user", "content": results}]
    assert message(calling, False, messages=turns, tools=CLAUDES).content[0].text == "Warm, then."


@pytest.mark.parametrize("streamed", [False, True])
def test_codex_is_answered_and_its_functions_are_called_where_it_keeps_them(
    calling: Server, streamed: bool
) -> None:
    """As its version 0.169 asks, which keeps tools of its own and those of each other server together."""
    developer = {"type": "message", "id": "msg_1", "role": "developer", "content": [input_text("Be brief.")]}
    environment = {"type": "message", "id": "msg_2", "role": "user", "content": [input_text("<cwd>/</cwd>")]}
    user = {"type": "message", "id": "msg_3", "role": "user", "content": [input_text("call at home")]}
    asked: dict[str, Any] = {
        "tools": [
            FUNCTIONS[1],
            {"type": "namespace", "name": "home", "description": "Its own.", "tools": FUNCTIONS},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"summary": "auto"},
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "01a20e6e",
        "extra_body": {"client_metadata": {"session_id": "01a20e6e", "x-codex-turn-metadata": "{}"}},
    }
    said = [developer, environment, user]
    (call,) = response(calling, streamed, input=said, **asked).output
    assert (call.namespace, call.name, json.loads(call.arguments)) == ("home", "weather", {"city": "Rom"})
    given = {"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"}
    assert (
        response(calling, streamed, input=[*said, call.to_dict(), given], **asked).output_text
        == "Warm, then."
    )


def test_what_is_no_function_in_a_namespace_is_refused(calling: Server) -> None:
    inner = {
        "type": "namespace",
        "name": "home",
        "description": "",
        "tools": [FUNCTIONS[0], {"type": "custom"}],
    }
    answer = ask(calling, "/v1/responses", model=MODEL, input="hi", tools=[inner])
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "tools[0].tools[1].type")


def test_an_item_that_would_have_to_be_stored_is_refused_with_the_way_out(calling: Server) -> None:
    item = {"type": "item_reference", "id": "msg_1"}
    answer = ask(calling, "/v1/responses", model=MODEL, input=[item, {"role": "user", "content": "hi"}])
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "input[0].type")
    assert "have your client send store: false" in error["message"]


def test_the_tools_of_a_call_are_those_that_were_offered(calling: Server) -> None:
    asked: dict[str, Any] = {"input": "call", "tools": FUNCTIONS}
    assert [item.type for item in response(calling, False, **asked, tool_choice="none").output] == ["message"]
    one = response(calling, False, **asked, parallel_tool_calls=False).output
    assert [item.name for item in one] == ["weather"]
    user = {"role": "user", "content": "call"}
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    (call,) = message(calling, False, messages=[user], tools=CLAUDES, tool_choice=choice).content
    assert call.name == "weather"


def test_a_call_that_is_required_is_made_and_keeps_its_schema(calling: Server) -> None:
    strict: list[Any] = [{**tool, "strict": True} for tool in FUNCTIONS]
    answer = response(calling, False, input="call", tools=strict, tool_choice="required")
    calls = [call for call in answer.output if call.type == "function_call"]
    assert calls and all("city" in json.loads(call.arguments) for call in calls if call.name == "weather")


def test_thinking_is_switched_off_as_the_api_says_it(calling: Server) -> None:
    user = {"role": "user", "content": "think"}
    thought, said = message(calling, False, messages=[user]).content
    assert (thought.type, said.text) == ("thinking", "Yes.")
    on = message(calling, False, messages=[user], thinking={"type": "enabled", "budget_tokens": 1024}).content
    assert [block.type for block in on] == ["thinking", "text"]
    (off,) = message(calling, False, messages=[user], thinking={"type": "disabled"}).content
    assert off.text == "No."


def test_what_is_refused_of_the_chat_is_named_as_it_was_asked(calling: Server) -> None:
    """A model without tools, and a schema that no grammar keeps."""
    bad = {"not": {"type": "string"}}
    text = {"format": {"type": "json_schema", "name": "x", "schema": bad}}
    user = {"role": "user", "content": "hi"}
    config = {"format": {"type": "json_schema", "schema": bad}}
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("/v1/responses", {"input": "hi", "tools": FUNCTIONS}, "tools"),
        ("/v1/responses", {"input": "hi", "text": text}, "text.format"),
        ("/v1/responses", {"input": "hi", "reasoning": {"effort": "immense"}}, "reasoning.effort"),
        ("/v1/messages", {"messages": [user], "max_tokens": 5, "tools": CLAUDES}, "tools"),
        (
            "/v1/messages",
            {"messages": [user], "max_tokens": 5, "tools": [{**CLAUDES[0], "name": ""}]},
            "tools[0].name",
        ),
        (
            "/v1/responses",
            {"input": "hi", "tools": FUNCTIONS, "tool_choice": {"type": "function", "name": "x"}},
            "tool_choice.name",
        ),
        (
            "/v1/messages",
            {"messages": [user], "max_tokens": 5, "output_config": config},
            "output_config.format",
        ),
        (
            "/v1/messages",
            {"messages": [user], "max_tokens": 5, "stop_sequences": ["a"] * 65},
            "stop_sequences",
        ),
    ]
    for path, asked, param in cases:
        answer = ask(calling, path, model="tiny", **asked)
        error = answer.json()["error"]
        assert (answer.status_code, error["param"]) == (400, param), error
        assert error["type"] == "invalid_request_error"


def test_a_tool_s_bad_schema_is_named_as_it_was_asked(calling: Server) -> None:
    bad: dict[str, Any] = {"type": "object", "properties": {"a": {"not": {"type": "string"}}}}
    user = {"role": "user", "content": "call"}
    cases: list[tuple[str, dict[str, Any], str]] = [
        (
            "/v1/messages",
            {
                "messages": [user],
                "max_tokens": 5,
                "tools": [CLAUDES[1], {**CLAUDES[0], "strict": True, "input_schema": bad}],
            },
            "tools[1].input_schema",
        ),
        (
            "/v1/responses",
            {"input": "call", "tools": [FUNCTIONS[1], {**FUNCTIONS[0], "strict": True, "parameters": bad}]},
            "tools[1].parameters",
        ),
    ]
    for path, asked, param in cases:
        error = ask(calling, path, model=MODEL, **asked).json()["error"]
        assert (error["code"], error["param"]) == ("invalid_schema", param), error


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_keeps_the_schema(calling: Server, streamed: bool) -> None:
    text = {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA, "strict": True}}
    with calling.openai(max_retries=0) as client:
        asked: Any = {"model": "tiny", "input": "hello", "text": text, "max_output_tokens": 300}
        if streamed:
            with client.responses.stream(**asked) as stream:
                said = stream.get_final_response().output_text
        else:
            said = client.responses.create(**asked).output_text
    assert json.loads(said)["many"] in (1, 2)
    with claude(calling) as anthropics:
        config: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
        user: Any = {"role": "user", "content": "hello"}
        answer: Any = anthropics.messages.create(
            model="tiny", max_tokens=300, messages=[user], output_config=config
        )
    assert answer.stop_reason == "end_turn"
    assert set(json.loads(answer.content[0].text)) == {"sure", "many"}


def test_half_a_call_at_the_deadline_is_no_call(calling: Server) -> None:
    asked: dict[str, Any] = {"model": MODEL, "stream": True, "timeout": 1}
    user = {"role": "user", "content": "call for ever"}
    bodies: dict[str, dict[str, Any]] = {
        "/v1/responses": {"input": "call for ever", "tools": FUNCTIONS},
        "/v1/messages": {"messages": [user], "max_tokens": 100_000, "tools": CLAUDES},
    }
    for path, body in bodies.items():
        answer = ask(calling, path, **asked, **body).text
        assert '"response.output_text.delta"' in answer or '"text_delta"' in answer
        assert '"function_call"' not in answer and '"tool_use"' not in answer
        assert '"deadline_exceeded"' in answer.rstrip().splitlines()[-1]
        partial = ask(calling, path, **asked, **body, on_deadline="partial").text
        assert '"function_call"' not in partial and '"tool_use"' not in partial
        assert '"max_output_tokens"' in partial or '"stop_reason":"max_tokens"' in partial
