"""Schemas: which are refused, and why; what goes on while one is compiled."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from inference.messages import Abort, Add, ChatPrompt, JsonFormat, Sampling
from tests.runner.constrained import FIELD, GREEDY, add, ask, assert_fits
from tests.runner.process import NEVER, Runner, ready
from tests.tiny_model import make_tiny_model

SLOW = {"type": "integer", "multipleOf": 99_991}  # 140 ms to compile


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "strin"}, "Invalid type: strin"),
        ({"not": {"type": "string"}}, '"not"'),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "string", "format": "colour"}, "Unknown format: colour"),
        ({"type": "string", "pattern": "("}, "unclosed group"),
        ({"type": "string", "pattern": "(?=a)"}, "look-around"),
        ({"$ref": "#/$defs/gone"}, "/$defs/gone"),
        ({"$ref": "https://example.com/schema"}, "example.com"),
        ({"$ref": "#"}, "no text that this model can make fits it"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "minimum (5) is greater"),
        ({"enum": []}, "anyOf is empty"),
        ({"type": "object", "minProperties": 2}, "minProperties"),
        ({"multipleOf": 999_983}, "100,000 is the most"),
        ({"allOf": [{"multipleOf": 997}, {"multipleOf": 0.991}]}, "100,000 is the most"),
        ({"properties": {f"p{number}": {} for number in range(1001)}}, "1,001 properties; 1,000"),
        ({"patternProperties": {f"^{number}x": {} for number in range(51)}}, "51 patternProperties"),
        ({"enum": ["x" * 1000] * 140}, "128 KiB"),
        ({"x-guidance": {"lenient": True}, "not": {}}, '"not"'),
    ],
)
def test_a_schema_that_cannot_be_kept_is_refused_and_says_why(
    runner: Runner, schema: dict[str, Any], says: str
) -> None:
    refused = ask(runner, schema).refused
    assert (refused.code, refused.param) == ("invalid_schema", FIELD)
    assert refused.message.startswith(f"{FIELD} cannot be kept: ") and says in refused.message
    assert "\n" not in refused.message and len(refused.message) < 450


def test_as_many_properties_as_are_allowed_can_be_said(runner: Runner) -> None:
    schema = {
        "properties": {f"p{n}": {"type": "boolean"} for n in range(1000)},
        "additionalProperties": False,
    }
    answer = ask(runner, {"type": "object", **schema}, Sampling(temperature=1, seed=1, max_tokens=60))
    assert answer.done.reason in ("length", "stop") and answer.text.startswith("{")


@pytest.mark.parametrize("depth", [200, 2000])
def test_a_schema_that_is_nested_too_deeply_is_refused(runner: Runner, depth: int) -> None:
    schema = '{"items":' * depth + "{}" + "}" * depth
    messages = ChatPrompt([{"role": "user", "content": "hello"}])
    row = runner.send_row(lambda id: Add(id, NEVER, messages, GREEDY, format=JsonFormat(schema, FIELD)))
    assert runner.wait(row).refused.code == "invalid_schema"


def test_its_own_separators_are_not_taken(runner: Runner) -> None:
    schema = {"x-guidance": {"item_separator": ";"}, "enum": [[1, 2]]}
    assert json.loads(ask(runner, schema).text) == [1, 2]


def test_what_becomes_too_complex_on_the_way_ends_with_its_reason(runner: Runner) -> None:
    """Neighbours go on, and so does the next request."""
    neighbour = runner.add("tell me", Sampling(temperature=0, max_tokens=120))
    schema = {"type": "string", "pattern": "^(([a-z]{1,50}){1,50}){1,50}$"}
    answer = ask(runner, schema, Sampling(temperature=0.5, seed=1, max_tokens=400))
    assert answer.refused.code == "invalid_schema" and "too many" in answer.refused.message
    assert answer.tokens > 0
    assert runner.wait(neighbour).done.reason == "length"
    assert_fits(ask(runner, {"const": 1}), {"const": 1})


def test_rows_that_decode_go_on_while_a_schema_is_compiled(runner: Runner) -> None:
    row = runner.add("tell me", Sampling(temperature=0))
    runner.until(lambda: runner.answers[row].tokens > 3)
    told = runner.answers[row].tokens
    compiling = [add(runner, {**SLOW, "minimum": number}) for number in range(4)]
    runner.until(lambda: runner.answers[row].tokens > told + 20)
    assert not runner.answers[compiling[-1]].prefills
    for waiting in [row, *compiling]:
        runner.send(Abort(waiting))
        assert runner.wait(waiting).done.reason == "aborted"


def test_a_deadline_holds_while_a_schema_is_compiled(runner: Runner) -> None:
    until = time.monotonic() + 0.05
    rows = [add(runner, {**SLOW, "minimum": number}, deadline=until) for number in range(4)]
    assert runner.wait(rows[-1]).done.reason == "deadline"
    assert runner.wait(rows[-1]).done.completion_tokens == 0
    for row in rows:
        runner.wait(row)
    assert time.monotonic() < until + 2


def test_a_refused_row_is_told_of_as_gone(runner: Runner) -> None:
    runner.stats.clear()
    ask(runner, {"type": "strin"})
    runner.until(lambda: runner.stats and runner.stats[-1].queued == 0)


def test_a_tokenizer_that_cannot_constrain_is_told_of(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "bytes")
    (folder / "tokenizer.json").unlink()
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config |= {"tokenizer_class": "ByT5Tokenizer", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    with ready(folder) as runner:
        refused = ask(runner, {"const": 1}).refused
        assert (refused.code, refused.param) == ("format_not_supported", FIELD)
        assert runner.process.poll() is None
