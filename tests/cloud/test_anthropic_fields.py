"""The fields of a chat, as a provider that speaks Anthropic's protocol is sent them."""

from typing import Any

import openai
import pytest

from tests.cloud.asking import ANTHROPIC
from tests.cloud.chatting import USER, WEATHER, chat, sent
from tests.provider import Provider
from tests.server import Server
from tests.tool_formats import allowed
from tests.v1.asking import ask

pytestmark = ANTHROPIC

NEUTRAL: dict[str, Any] = {  # what asks for nothing
    "n": 1,
    "seed": None,
    "logprobs": False,
    "logit_bias": {},
    "frequency_penalty": 0,
    "presence_penalty": 0.0,
    "response_format": {"type": "text"},
    "modalities": ["text"],
    "reasoning_effort": "none",
    "store": False,
    "metadata": {"a": "b"},
    "service_tier": "default",
    "verbosity": "medium",
    "prompt_cache_key": "ses_7f31",
    "prompt_cache_retention": "24h",
    "safety_identifier": "user-1",
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
}


@pytest.mark.parametrize(
    ("asked", "translated"),
    [
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"max_tokens": 6}),
        ({"temperature": 0.3, "top_p": 0.5}, {"temperature": 0.3, "top_p": 0.5}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["a", "", "b"]}, {"stop_sequences": ["a", "b"]}),
        ({"user": "ada"}, {"metadata": {"user_id": "ada"}}),
        ({"top_k": 5, "thinking": {"type": "enabled"}}, {"top_k": 5, "thinking": {"type": "enabled"}}),
        (
            {"tools": [WEATHER]},
            {
                "tools": [
                    {
                        "name": "weather",
                        "description": "The weather in a place.",
                        "input_schema": WEATHER["function"]["parameters"],  # type: ignore[index]
                    }
                ]
            },
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "now", "strict": True}}]},
            {
                "tools": [
                    {"name": "now", "input_schema": {"type": "object", "properties": {}}, "strict": True}
                ]
            },
        ),
        ({"tools": [WEATHER], "tool_choice": "auto"}, {"tool_choice": {"type": "auto"}}),
        ({"tools": [WEATHER], "tool_choice": "none"}, {"tool_choice": {"type": "none"}}),
        ({"tools": [WEATHER], "tool_choice": "required"}, {"tool_choice": {"type": "any"}}),
        (
            {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
            {"tool_choice": {"type": "tool", "name": "weather"}},
        ),
        (
            {"tools": [WEATHER], "parallel_tool_calls": False},
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        ),
        (
            {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False},
            {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
        ),
        (NEUTRAL, {}),
    ],
)
def test_a_field_is_translated(
    server: Server, afar: Provider, asked: dict[str, Any], translated: dict[str, Any]
) -> None:
    assert ask(server, model="gpt-9", messages=[USER], **asked).status_code == 200
    known = ("model", "path", "x-api-key", "anthropic-version", "messages")
    got = {name: value for name, value in sent(afar).items() if name not in known}
    if "tool_choice" in translated:
        del got["tools"]
    assert got == {"max_tokens": 8192, **translated}


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"seed": 1}, "seed"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.type",
        ),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "x", "format": "mp3"}}, "audio"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"temperature": 1.5}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"functions": []}, "functions"),
        ({"wished": 1}, "wished"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "s"}]}, "messages"),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{**USER, "name": "ada"}]}, "messages[0].name"),
        ({"messages": [USER, {"role": "tool", "content": "x"}]}, "messages[1].tool_call_id"),
        (
            {"messages": [{**USER, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": ""}}]}]},
            "messages[0].tool_calls",
        ),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tools": [WEATHER], "tool_choice": allowed("auto", "x")}, "tool_choice.allowed_tools.tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
def test_what_cannot_be_translated_is_refused_by_name(
    server: Server, afar: Provider, asked: dict[str, Any], param: str
) -> None:
    answer = ask(server, **{"model": "gpt-9", "messages": [USER], **asked})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert error["message"]
    assert afar.asked == []


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "x"}},
    ],
)
def test_what_is_no_text_is_refused_with_the_message_named(
    server: Server, afar: Provider, part: dict[str, Any]
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        chat(server, messages=[USER, {"role": "user", "content": [{"type": "text", "text": "see"}, part]}])
    assert raised.value.param == "messages[1].content[1]"
    assert part["type"] in raised.value.message
    assert afar.asked == []


@pytest.mark.parametrize(
    ("path", "body"), [("completions", {"prompt": "hi"}), ("embeddings", {"input": "hi"})]
)
def test_other_endpoints_are_refused(server: Server, afar: Provider, path: str, body: dict[str, Any]) -> None:
    answer = ask(server, f"/v1/{path}", model="gpt-9", **body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_endpoint", "model")
    assert f"/v1/{path}" in error["message"]
    assert afar.asked == []
    assert server.logged(answer.headers["x-request-id"])["status"] == "rejected"


@pytest.mark.parametrize(("mode", "choice"), [("auto", "auto"), ("required", "any")])
def test_of_all_tools_those_are_sent_that_are_allowed(
    server: Server, afar: Provider, mode: str, choice: str
) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a", "b", "c")]
    chat(server, tools=tools, tool_choice=allowed(mode, "c", "a"))
    assert [tool["name"] for tool in sent(afar)["tools"]] == ["a", "c"]
    assert sent(afar)["tool_choice"] == {"type": choice}
