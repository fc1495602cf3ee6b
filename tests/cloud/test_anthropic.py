"""Chats with a provider that speaks Anthropic's protocol, as OpenAI's own client has them."""

import json
from typing import Any

import openai
import pytest

from tests.protocols import WORDS
from tests.provider import KEY, Provider
from tests.server import Server
from tests.tool_formats import allowed
from tests.v1.asking import ask

pytestmark = pytest.mark.parametrize("planted_afar", ["anthropic"], indirect=True)

USER = {"role": "user", "content": "hi"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
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
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "large", "stop_sequence": None}


def chat(server: Server, **more: Any) -> Any:
    """The answer, or the chunks of one that is streamed."""
    with server.openai(max_retries=0) as client:
        answer: Any = client.chat.completions.create(**{"model": "gpt-9", "messages": [USER], **more})
        return list(answer) if more.get("stream") else answer


def sent(afar: Provider) -> dict[str, Any]:
    """What the last request was translated into."""
    return afar.asked[-1]


def test_a_chat_is_answered(server: Server, afar: Provider) -> None:
    answer = chat(server)
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("".join(WORDS), "stop")
    assert (choice.message.role, answer.model, answer.object) == ("assistant", "large", "chat.completion")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (
        7,
        3,
        10,
    )
    assert sent(afar) == {
        "model": "large",
        "max_tokens": 8192,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "path": "/v1/messages",
        "x-api-key": KEY,
        "anthropic-version": "2023-06-01",
    }


def test_a_chat_is_streamed(server: Server, afar: Provider) -> None:
    chunks = chat(server, stream=True, stream_options={"include_usage": True})
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "".join(WORDS)
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert {(chunk.id, chunk.model, chunk.object) for chunk in chunks} == {
        ("msg_afar", "large", "chat.completion.chunk")
    }
    last = chunks[-1].usage
    assert (last.prompt_tokens, last.completion_tokens, last.prompt_tokens_details.cached_tokens) == (
        9,
        30,
        2,
    )
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert sent(afar)["stream"] is True


def test_usage_is_streamed_to_those_who_ask(server: Server, afar: Provider) -> None:
    answer = ask(server, model="gpt-9", messages=[USER], stream=True)
    assert "usage" not in answer.text


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


def test_turns_are_translated(server: Server, afar: Provider) -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"place": "Bern"}'},
    }
    bare = {"id": "call_2", "type": "function", "function": {"name": "now", "arguments": ""}}
    cached = {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}
    chat(
        server,
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [cached]},
            USER,
            {"role": "user", "content": [{"type": "text", "text": "there"}]},
            {"role": "assistant", "content": "", "tool_calls": [call, bare], "reasoning_content": "hm"},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            {"role": "tool", "tool_call_id": "call_2", "content": ""},
            {"role": "user", "content": "and?"},
            {"role": "assistant", "content": None, "refusal": "No."},
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Why?"},
        ],
    )
    said = sent(afar)
    assert said["system"] == [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Be kind."},
    ]
    assert said["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "there"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"place": "Bern"}},
                {"type": "tool_use", "id": "call_2", "name": "now", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_1",
                    "content": [{"type": "text", "text": "sunny"}],
                },
                {"type": "tool_result", "tool_use_id": "call_2"},
                {"type": "text", "text": "and?"},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "No."}]},
        {"role": "user", "content": [{"type": "text", "text": "Why?"}]},
    ]


def test_arguments_that_are_no_object_are_refused(server: Server, afar: Provider) -> None:
    for arguments in ("[1]", "{", '"x"'):
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
        answer = ask(server, model="gpt-9", messages=[USER, {"role": "assistant", "tool_calls": [call]}])
        assert answer.json()["error"]["param"] == "messages[1].tool_calls[0].function.arguments"


BLOCKS: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Bern is in", "signature": "x"},
    {"type": "redacted_thinking", "data": "x"},
    {"type": "text", "text": "Let me look."},
    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Bern"}},
    {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    {"type": "from_the_future", "data": [1]},
]
USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 5,
    "cache_read_input_tokens": 20,
    "output_tokens": 8,
    "service_tier": "standard",
}


def test_a_whole_answer_with_tools_and_thinking(server: Server, afar: Provider) -> None:
    whole = {**MESSAGE, "content": BLOCKS, "stop_reason": "tool_use", "usage": USAGE}
    afar.body = [json.dumps(whole).encode()]
    answer = chat(server, tools=[WEATHER])
    (choice,) = answer.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", "Let me look.")
    assert choice.message.reasoning_content == "Bern is in"
    calls = [
        (call.id, call.type, call.function.name, call.function.arguments)
        for call in choice.message.tool_calls
    ]
    assert calls == [
        ("toolu_1", "function", "weather", '{"place":"Bern"}'),
        ("toolu_2", "function", "now", "{}"),
    ]
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (35, 8, 43)
    assert usage.prompt_tokens_details.cached_tokens == 20
    assert usage.prompt_tokens_details.cache_creation_tokens == 5


def test_a_streamed_answer_with_tools_and_thinking(server: Server, afar: Provider) -> None:
    """Through the official client's own accumulator, which parses the arguments."""
    afar.events = [
        {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None, "usage": USAGE}},
        *_block(
            0,
            BLOCKS[0] | {"thinking": ""},
            *({"type": "thinking_delta", "thinking": t} for t in ("Bern ", "is")),
        ),
        *_block(1, BLOCKS[1]),
        {"type": "ping"},
        *_block(
            2,
            {"type": "text", "text": ""},
            *({"type": "text_delta", "text": t} for t in ("Let me", " look.")),
        ),
        *_block(
            3,
            BLOCKS[3] | {"input": {}},
            *({"type": "input_json_delta", "partial_json": j} for j in ("", '{"pl', 'ace": "Bern"}')),
        ),
        *_block(4, BLOCKS[4], {"type": "input_json_delta", "partial_json": ""}),
        *_block(5, BLOCKS[5], {"type": "from_the_future_delta", "x": 1}),
        {"type": "from_the_future", "index": "x", "delta": 7},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 44}},
        {"type": "message_stop"},
    ]
    asked: Any = {
        "model": "gpt-9",
        "messages": [USER],
        "tools": [WEATHER],
        "stream_options": {"include_usage": True},
    }
    thoughts = ""
    with server.openai() as client, client.chat.completions.stream(**asked) as stream:
        for event in stream:
            if event.type == "chunk" and event.chunk.choices:
                thoughts += getattr(event.chunk.choices[0].delta, "reasoning_content", None) or ""
        answer = stream.get_final_completion()
    (choice,) = answer.choices
    assert (choice.finish_reason, choice.message.content, thoughts) == (
        "tool_calls",
        "Let me look.",
        "Bern is",
    )
    calls = choice.message.tool_calls or []
    assert [(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("toolu_1", "weather", {"place": "Bern"}),
        ("toolu_2", "now", {}),
    ]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (35, 44)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "length"),
        ("refusal", "content_filter"),
        ("from_the_future", "stop"),
    ],
)
def test_a_stop_reason_is_a_finish_reason(
    server: Server, afar: Provider, stop_reason: str, finish_reason: str, stream: bool
) -> None:
    start: dict[str, Any] = {**MESSAGE, "content": [], "stop_reason": None}
    afar.events = [
        {"type": "message_start", "message": start},
        *_block(0, {"type": "text", "text": "x"}),
        {"type": "message_delta", "delta": {"stop_reason": stop_reason}},
        {"type": "message_stop"},
    ]
    if not stream:
        whole = {**start, "content": [{"type": "text", "text": "x"}], "stop_reason": stop_reason}
        afar.body = [json.dumps(whole).encode()]
    answer = ask(server, model="gpt-9", messages=[USER], stream=stream)
    assert f'"finish_reason":"{finish_reason}"' in answer.text
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["finish_reason"]) == ("ok", finish_reason)


def test_a_whole_answer_without_a_stop_reason_is_none(server: Server, afar: Provider) -> None:
    whole = {**MESSAGE, "content": [{"type": "text", "text": "x"}], "stop_reason": None}
    afar.body = [json.dumps(whole).encode()]
    assert ask(server, model="gpt-9", messages=[USER]).status_code == 502


def test_its_refusals_keep_their_words(server: Server, afar: Provider) -> None:
    said = {"type": "invalid_request_error", "message": "max_tokens: 9 > 8"}
    afar.status = 400
    afar.body = [json.dumps({"type": "error", "error": said, "request_id": "req_1"}).encode()]
    with pytest.raises(openai.BadRequestError) as raised:
        chat(server)
    assert "Provider Afar answered with 400: max_tokens: 9 > 8" in raised.value.message


def _block(index: int, block: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


@pytest.mark.parametrize(("mode", "choice"), [("auto", "auto"), ("required", "any")])
def test_of_all_tools_those_are_sent_that_are_allowed(
    server: Server, afar: Provider, mode: str, choice: str
) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a", "b", "c")]
    chat(server, tools=tools, tool_choice=allowed(mode, "c", "a"))
    assert [tool["name"] for tool in sent(afar)["tools"]] == ["a", "c"]
    assert sent(afar)["tool_choice"] == {"type": choice}
