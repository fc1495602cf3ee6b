"""What each form makes of an answer where no server brings it about: before its first word, and in disorder."""

import json
import time
from typing import Any

import pytest

from inference.api import sse
from inference.api.form import Form
from inference.api.messages.events import MessagesForm
from inference.api.responses.events import ResponsesForm
from inference.api.responses.request import ResponsesRequest, read
from inference.call import Call, new_id
from inference.deadline import Deadline, Wish
from inference.errors import InternalError
from inference.metrics import OPERATIONS
from inference.routing import Decision, Target
from settings_app.endpoints import BY_KEY, BY_PATH
from tests.dialects.saying import PIECE, called, ended


def forms() -> list[Form]:
    decision = Decision("tiny", None, (Target("tiny"),))
    now = time.monotonic()
    call = Call(new_id(), BY_KEY["chat"], decision, Deadline(now, 60, Wish(None)), now)
    return [ResponsesForm(call, read({"model": "tiny", "input": "hi"}, ResponsesRequest)), MessagesForm(call)]


def names(stream: bytes) -> list[str]:
    found = [json.loads(line[6:]) for line in stream.decode().splitlines() if line.startswith("data: ")]
    numbers = [event["sequence_number"] for event in found if "sequence_number" in event]
    assert numbers == list(range(len(numbers)))
    return [event["type"] for event in found]


def told(form: Form, chunks: list[Any]) -> bytes:
    return b"".join(form.chunk(chunk) for chunk in chunks if chunk != "[DONE]") + form.last()


def test_what_keeps_a_stream_alive_is_followed_by_all_that_a_client_needs() -> None:
    """The official client wants `response.created` first, and once."""
    responses, messages = forms()
    said = [PIECE({"content": "a"}), *ended("stop")]
    stream = responses.alive() + responses.alive() + told(responses, said)
    assert names(stream)[:4] == [
        "response.created",
        "response.in_progress",
        "response.in_progress",
        "response.output_item.added",
    ]
    assert names(messages.alive() + told(messages, said))[:3] == ["ping", "message_start", "ping"]


def test_a_failure_before_the_first_word_is_all_that_is_told() -> None:
    responses, messages = forms()
    failed = [form.failed(InternalError("no"), {}) + form.last() for form in (responses, messages)]
    assert names(failed[0]) == ["response.created", "response.in_progress", "response.failed", "error"]
    assert names(failed[1]) == ["error"]


@pytest.mark.parametrize("chunks", [[], [PIECE({"content": "a"})]])
def test_one_that_does_not_say_how_it_ended_is_no_success(chunks: list[Any]) -> None:
    for form in forms():
        assert names(told(form, chunks))[-1] == "error"


def test_each_path_of_a_model_is_counted_under_an_operation() -> None:
    assert set(OPERATIONS) == set(BY_PATH)


def test_words_thoughts_and_words_are_parts_of_their_own() -> None:
    said = [
        PIECE({"content": "a"}),
        PIECE({"reasoning": "b"}),
        PIECE({"content": "c"}),
        *called(0, "f", "{}"),
    ]
    responses, messages = (names(told(form, [*said, *ended("tool_calls")])) for form in forms())
    assert responses.count("response.output_item.added") == responses.count("response.output_item.done") == 4
    assert messages.count("content_block_start") == messages.count("content_block_stop") == 4


def test_thinking_that_is_not_shown_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    decision = Decision("tiny", None, (Target("tiny"),))
    now = time.monotonic()
    call = Call(new_id(), BY_KEY["chat"], decision, Deadline(now, 60, Wish(None)), now)
    form = MessagesForm(call, shows_thinking=False)
    thought = PIECE({"reasoning_content": "a"})
    assert names(form.chunk(thought)) == ["message_start", "ping", "content_block_start"]
    assert form.chunk(thought) == b""
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.0)
    assert names(form.chunk(thought)) == ["ping"]
