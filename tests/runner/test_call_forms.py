"""What may be said in the forms of calls: whatever it is, mlx_lm reads a call from it, with arguments that fit."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from mlx_lm import tokenizer_utils

from inference.messages import Add, ChatPrompt, Sampling, Tools
from inference.runner import grammar
from inference.runner.answer_form import form_of
from inference.runner.grammar import Grammar
from inference.runner.tags import Segments, Tags
from inference.runner.tool_calls import Called
from inference.runner.unusable import Unusable
from tests.tool_formats import FORMATS, make_calling_model

MOST_TOKENS = 3000
ONE_BY_ONE = ["qwen3-coder", "glm", "minimax", "minicpm", "gemma", "function-gemma"]
HELD = [name for name in FORMATS if name != "muse"]
NO_LISTS = ["function-gemma"]


@dataclass
class Model:
    """Only its tokenizer."""

    tokenizer: Any
    constraining: Any

    def grammar(self, tools: list[Any], **more: Any) -> Grammar:
        """For an answer that has to be calls. Raises Unusable."""
        prompt = ChatPrompt([], Tools(tools, **{"required": True, "parallel": False, **more}))
        form = form_of(Add("row", 0.0, prompt, Sampling()), self.tokenizer, thinking=False)
        assert form is not None
        return grammar.compiled(form, self.constraining)

    def read(self, text: str, tools: list[Any]) -> list[Called]:
        """The calls in an answer; fails if it says anything else."""
        tags = Tags(self.tokenizer)
        offered = Tools(tools)
        segments: Segments = tags.segments(ChatPrompt([], offered), [])
        found: list[Called] = []
        for state, said in [*segments.feed(text), (segments.state, segments.flush())]:
            assert state != "normal" or not said.strip(), text
            found += tags.calls(offered).read(said) if state == "tool" and said else []
        return found


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    folder = tmp_path_factory.mktemp("forms")
    known: dict[str, Model] = {}

    def model(name: str) -> Model:
        if name not in known:
            path = make_calling_model(folder / name, FORMATS[name])
            tokenizer = tokenizer_utils.load(path)
            known[name] = Model(tokenizer, grammar.constraining(tokenizer))
        return known[name]

    return model


def tool(parameters: Any, name: str = "f", strict: bool = True) -> Any:
    return {"type": "function", "function": {"name": name, "parameters": parameters, "strict": strict}}


def of(**properties: Any) -> Any:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def accepts(model: Model, tools: list[Any], text: str, **more: Any) -> bool:
    """Whether the whole answer may be this text."""
    matcher = model.grammar(tools, **more)._matcher
    tokens = model.tokenizer.encode(text, add_special_tokens=False)
    if matcher.try_consume_tokens(tokens) < len(tokens):
        return False
    return bool(matcher.is_accepting())


def said(model: Model, tools: list[Any], dice: random.Random) -> str:
    """Any tokens that the grammar allows, up to the end."""
    held = model.grammar(tools)
    vocabulary = model.constraining.vocab_size
    end = set(model.tokenizer.eos_token_ids)
    tokens: list[int] = []
    while len(tokens) < MOST_TOKENS:
        allowed = np.flatnonzero(held.allowed(vocabulary)).tolist()
        ends = [token for token in allowed if token in end or model.constraining.is_special_token(token)]
        token = dice.choice(ends if ends and dice.random() < 0.3 else allowed)
        if token in end:
            return str(model.tokenizer.decode(tokens))
        tokens.append(token)
        assert held._matcher.consume_token(token)
    raise AssertionError(model.tokenizer.decode(tokens)[:500])


TEXT = {"type": "string", "maxLength": 6}
ZIP = {"type": "string", "pattern": "^[0-9]{3,5}$"}
POINT = of(x={"type": "number", "minimum": 0, "maximum": 9}, name=TEXT)
SCHEMAS: list[Any] = [
    of(),
    of(a=TEXT),
    of(a={"type": "string", "minLength": 3, "maxLength": 9}, b={"type": "integer"}),
    of(a={"type": "integer", "minimum": -5, "maximum": 120}, b={"type": "number"}, c={"type": "boolean"}),
    of(a={"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}) | {"$defs": {"n": {"type": "integer"}}},
    of(a={"enum": [1, 2.5]}, b={"const": True}, c={"enum": ["x", None]}),
    of(a={"type": ["integer", "null"]}, b={"type": ["string", "null"], "maxLength": 4}, c={"type": "null"}),
    of(a={"enum": ["red", "5", "x y", ""]}),
    of(a={"type": "string", "enum": ["°C", 'x"y\\z', "true"]}, b={"type": "integer", "enum": [1, 2]}),
    of(a=ZIP, b={"type": "string", "pattern": "[a-c]\\d/", "maxLength": 9}),
    {**of(a=TEXT, b={"type": "boolean"}, c={"type": "integer"}), "required": ["b"]},
    {**of(a={"$ref": "#/$defs/zip"}), "$defs": {"zip": {**ZIP, "title": "Zip"}}},
]
NESTED: list[Any] = [
    of(a={"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3}),
    of(a={"type": "array", "items": TEXT, "maxItems": 2}, b=POINT),
    of(a={"type": "array", "items": POINT, "minItems": 2, "maxItems": 2}),
    of(a=of(b=of(c={"enum": [1, "ü"]}))),
]


@pytest.mark.parametrize("name", HELD)
def test_whatever_is_said_is_a_call_that_fits(models: Callable[[str], Model], name: str) -> None:
    model = models(name)
    dice = random.Random(name)
    for number, schema in enumerate([*SCHEMAS, *([] if name in NO_LISTS else NESTED)]):
        tools = [tool(schema), tool(of(), "other")]
        try:
            model.grammar(tools)
        except Unusable as refused:
            pytest.fail(f"{number}: {schema}: {refused}")
        for _ in range(6):
            text = said(model, tools, dice)
            calls = model.read(text, tools)
            assert len(calls) == 1, text
            fits = schema if calls[0].name == "f" else of()
            arguments = json.loads(calls[0].arguments)
            assert jsonschema_rs.validator_for(fits).is_valid(arguments), (text, arguments)


# Texts that a parser could take for something else, or for the end.
ODD = [
    "Köln",
    "two words",
    "a < b && c > d",
    "null",
    "Null",
    "none",
    "5",
    "-5.0",
    "1e3",
    "true",
    "True",
    "None",
    "NaN",
    "[1]",
    '{"a": 1}',
    "{1, 2}",
    '"quoted"',
    "'quoted'",
    "b'x'",
    'f"x"',
    "set()",
    " spaced ",
    "\nlines\n",
    "",
    "</parameter>",
    "a\n</parameter>\nb",
    "</function>",
    "</tool_call>",
    "</arg_value>",
    "</invoke>",
    "</param>",
    "]]>",
    "<parameter=a>b",
    "}",
    "a:b,c",
    "<escape>",
    '<|"|>',
    "<tool_call|>",
]
STRINGS: list[Any] = [
    {"type": "string"},
    {"type": ["string", "null"]},
    {"anyOf": [{"type": "string"}, {"type": "null"}]},
    {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    {"description": "anything"},
    {},
]
CALLS = {
    "qwen3-coder": "<tool_call>\n<function=f>\n<parameter=a>\nVALUE\n</parameter>\n</function>\n</tool_call>",
    "glm": "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>VALUE</arg_value>\n</tool_call>",
    "minimax": '<minimax:tool_call>\n<invoke name="f">\n<parameter name="a">VALUE</parameter>\n</invoke>\n'
    "</minimax:tool_call>",
    "minicpm": '<function name="f"><param name="a">VALUE</param></function>',
    "gemma": '<|tool_call>call:f{a:<|"|>VALUE<|"|>}<tool_call|>',
    "function-gemma": "<start_function_call>call:f{a:<escape>VALUE<escape>}<end_function_call>",
}


@pytest.mark.parametrize("name", ONE_BY_ONE)
@pytest.mark.parametrize("schema", STRINGS, ids=json.dumps)
def test_a_text_that_may_be_said_is_read_as_that_text(
    models: Callable[[str], Model], name: str, schema: Any
) -> None:
    model = models(name)
    tools = [tool(of(a=schema))]
    try:
        model.grammar(tools)
    except Unusable as refused:
        assert refused.code == "unsupported_value" and "anyOf" in schema and "integer" in str(schema)
        return
    for odd in ODD:
        text = CALLS[name].replace("VALUE", odd)
        if accepts(model, tools, text):
            [call] = model.read(text, tools)
            arguments = json.loads(call.arguments)
            jsonschema_rs.validator_for(of(a=schema)).validate(arguments)
            read = arguments["a"]
            assert not isinstance(read, str) or read in (odd, json.loads(odd) if odd[:1] == '"' else odd)
        else:
            assert odd not in ("Köln", "two words"), odd


@pytest.mark.parametrize("name", ["qwen3-coder", "glm", "minimax", "minicpm"])
def test_json_between_tags_holds_none_of_them(models: Callable[[str], Model], name: str) -> None:
    model = models(name)
    schema = of(a={"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "object"}]}})
    tools = [tool(schema)]
    good: list[Any] = [["<b>bold</b>", "<<", "a </", "</t"], [{"html": "<p>x</p>", "n": [1.5e-3, None]}], []]
    for value in good:
        text = CALLS[name].replace("VALUE", json.dumps(value)).replace('<|"|>', "")
        assert accepts(model, tools, text)
        assert json.loads(model.read(text, tools)[0].arguments) == {"a": value}
    closing = {"glm": "</arg_value>", "minicpm": "</param>"}.get(name, "</parameter>")
    bad: list[Any] = [[f"a{closing}b"], [{"html": f"<{closing}"}], [{"a": [closing]}]]
    for value in bad:
        assert not accepts(model, tools, CALLS[name].replace("VALUE", json.dumps(value)))


def test_a_number_beyond_all_is_the_largest_there_is(models: Callable[[str], Model]) -> None:
    """To Python it is infinity, which no JSON can say."""
    model = models("hermes")
    tools = [tool(of(a={"type": "array", "items": {"type": "number"}}))]
    text = '<tool_call>\n{"name": "f", "arguments": {"a": [1e999, -1e999, 1e-5]}}\n</tool_call>'
    assert accepts(model, tools, text)
    [call] = model.read(text, tools)
    assert json.loads(call.arguments) == {"a": [1.7976931348623157e308, -1.7976931348623157e308, 1e-5]}


@pytest.mark.parametrize("name", HELD)
def test_schemas_that_refer_to_themselves_are_held_or_refused(
    models: Callable[[str], Model], name: str
) -> None:
    """At once: some of them would be put together of more types than there are stars."""
    reference = {"$ref": "#/$defs/t"}
    doubled: dict[str, Any] = {f"t{n}": {"anyOf": [{"$ref": f"#/$defs/t{n + 1}"}] * 2} for n in range(40)}
    doubled["t40"] = {"type": "string", "maxLength": 1}
    for node in (
        reference,
        {"$ref": "#/$defs/t0"},
        {"anyOf": [reference, reference]},
        of(left={"anyOf": [reference, {"type": "null"}]}, right={"anyOf": [reference, {"type": "null"}]}),
        {"type": "array", "items": reference},
    ):
        schema = of(a=reference) | {"$defs": {"t": node, **doubled}}
        try:
            models(name).grammar([tool(schema)])
        except Unusable as refused:
            assert refused.code in ("unsupported_value", "invalid_schema")


@pytest.mark.parametrize("name", CALLS)
def test_a_strict_tool_is_held_where_the_model_calls_by_itself(
    models: Callable[[str], Model], name: str
) -> None:
    model = models(name)
    tools = [tool(of(a={"type": "string", "pattern": "^[0-9]+$"}))]
    free = {"required": False, "parallel": True}
    call = CALLS[name].replace("VALUE", "57")
    assert accepts(model, tools, "Well, no.", **free)
    assert accepts(model, tools, call, **free)
    assert accepts(model, tools, f"Well: {call}{call} There.", **free)
    named = {"qwen3-coder": "=f>", "glm": "f\n", "gemma": ":f{", "function-gemma": ":f{"}.get(name, '"f"')
    for bad in (CALLS[name].replace("VALUE", "many"), call.replace(named, named.replace("f", "g"))):
        assert not accepts(model, tools, f"Well: {bad}", **free)
        assert not accepts(model, tools, f"Well: {call}{bad}", **free)


@pytest.mark.parametrize("name", ["qwen3-coder", "glm", "minimax", "gemma", "pythonic"])
@pytest.mark.parametrize(
    "parameters",
    [{"properties": None}, {"required": [["a"]]}, {"properties": {"a": {"type": "string", "$defs": "b"}}}],
    ids=json.dumps,
)
def test_what_is_no_schema_is_a_fault_of_the_tools(
    models: Callable[[str], Model], name: str, parameters: Any
) -> None:
    """And not of the messages, which whatever is not known to go wrong is taken for."""
    try:
        models(name).grammar([tool({"type": "object", **parameters})])
    except Unusable as error:
        assert (error.code, (error.param or "").split("[")[0]) in (
            ("invalid_schema", "tools"),
            ("unsupported_value", "tools"),
        )


def test_definitions_that_cannot_be_kept_stop_no_tool_that_need_not_be_strict(
    models: Callable[[str], Model],
) -> None:
    wide = {"type": "number", "multipleOf": 999_983}
    members = {"a": {"type": "array", "items": {"$ref": "#/$defs/wide"}}}
    model = models("glm")
    loose = tool({"type": "object", "properties": members, "$defs": {"wide": wide}}, strict=False)
    assert accepts(model, [loose], text_of_glm("[1, 2]"))


def text_of_glm(value: str) -> str:
    return f"<tool_call>f<arg_key>a</arg_key><arg_value>{value}</arg_value></tool_call>"
