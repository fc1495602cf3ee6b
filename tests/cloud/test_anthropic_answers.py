"""What a provider that speaks Anthropic's protocol answers, as a chat: read by OpenAI's own client."""

import json
from typing import Any

import openai
import pytest

from tests import blocks
from tests.blocks import MESSAGE, REDACTED, text, thinking, use
from tests.cloud.asking import ANTHROPIC
from tests.cloud.chatting import USER, WEATHER, chat, sent
from tests.protocols import WORDS
from tests.provider import KEY, Provider
from tests.server import Server
from tests.v1.asking import ask

pytestmark = ANTHROPIC

NEW = {"type": "from_the_future", "data": [1], "text": 7}
SAID = [
    thinking("Bern is in"),
    REDACTED,
    text("Let me look."),
    use("toolu_1", place="Bern"),
    use("toolu_2", "now"),
    NEW,
]


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


def test_a_whole_answer_with_tools_and_thinking(server: Server, afar: Provider) -> None:
    afar.body = blocks.message(SAID, "tool_use")
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
    said = blocks.events(SAID, "tool_use")
    new = {"type": "content_block_delta", "index": 5, "delta": {"type": "from_the_future_delta", "text": 1}}
    afar.events = [*said[:-3], new, {"type": "from_the_future", "index": "x", "delta": 7}, *said[-3:]]
    asked: Any = {"model": "gpt-9", "messages": [USER], "tools": [WEATHER]}
    asked["stream_options"] = {"include_usage": True}
    with server.openai() as client, client.chat.completions.stream(**asked) as stream:
        answer: Any = stream.get_final_completion()
    (choice,) = answer.choices
    said_of_it = (choice.finish_reason, choice.message.content, choice.message.reasoning_content)
    assert said_of_it == ("tool_calls", "Let me look.", "Bern is in")
    calls = choice.message.tool_calls or []
    assert [(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("toolu_1", "weather", {"place": "Bern"}),
        ("toolu_2", "now", {}),
    ]
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
    afar.events = blocks.events([text("x")], stop_reason)
    if not stream:
        afar.body = blocks.message([text("x")], stop_reason)
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
