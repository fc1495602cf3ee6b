"""What a request to /v1/messages is for a model that is asked in a chat's words."""

from typing import Any

import pytest

from tests.dialects.asking import HELLO, MESSAGES, USER, WEATHER, answered
from tests.dialects.saying import tell, turn
from tests.provider import Provider
from tests.server import Server
from tests.v1.asking import ask


def test_what_was_answered_can_be_sent_back_as_it_is(server: Server, afar: Provider) -> None:
    tell(afar, streamed=False)
    first = answered(server, tools=[WEATHER])
    afar.forget()
    results = [
        {"type": "text", "text": "And now?"},
        {"type": "tool_result", "tool_use_id": "call_0", "content": "Rain."},
        {
            "type": "tool_result",
            "tool_use_id": "call_1",
            "content": [{"type": "text", "text": "x"}],
            "is_error": True,
        },
    ]
    turns = [USER, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    answered(server, messages=turns, tools=[WEATHER])
    assert afar.asked[-1]["messages"] == [
        USER,
        turn('{"place":"Oslo"}'),
        {"role": "tool", "tool_call_id": "call_0", "content": "Rain."},
        {"role": "tool", "tool_call_id": "call_1", "content": "Error: x"},
        {"role": "user", "content": "And now?"},
    ]


def test_each_field_reaches_the_chat_under_its_name_there(server: Server, afar: Provider) -> None:
    schema = {"type": "object", "properties": {}}
    answered(
        server,
        system=[
            {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "Be short."},
        ],
        tools=[WEATHER],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        max_tokens=50,
        temperature=0.5,
        top_p=0.9,
        stop_sequences=["END"],
        output_config={"format": {"type": "json_schema", "schema": schema}, "effort": "low"},
        metadata={"user_id": "me"},
        top_k=7,
        timeout=30,
    )
    sent = {name: value for name, value in afar.asked[-1].items() if name not in ("path", "authorization")}
    function = {
        "name": "weather",
        "description": WEATHER["description"],
        "parameters": WEATHER["input_schema"],
    }
    assert sent == {
        "model": "large",
        "messages": [{"role": "system", "content": "Be kind.\n\nBe short."}, USER],
        "max_completion_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 7,
        "stop": ["END"],
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": True},
        },
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "user": "me",
    }
    answered(server, tools=[WEATHER], tool_choice={"type": "tool", "name": "weather"})
    assert afar.asked[-1]["tool_choice"] == {"type": "function", "function": {"name": "weather"}}


def test_a_model_here_and_others_are_told_of_no_marks(server: Server, afar: Provider) -> None:
    mark: Any = {"type": "ephemeral"}
    tool = {**WEATHER, "cache_control": mark}
    answered(server, tools=[tool], cache_control=mark, service_tier="standard_only")
    assert "cache_control" not in str(afar.asked[-1]) and "service_tier" not in afar.asked[-1]
    assert ask(server, MESSAGES, **HELLO, cache_control=mark, service_tier="auto").status_code == 200


def test_what_a_user_says_in_turns_in_a_row_is_one(server: Server, afar: Provider) -> None:
    turns: list[Any] = [
        {"role": "user", "content": "One."},
        {"role": "user", "content": [{"type": "text", "text": "Two."}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "Three."}]},
        {"role": "user", "content": "Four."},
    ]
    answered(server, messages=turns, tools=[WEATHER])
    told = afar.asked[-1]["messages"]
    assert [(message["role"], message["content"]) for message in told] == [
        ("user", "One.\n\nTwo."),
        ("assistant", None),
        ("tool", "Three."),
        ("user", "Four."),
    ]


def test_what_the_system_says_between_turns_is_a_paragraph_of_the_users(
    server: Server, afar: Provider
) -> None:
    tell(afar, streamed=False)
    said = [
        USER,
        {"role": "system", "content": "It is late."},
        {"role": "assistant", "content": "Well."},
        {"role": "system", "content": [{"type": "text", "text": "Be short."}]},
    ]
    answered(server, system="Be kind.", messages=said)
    assert afar.asked[-1]["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "hello\n\nIt is late."},
        {"role": "assistant", "content": "Well."},
        {"role": "user", "content": "Be short."},
    ]


CLAUDE_CODE: dict[str, Any] = {
    **HELLO,
    "system": [{"type": "text", "text": "You write code.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}],
        },
        {"role": "system", "content": "It is late."},
    ],
    "metadata": {"user_id": "{}"},
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "high"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
}


def test_claude_code_is_answered_by_a_model_of_this_machine(server: Server) -> None:
    answer = ask(server, f"{MESSAGES}?beta=true", **CLAUDE_CODE)
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["output_tokens"] == HELLO["max_tokens"]


@pytest.mark.parametrize(
    "edit",
    [{"type": "clear_tool_uses_20250919"}, {"type": "clear_thinking_20251015", "keep": {"type": "all"}}],
)
def test_an_edit_that_would_change_the_conversation_is_refused(server: Server, edit: dict[str, Any]) -> None:
    answer = ask(server, MESSAGES, **{**CLAUDE_CODE, "context_management": {"edits": [edit]}})
    assert answer.status_code == 400
    assert "context_management.edits[0]" in answer.json()["error"]["message"]
