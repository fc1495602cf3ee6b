"""Where words matter: a real model says over HTTP what mlx_lm makes of it, alone and in a batch of eight."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import anthropic
import openai
import pydantic
import pytest

from inference import builtin
from tests.server import PROJECT, Server, serving

pytestmark = pytest.mark.real_model

MAX_TOKENS = 12
QUESTIONS = [
    "What is the capital of France?",
    "Name three colours.",
    "How many legs does a spider have?",
    "Write one sentence about the sea.",
    "What is water made of?",
    "Say hello in Spanish.",
    "Why is the sky blue?",
    "Who wrote Hamlet?",
]


class Capital(pydantic.BaseModel):
    city: str


@pytest.fixture(scope="module")
def model(builtin_home: Path) -> Path:
    return builtin_home / "models" / builtin.CHAT.name


@pytest.fixture(scope="module")
def expected(model: Path) -> list[str]:
    command = [sys.executable, "-m", "tests.v1.mlx_lm_says", str(model), str(MAX_TOKENS)]
    done = subprocess.run(
        command, cwd=PROJECT, input=json.dumps(QUESTIONS), capture_output=True, text=True, check=True
    )
    answers: list[str] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="module")
def real(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("home")) as server:
        server.manage("add_model", "real", str(model))
        yield server


def said(client: openai.OpenAI, question: str, **more: Any) -> Any:
    message: Any = [{"role": "user", "content": question}]
    return client.chat.completions.create(
        model="real", messages=message, temperature=0, max_tokens=MAX_TOKENS, **more
    ).choices[0]


def test_alone_it_says_what_mlx_lm_says(real: Server, expected: list[str]) -> None:
    with real.openai() as client:
        choices = [said(client, question, logprobs=True) for question in QUESTIONS[:3]]
    assert [choice.message.content for choice in choices] == expected[:3]
    for choice in choices:
        content = choice.logprobs.content
        assert b"".join(bytes(one.bytes) for one in content).decode() == choice.message.content
        assert "".join(one.token for one in content) == choice.message.content


def test_in_a_batch_of_eight_it_says_the_same(real: Server, expected: list[str]) -> None:
    with real.openai() as client, ThreadPoolExecutor(len(QUESTIONS)) as threads:
        choices = list(threads.map(lambda question: said(client, question), QUESTIONS))
    assert [choice.message.content for choice in choices] == expected
    assert "Paris" in expected[0]


def test_asked_in_the_words_of_other_apis_it_says_the_same(real: Server, expected: list[str]) -> None:
    user: Any = {"role": "user", "content": QUESTIONS[0]}
    with real.openai() as client, anthropic.Anthropic(base_url=real.url, api_key="x") as claude:
        asked: Any = {
            "model": "real",
            "input": QUESTIONS[0],
            "temperature": 0,
            "max_output_tokens": MAX_TOKENS,
        }
        with client.responses.stream(**asked) as stream:
            assert stream.get_final_response().output_text == expected[0]
        message = claude.messages.create(
            model="real", max_tokens=MAX_TOKENS, messages=[user], extra_body={"temperature": 0}
        )
        assert (message.content[0].text, message.stop_reason) == (expected[0], "end_turn")  # type: ignore[union-attr]
        asked = {**asked, "input": "Name the capital of France, in JSON.", "max_output_tokens": 60}
        parsed = client.responses.parse(**asked, text_format=Capital).output_parsed
    assert parsed is not None and "Paris" in parsed.city


class Country(pydantic.BaseModel):
    name: str
    capital: str
    continent: Literal["Africa", "America", "Asia", "Europe", "Oceania"]


def test_it_fills_a_class_beside_one_that_says_what_it_says_alone(real: Server, expected: list[str]) -> None:
    asked: Any = [{"role": "user", "content": "Tell me of France, in JSON: name, capital, continent."}]
    with real.openai() as client, ThreadPoolExecutor(1) as thread:
        beside = thread.submit(said, client, QUESTIONS[0])
        answer = client.chat.completions.parse(
            model="real", messages=asked, temperature=0, max_tokens=60, response_format=Country
        )
        assert beside.result().message.content == expected[0]
    parsed = answer.choices[0].message.parsed
    assert parsed is not None and (parsed.capital, parsed.continent) == ("Paris", "Europe")
