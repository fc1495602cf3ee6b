"""Thinking: set apart, counted, cut, and switched off."""

from typing import Any

import openai

from tests.server import Server
from tests.tool_formats import THOUGHT
from tests.tools.asking import MORE_SCRIPTS, asking, whole


def test_thinking_is_set_apart_and_counted(server: Server) -> None:
    with server.openai() as client:
        asked = asking("think", tools=openai.NOT_GIVEN)
        answer = client.chat.completions.create(**asked)
        chunks = list(
            client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        )
    message: Any = answer.choices[0].message
    assert (message.reasoning_content, message.content) == (THOUGHT, "Yes.")
    deltas: list[Any] = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(getattr(d, "reasoning_content", None) or "" for d in deltas) == THOUGHT
    assert "".join(d.content or "" for d in deltas) == "Yes."
    usage = answer.usage
    assert usage and usage.completion_tokens_details and chunks[-1].usage
    assert usage.completion_tokens_details == chunks[-1].usage.completion_tokens_details
    assert 4 <= (usage.completion_tokens_details.reasoning_tokens or 0) < usage.completion_tokens


def test_log_probabilities_are_told_of_all_that_is_made(server: Server) -> None:
    asked = asking("think", logprobs=True)
    with server.openai() as client:
        once = client.chat.completions.create(**asked).choices[0]
        chunks = [chunk.choices[0] for chunk in client.chat.completions.create(**asked, stream=True)]
        stopped = client.chat.completions.create(**asked, stop=["es"]).choices[0]
    assert once.logprobs
    told = [one.token for one in once.logprobs.content or ()]
    assert "".join(told) == MORE_SCRIPTS["think"]
    assert [one.token for c in chunks if c.logprobs for one in c.logprobs.content or ()] == told
    assert stopped.logprobs and stopped.message.content == "Y"
    kept = [one.token for one in stopped.logprobs.content or ()]
    assert kept == told[: len(kept)] and "".join(kept[:-1]) in f"<think>\n{THOUGHT}</think>\n\nY"


def test_thinking_that_is_cut_is_no_answer(server: Server) -> None:
    choice = whole(server, "think for ever", max_tokens=20)
    assert choice.message.content == ""
    assert choice.message.reasoning_content.startswith("hm, and so hm, and so")
    assert choice.finish_reason == "length"


def test_thinking_can_be_switched_off(server: Server) -> None:
    off = {"chat_template_kwargs": {"enable_thinking": False}}
    assert whole(server, "think", extra_body=off).message.content == "No."
    assert whole(server, "think", reasoning_effort="none").message.content == "No."
    on = {"chat_template_kwargs": {"enable_thinking": True}}
    assert whole(server, "think", extra_body=on).message.content == "Yes."


def test_an_effort_reaches_a_template_that_knows_it(server: Server) -> None:
    assert whole(server, "effort?", reasoning_effort="high").message.content == MORE_SCRIPTS["high"]
