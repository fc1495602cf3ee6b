"""POST /v1/completions as the official client meets it."""

import json
from typing import Any

import openai
import pytest

from tests.server import Server
from tests.tiny_model import BEYOND_CONTEXT
from tests.v1.asking import ask

PATH = "/v1/completions"
ASKED: dict[str, Any] = {"model": "tiny", "temperature": 0, "max_tokens": 12}


def test_a_text_is_completed(server: Server) -> None:
    with server.openai() as client:
        answer = client.completions.create(**ASKED, prompt="hello")
    assert (answer.object, answer.id[:5]) == ("text_completion", "cmpl-")
    assert answer.choices[0].text
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage and answer.usage.completion_tokens == 12


def test_a_list_of_texts_has_a_choice_each_in_order(server: Server) -> None:
    prompts = ["hello", "good morning", "one two three"]
    with server.openai() as client:
        together = client.completions.create(**ASKED, prompt=prompts)
        alone = [client.completions.create(**ASKED, prompt=prompt) for prompt in prompts]
    assert [choice.index for choice in together.choices] == [0, 1, 2]
    assert [choice.text for choice in together.choices] == [answer.choices[0].text for answer in alone]
    assert together.usage and together.usage.completion_tokens == 36


def test_a_stream_says_the_same_and_names_its_choices(server: Server) -> None:
    prompts = ["hello", "good morning"]
    with server.openai() as client:
        whole = client.completions.create(**ASKED, prompt=prompts)
        texts = ["", ""]
        reasons: list[Any] = [None, None]
        usage = None
        for chunk in client.completions.create(
            **ASKED, prompt=prompts, stream=True, stream_options={"include_usage": True}
        ):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                texts[choice.index] += choice.text
                reasons[choice.index] = choice.finish_reason or reasons[choice.index]
    assert texts == [choice.text for choice in whole.choices]
    assert reasons == ["length", "length"]
    assert usage == whole.usage


def test_tokens_are_taken_as_they_stand_and_echoed_as_text(server: Server) -> None:
    with server.openai() as client:
        echoed = client.completions.create(**ASKED, prompt="hello there", echo=True).choices[0].text
        plain = client.completions.create(**ASKED, prompt="hello there").choices[0].text
        tokens = client.completions.create(**ASKED, prompt=[5, 6, 7])
        listed = client.completions.create(**ASKED, prompt=[[5, 6, 7], [8, 9]])
    assert echoed == "hello there" + plain
    assert tokens.usage and tokens.usage.prompt_tokens == 3
    assert listed.choices[0].text == tokens.choices[0].text
    assert len(listed.choices) == 2


def test_stop_ends_it(server: Server) -> None:
    with server.openai() as client:
        text = client.completions.create(**ASKED, prompt="hello").choices[0].text
        choice = client.completions.create(**ASKED, prompt="hello", stop=text[4:7]).choices[0]
    assert (choice.text, choice.finish_reason) == (text[: text.index(text[4:7])], "stop")


def test_sixteen_tokens_unless_said(server: Server) -> None:
    with server.openai() as client:
        answer = client.completions.create(model="tiny", prompt="hello", temperature=0)
    assert answer.usage and answer.usage.completion_tokens == 16


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"suffix": "end"}, "suffix"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": [True]}, "prompt[0]"),
        ({"prompt": [1, "a"]}, "prompt[0]"),
        ({"prompt": ["a", ""]}, "prompt[1]"),
        ({"prompt": [2000]}, "prompt"),
        ({"prompt": BEYOND_CONTEXT}, "prompt"),
        ({"best_of": 2}, "best_of"),
        ({"logprobs": 6}, "logprobs"),
        ({"echo": "yes"}, "echo"),
        ({"frequency_penalty": 2.1}, "frequency_penalty"),
        ({"prompt": ["a"] * 129}, "prompt"),
    ],
)
def test_a_wrong_body_is_a_400_that_names_the_field(
    server: Server, change: dict[str, Any], param: str
) -> None:
    answer = ask(server, PATH, **{**ASKED, "prompt": "hello", **change})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert server.logged(answer.headers["x-request-id"])["status"] == "rejected"


@pytest.mark.parametrize("stream", [False, True])
def test_its_deadline_is_its_own(server: Server, stream: bool) -> None:
    server.set_timeouts(completions_seconds=0.6)
    body = {**ASKED, "prompt": ["tell me", "everything"], "max_tokens": 30_000, "stream": stream}
    answer = ask(server, PATH, **body)
    row = server.logged(answer.headers["x-request-id"])
    assert answer.headers["x-mlx-deadline-seconds"] == "0.6"
    assert (row["status"], row["phase"], row["endpoint"]) == ("timeout", "decode", PATH)
    assert row["completion_tokens"] > 2
    assert row["stop_latency_ms"] is not None
    if stream:
        *_, error, done = [line for line in answer.text.splitlines() if line]
        assert json.loads(error.removeprefix("data: "))["error"]["code"] == "deadline_exceeded"
        assert done == "data: [DONE]"
    else:
        assert answer.json()["error"]["code"] == "deadline_exceeded"


def test_an_embedding_model_is_refused_and_the_reverse(server: Server) -> None:
    with server.openai() as client, pytest.raises(openai.BadRequestError) as refused:
        client.embeddings.create(model="tiny", input="hello")
    assert refused.value.code == "model_does_not_embed"
