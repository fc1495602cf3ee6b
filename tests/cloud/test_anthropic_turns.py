"""A conversation as a provider that speaks Anthropic's protocol is sent it, of a chat."""

from tests.cloud.asking import ANTHROPIC
from tests.cloud.chatting import USER, chat, sent
from tests.provider import Provider
from tests.server import Server
from tests.v1.asking import ask

pytestmark = ANTHROPIC


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
