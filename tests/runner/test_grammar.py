"""Constrained rows: what comes out fits the schema, wherever it is decoded and whoever is beside it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from inference.messages import Sampling
from tests.runner.constrained import GREEDY, add, ask, assert_fits
from tests.runner.process import Runner, ready
from tests.tiny_model import VOCABULARY, make_tiny_model

HOT = Sampling(temperature=1, max_tokens=3000)
SPACE_TOKEN = 222
LONG_TEXT = 'straße "x" \\ \n 日本語 😀 <|im_end|> ' * 6
TREE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 3, "maxLength": 9},
        "left": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        "grid": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "array", "items": {"enum": [1, "ü", None, 2.5]}, "maxItems": 3},
        },
    },
    "required": ["name", "grid"],
    "additionalProperties": False,
}


def small_schemas() -> st.SearchStrategy[dict[str, Any]]:
    """Schemas that only texts of bounded length fit: a random model finds no end by itself."""
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    values = st.one_of(st.none(), st.booleans(), st.integers(-(10**6), 10**6), texts)
    leaves = st.one_of(
        st.builds(lambda value: {"const": value}, values),
        st.builds(lambda found: {"enum": found}, st.lists(values, min_size=1, max_size=4)),
        st.sampled_from([{"type": "boolean"}, {"type": "null"}]),
        st.builds(
            lambda low, more: {"type": "integer", "minimum": low, "maximum": low + more},
            st.integers(-500, 500),
            st.integers(0, 900),
        ),
        st.builds(
            lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
            st.integers(0, 5),
            st.integers(0, 9),
        ),
        st.sampled_from([{"type": "string", "pattern": "^[a-f]{2,4}-\\d+$", "maxLength": 9}]),
    )
    return st.recursive(leaves, containers, max_leaves=8)


def containers(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)
    return st.one_of(
        st.builds(lambda found: {"anyOf": found}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda item, least: {"type": "array", "items": item, "minItems": least, "maxItems": least + 2},
            inner,
            st.integers(0, 2),
        ),
        st.builds(
            lambda found, needed: {
                "type": "object",
                "properties": found,
                "required": [name for name, is_needed in zip(found, needed, strict=False) if is_needed],
                "additionalProperties": False,
            },
            st.dictionaries(names, inner, max_size=3),
            st.lists(st.booleans(), min_size=3, max_size=3),
        ),
    )


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(small_schemas())
def test_whatever_the_schema_what_comes_out_fits(runner: Runner, schema: dict[str, Any]) -> None:
    rows = [add(runner, schema, GREEDY), add(runner, schema, HOT), add(runner, schema, HOT)]
    for row in rows:
        assert_fits(runner.wait(row), schema)


@pytest.mark.parametrize("sampling", [GREEDY, HOT])
@pytest.mark.parametrize("which", ["runner", "serial"])
def test_not_a_token_is_skipped(
    which: str, sampling: Sampling, request: pytest.FixtureRequest, runner: Runner
) -> None:
    """Each token is decoded one step ahead of the one that is told; a grammar that is late or early would show."""
    runner = request.getfixturevalue(which)
    answer = ask(runner, {"const": LONG_TEXT}, sampling)
    assert json.loads(answer.text) == LONG_TEXT and answer.done.reason == "stop"
    assert answer.tokens == answer.done.completion_tokens
    for _ in range(3):
        assert_fits(ask(runner, TREE, sampling), TREE)


def test_the_same_schema_says_the_same_alone_and_in_company(runner: Runner) -> None:
    seeded = Sampling(temperature=1, seed=4, max_tokens=3000)
    alone = ask(runner, TREE, seeded).text
    plain_alone = runner.ask("tell me", Sampling(temperature=0, max_tokens=120)).text
    plain = runner.add("tell me", Sampling(temperature=0, max_tokens=120))
    rows = []
    for number in range(12):  # they come one by one while others leave
        rows.append(add(runner, {"const": "x" * number}, prompt=f"{number} " * number))
        rows.append(add(runner, TREE, seeded))
        runner.receive()
    assert runner.wait(plain).text == plain_alone
    assert {runner.wait(row).text for row in rows[1::2]} == {alone}
    assert [json.loads(runner.wait(row).text) for row in rows[::2]] == ["x" * n for n in range(12)]


EVERYTHING = Sampling(
    temperature=1,
    seed=3,
    max_tokens=3000,
    min_tokens=2000,
    frequency_penalty=2,
    repetition_penalty=1.5,
    logit_bias=((1, 100.0), (500, 100.0)),
    top_k=3,
    logprobs=5,
)


def test_no_other_field_breaks_it(runner: Runner) -> None:
    """The grammar has the last word, whatever is asked for beside it."""
    assert_fits(ask(runner, {"const": "x" * 50}, EVERYTHING), {"const": "x" * 50})
    assert_fits(ask(runner, TREE, EVERYTHING), TREE)


def test_what_it_forbids_is_no_alternative_either(runner: Runner) -> None:
    """It is the last to change the logits: whoever came after it could give a token back, if only a little of it."""
    likeliest = {"temperature": 0, "top_k": 0, "min_tokens": 60, "max_tokens": 60, "logprobs": 20}
    greedy = msgspec.structs.replace(EVERYTHING, repetition_penalty=10, **likeliest)
    answer = ask(runner, {"const": "x" * 30}, greedy)
    assert answer.logprobs and json.loads(answer.text) == "x" * 30
    told = {token for one in answer.logprobs for token, _ in one.likeliest}
    assert told and all(set(token) <= set(b'"x') for token in told), told


def test_any_object(runner: Runner) -> None:
    for seed in range(8):
        answer = ask(runner, {"type": "object"}, Sampling(temperature=1, seed=seed, max_tokens=100))
        if answer.done.reason == "stop":
            assert isinstance(json.loads(answer.text), dict)
        else:
            assert answer.done.reason == "length" and answer.text.startswith("{")


def test_max_tokens_cuts_it_short(runner: Runner) -> None:
    answer = ask(runner, {"const": LONG_TEXT}, Sampling(temperature=0, max_tokens=20))
    assert (answer.done.reason, answer.tokens) == ("length", 20)
    assert json.dumps(LONG_TEXT, ensure_ascii=False).startswith(answer.text.rstrip("\ufffd"))


def test_a_stop_string_ends_it_too(runner: Runner) -> None:
    answer = ask(runner, {"const": "abcdef"}, Sampling(temperature=0, max_tokens=50, stop=("cd",)))
    assert (answer.text, answer.done.reason) == ('"ab', "stop")


def test_spaces_between_its_parts_are_bounded(runner: Runner) -> None:
    """A model that likes nothing better than a space would go on with them until max_tokens."""
    schema = {"type": "array", "minItems": 3, "maxItems": 3, "items": {"const": 1}}
    biased = Sampling(temperature=0, max_tokens=2000, logit_bias=((SPACE_TOKEN, 100.0),))
    answer = ask(runner, schema, biased)
    assert_fits(answer, schema)
    assert answer.text.count(" ") == 64 * 6


def test_tokens_that_the_tokenizer_does_not_know_never_come(tiny_model: Path, tmp_path: Path) -> None:
    """Many models have rows of weights beyond their vocabulary, for speed; here they are the likeliest.

    And this one has three tokens that end an answer, two of which are words elsewhere.
    """
    folder = make_tiny_model(tmp_path / "padded", vocab_size=VOCABULARY + 99, eos_token_id=[1, 300, 301])
    weights = load_file(folder / "model.safetensors")
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        weights[name] = np.concatenate([weights[name], 9 * weights[name][-99:]])
    save_file(weights, folder / "model.safetensors", metadata={"format": "mlx"})
    with ready(folder) as runner:
        assert_fits(ask(runner, TREE), TREE)
        assert_fits(ask(runner, TREE, HOT), TREE)
        # Not even where they are the likeliest: in a text they are forbidden, and the text goes on.
        words = Sampling(temperature=1, max_tokens=3000, logit_bias=((300, 100.0), (301, 100.0)))
        for _ in range(3):
            assert_fits(ask(runner, TREE, words), TREE)
