"""Models that must call, and arguments that must fit: tool_choice "required" and by name, and strict tools."""

import json
from typing import Any

import jsonschema_rs
import openai
import pytest

from tests.server import Server
from tests.tool_formats import FORMATS, THOUGHT, allowed
from tests.tools.asking import SCRIPTS, TAGS

HELD = [name for name in FORMATS if name != "muse"]
ADDRESS = {
    "type": "object",
    "properties": {"zip": {"type": "string", "pattern": "^[0-9]{5}$"}},
    "required": ["zip"],
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 2, "maxLength": 8},
        "days": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 14}, {"type": "null"}]},
        "where": {"$ref": "#/$defs/address"},
        "units": {"enum": ["°C", "°F", 'x"y\\z']},
    },
    "required": ["city", "units"],
    "additionalProperties": False,
    "$defs": {"address": ADDRESS},
}
FLAT = {
    **SCHEMA,
    "properties": {name: each for name, each in SCHEMA["properties"].items() if name != "where"},
}
EMPTY: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


EMAIL = {"type": "string", "format": "email"}
EITHER = {"anyOf": [{"type": "string"}, {"type": "integer"}]}


def of_a(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}}


def tool(name: str, parameters: dict[str, Any] | None, **more: Any) -> Any:
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


TOOLS = [tool("weather", SCHEMA, strict=True), tool("now", EMPTY, strict=True)]
ONLY_B: Any = {"type": "function", "function": {"name": "b"}}
ONLY_NOW = {"type": "function", "function": {"name": "now"}}
YES = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["yes", "no"]}}}


def ask(server: Server, content: str, model: str = "hermes", **more: Any) -> Any:
    """Streamed, put together by the official client, or whole."""
    messages: Any = [{"role": "user", "content": content}]
    asked = {
        "model": model,
        "messages": messages,
        "temperature": 1,
        "tools": TOOLS,
        "max_tokens": 2000,
        **more,
    }
    with server.openai() as client:
        if asked.pop("stream", False):
            with client.chat.completions.stream(**asked) as stream:
                return stream.get_final_completion().choices[0]
        return client.chat.completions.create(**asked).choices[0]


def called(choice: Any) -> list[tuple[str, Any]]:
    calls = [
        (call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls or ()
    ]
    for name, arguments in calls:
        jsonschema_rs.validator_for({"weather": SCHEMA, "now": EMPTY}[name]).validate(arguments)
    return calls


@pytest.mark.parametrize("name", HELD)
def test_a_model_that_would_not_calls_what_fits(server: Server, name: str) -> None:
    tools = [tool("weather", FLAT, strict=True), TOOLS[1]] if name == "function-gemma" else TOOLS
    if not FORMATS[name].opens_thinking:  # what it says then is always the same
        assert not called(ask(server, "no", name, tools=[tool("weather", FLAT)]))
    for stream in (False, True):
        choice = ask(server, "no", name, tools=tools, tool_choice="required", stream=stream)
        assert called(choice) and choice.finish_reason == "tool_calls"
        assert not choice.message.content
        one = {"parallel_tool_calls": False, "tools": tools, "stream": stream}
        assert len(called(ask(server, "no", name, tool_choice="required", **one))) == 1
        choice = ask(server, "call", name, tool_choice=ONLY_NOW, **one)
        assert called(choice) == [("now", {})]
        assert choice.finish_reason == "tool_calls"


@pytest.mark.parametrize("name", ["hermes", "mistral", "pythonic", "kimi"])
def test_a_model_calls_one_of_those_that_are_allowed(server: Server, name: str) -> None:
    for stream in (False, True):
        more: dict[str, Any] = {"parallel_tool_calls": False, "stream": stream}
        choice = ask(server, "call", name, tool_choice=allowed("required", "now"), **more)
        assert called(choice) == [("now", {})]
    both = ask(
        server, "no", name, tool_choice=allowed("required", "now", "weather"), parallel_tool_calls=False
    )
    assert called(both)
    assert not called(ask(server, "no", tools=[tool("now", EMPTY)], tool_choice=allowed("auto", "now")))


def test_without_strict_it_calls_what_fits_as_far_as_that_can_be_kept(server: Server) -> None:
    for _ in range(3):
        [(name, _arguments)] = called(
            ask(
                server,
                "no",
                tools=[tool("weather", SCHEMA)],
                tool_choice="required",
                parallel_tool_calls=False,
            )
        )
        assert name == "weather"
    unkeepable = {**EMPTY, "properties": {"a": {"not": {"type": "string"}}}}
    [call] = ask(
        server,
        "no",
        tools=[tool("now", unkeepable)],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0,
        max_tokens=2000,
    ).message.tool_calls
    assert isinstance(json.loads(call.function.arguments), dict)
    with pytest.raises(openai.BadRequestError):
        ask(server, "no", tools=[tool("now", unkeepable, strict=True)], tool_choice="required")


def test_strict_arguments_fit_where_the_model_calls_by_itself(server: Server) -> None:
    free = ask(server, "wrong", tools=[tool("weather", SCHEMA)], temperature=0).message.tool_calls
    assert json.loads(free[0].function.arguments) == {"city": 7, "days": "many"}
    for stream in (False, True):
        choice = ask(server, "wrong", stream=stream)
        assert [name for name, _ in called(choice)][:1] == ["weather"]
        assert choice.message.content.startswith("Well. ")
    assert ask(server, "no").message.content == SCRIPTS["no"]


def test_what_the_model_says_right_by_itself_stays_as_it_is(server: Server) -> None:
    simple = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
    held = ask(server, "right", tools=[tool("weather", simple, strict=True)], temperature=0)
    free = ask(server, "right", tools=[tool("weather", simple)], temperature=0)
    assert held.message.tool_calls[0].function == free.message.tool_calls[0].function
    assert held.message.content == free.message.content


def test_a_format_holds_from_the_end_of_the_thinking_on(server: Server) -> None:
    for stream in (False, True):
        choice = ask(server, "think", tools=openai.NOT_GIVEN, response_format=YES, stream=stream)
        assert choice.message.reasoning_content == THOUGHT
        assert json.loads(choice.message.content) in ("yes", "no")
    # A model whose prompt opens the thinking.
    choice = ask(server, "x", "glm", tools=openai.NOT_GIVEN, response_format=YES)
    assert choice.message.reasoning_content == THOUGHT
    assert json.loads(choice.message.content) in ("yes", "no")
    # One that does not think.
    choice = ask(server, "no", "mistral", tools=openai.NOT_GIVEN, response_format=YES)
    assert json.loads(choice.message.content) in ("yes", "no")


def test_a_tag_within_the_json_is_text(server: Server) -> None:
    const: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"const": TAGS}}}
    for stream in (False, True):
        choice = ask(server, "think", tools=openai.NOT_GIVEN, response_format=const, stream=stream)
        assert json.loads(choice.message.content) == TAGS
        assert choice.message.reasoning_content == THOUGHT
        # With tools the model could have called one; it began with JSON.
        choice = ask(server, "tags", response_format=const, stream=stream)
        assert json.loads(choice.message.content) == TAGS
        assert not choice.message.tool_calls


def test_a_call_is_required_after_the_thinking(server: Server) -> None:
    choice = ask(server, "think", tool_choice="required")
    assert choice.message.reasoning_content == THOUGHT
    assert called(choice)


def test_a_format_and_tools_give_the_one_or_the_other(server: Server) -> None:
    plain = ask(server, "no", response_format=YES)
    assert called(plain) or json.loads(plain.message.content) in ("yes", "no")
    assert called(ask(server, "call", response_format=YES))
    assert called(ask(server, "no", response_format=YES, tool_choice="required"))
    none = ask(server, "call", response_format=YES, tool_choice="none")
    assert json.loads(none.message.content) in ("yes", "no")


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": ONLY_NOW}, "tool_choice"),
        ({}, "tools[0].function.strict"),
        ({"tools": [tool("now", EMPTY)], "response_format": YES}, "response_format"),
    ],
)
def test_a_form_that_cannot_be_held_is_a_400_and_says_what_to_do(
    server: Server, more: Any, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(server, "call", "muse", **more)
    assert (refused.value.code, refused.value.param) == ("unsupported_value", param)
    assert "or ask another model" in refused.value.message


@pytest.mark.parametrize(
    ("name", "tools", "choice", "param", "says"),
    [
        ("hermes", [tool("a", {"not": {}}, strict=True)], "auto", "tools[0].function.parameters", '"not"'),
        ("hermes", [tool("a", {"type": "string"})], "required", "tools", "an object"),
        ("hermes", [tool("a", EMPTY)], ONLY_B, "tool_choice.function.name", "b"),
        ("hermes", openai.NOT_GIVEN, "required", "tool_choice", "with tools"),
        ("hermes", openai.NOT_GIVEN, allowed("auto", "a"), "tool_choice", "with tools"),
        ("hermes", [tool("a", EMPTY)], allowed("auto", "a", "b"), "tool_choice.allowed_tools.tools", "'b'"),
        ("hermes", [tool("a", EMPTY)], allowed("auto"), "tool_choice.allowed_tools.tools", "1"),
        ("hermes", [tool("a", EMPTY)], allowed("none", "a"), "tool_choice.allowed_tools.mode", "none"),
        ("hermes", [tool("a", EMPTY)], {"type": "allowed"}, "tool_choice.type", "allowed"),
        (
            "hermes",
            [tool("a", EMPTY), tool("b", EMPTY), tool("c", {"not": {}}, strict=True)],
            allowed("auto", "b", "c"),
            "tools[2].function.parameters",
            "tools[2].function.parameters",
        ),
        ("mistral", [tool("a b", EMPTY)], "required", "tools", "'a b'"),
        ("pythonic", [tool("a", {"anyOf": [EMPTY]}, strict=True)], "auto", "tools", "anyOf"),
        ("pythonic", [tool("a", {"properties": {"from": {}}})], "required", "tools", "'from'"),
        ("pythonic", [tool("a", {"properties": {"\ufb01": {}}})], "required", "tools", "\ufb01"),
        ("pythonic", [tool("a", {"properties": {}, "required": ["x"]})], "required", "tools", "x"),
        ("qwen3-coder", [tool("a", {"anyOf": [EMPTY]}, strict=True)], "auto", "tools", "anyOf"),
        ("qwen3-coder", [tool("a", of_a(EMAIL), strict=True)], "auto", "tools", "format"),
        ("qwen3-coder", [tool("a", of_a(EITHER), strict=True)], "auto", "tools", "integer or string"),
        ("minimax", [tool("a", of_a(EITHER), strict=True)], "auto", "tools", "integer or string"),
        ("gemma", [tool("a", of_a({"type": "array", "prefixItems": []}), strict=True)], "auto", "tools", "prefixItems"),
        ("function-gemma", [tool("a", SCHEMA, strict=True)], "auto", "tools", "no objects in objects"),
        ("glm", [tool("a", of_a({"$ref": "#/$defs/b"}), strict=True)], "auto", "tools", "#/$defs/b"),
    ],
)  # fmt: skip
def test_a_tool_that_cannot_be_called_so_is_a_400(
    server: Server, name: str, tools: Any, choice: Any, param: str, says: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(server, "call", name, tools=tools, tool_choice=choice)
    assert refused.value.param == param
    assert says in refused.value.message
