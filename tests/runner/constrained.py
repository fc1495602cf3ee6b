"""Rows whose answer has to fit a schema."""

import json
from typing import Any

import jsonschema_rs

from inference.messages import Add, ChatPrompt, JsonFormat, Sampling
from tests.runner.process import NEVER, Answer, Runner

FIELD = "response_format.json_schema.schema"
GREEDY = Sampling(temperature=0, max_tokens=3000)


def add(
    runner: Runner, schema: Any, sampling: Sampling = GREEDY, prompt: str = "hello", deadline: float = NEVER
) -> str:
    format = JsonFormat(json.dumps(schema), FIELD)
    messages = ChatPrompt([{"role": "user", "content": prompt}])
    return runner.send_row(lambda id: Add(id, deadline, messages, sampling, format=format))


def ask(runner: Runner, schema: Any, sampling: Sampling = GREEDY, **more: Any) -> Answer:
    return runner.wait(add(runner, schema, sampling, **more))


def assert_fits(answer: Answer, schema: Any) -> None:
    assert answer.done.reason == "stop", answer
    jsonschema_rs.validator_for(schema).validate(json.loads(answer.text))
