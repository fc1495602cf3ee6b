"""How models write calls of tools, as grammars: between the tag that begins them and the one that ends them.

What is said in these forms is read by mlx_lm's parsers without loss: the arguments that are read fit their schemas.
Forms whose parsers guess at types (GLM's, MiniMax's) are left out: a text "5" would become a number there.
"""

import json
import keyword
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from inference.runner.form import Form, Part, Tag, literal

NAME = re.compile(r"[\w-]+", re.ASCII)
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
# What a schema may say of an object whose members are written one by one.
OF_MEMBERS = {"type", "properties", "required", "additionalProperties"}
DEFINITIONS = ("$defs", "definitions")
SAYS_NOTHING = {"title", "description", "default", "examples", "$schema", *DEFINITIONS}


class NoForm(Exception):
    """A function that cannot be called in this form. The message is for the client."""


@dataclass(frozen=True)
class Function:
    name: str
    arguments: Part


Tags = Callable[[str], Tag]
"""A tag by its text; without tokens if the tokenizer has none of its own for it."""
Body = Callable[[Form, list[Function], Tags, bool], str]
"""Adds rules for what stands between the tags, and gives the name of their first. True: it may be several calls."""


def body_of(tokenizer: Any, tags: Tags) -> Body | None:
    """For the parser that mlx_lm reads this model's calls with; None: there is no grammar for it."""
    parser = tokenizer.tool_parser.__module__.rsplit(".", 1)[-1]
    if parser == "mistral":
        return _mistral if tags("[ARGS]").tokens else _mistral_list
    return {
        "json_tools": _json_object,
        "longcat": _json_object,
        "kimi_k2": _kimi,
        "pythonic": _pythonic,
    }.get(parser)


def functions_of(tools: list[dict[str, Any]], only: str | None) -> list[Function]:
    """All that may be called, with what they are called with. Raises NoForm."""
    found: list[Function] = []
    for index, tool in enumerate(tools):
        function = tool["function"]
        if only in (None, function["name"]):
            param = f"tools[{index}].function.parameters"
            schema = {"type": "object", **(function.get("parameters") or {})}
            if schema["type"] != "object":
                raise NoForm(f"{param}: the arguments of a function are an object; say so with its type.")
            part = Part(json.dumps(schema), param, bool(function.get("strict")))
            found.append(Function(function["name"], part))
    return found


def _json_object(form: Form, functions: list[Function], tags: Tags, several: bool) -> str:
    """{"name": "weather", "arguments": {…}}"""
    return form.rule("body", f"ws {_named_object(form, functions)} ws")


def _mistral_list(form: Form, functions: list[Function], tags: Tags, several: bool) -> str:
    """[{"name": "weather", "arguments": {…}}, …]"""
    call = _named_object(form, functions)
    more = f'(ws "," ws {call})*' if several else ""
    return form.rule("body", f'ws "[" ws {call} {more} ws "]"')


def _named_object(form: Form, functions: list[Function]) -> str:
    calls = [
        f'{literal(json.dumps(function.name, ensure_ascii=False))} ws "," ws {literal(json.dumps("arguments"))} '
        f'ws ":" ws {form.part(function.arguments)}'
        for function in functions
    ]
    chosen = form.rule("named", *calls)
    return form.rule("object", f'"{{" ws {literal(json.dumps("name"))} ws ":" ws {chosen} ws "}}"')


def _mistral(form: Form, functions: list[Function], tags: Tags, several: bool) -> str:
    """weather[ARGS]{…}"""
    _check_names(functions, NAME)
    args = form.tag(tags("[ARGS]"))
    return form.rule("body", *(f"{literal(f.name)} {args} ws {form.part(f.arguments)}" for f in functions))


def _kimi(form: Form, functions: list[Function], tags: Tags, several: bool) -> str:
    """<|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{…}<|tool_call_end|>, once or more."""
    _check_names(functions, NAME)
    begin, then, end = (
        form.tag(tags(f"<|tool_call_{what}|>")) for what in ("begin", "argument_begin", "end")
    )
    form.rule("number", "/[0-9]{1,4}/")
    named = form.rule(
        "named",
        *(f"{literal(f'functions.{f.name}:')} number {then} ws {form.part(f.arguments)}" for f in functions),
    )
    return form.rule("body", f"(ws {begin} {named} ws {end}){'+' if several else ''} ws")


def _pythonic(form: Form, functions: list[Function], tags: Tags, several: bool) -> str:
    """[weather(city="Köln", days=3), …]: literals are JSON's, which the parser knows as well as Python's."""
    _check_names(functions, DOTTED)
    calls = [_pythonic_call(form, number, function) for number, function in enumerate(functions)]
    call = form.rule("call_of", *calls)
    more = f"(/, ?/ {call})*" if several else ""
    return form.rule("body", f'"[" {call} {more} "]"')


def _pythonic_call(form: Form, number: int, function: Function) -> str:
    """Its arguments in the schema's order. A rule for what may follow if none was said yet, and one if some was."""
    schema = json.loads(function.arguments.schema)
    members = _members(schema, function)
    needed = schema.get("required", [])
    first, more = (f"args_{number}", f"more_{number}")
    for place, (name, value) in enumerate(members):
        said = f"{literal(f'{name}=')} {form.part(value)} {more}_{place + 1}"
        skipped = [] if name in needed else [place + 1]
        form.rule(f"{first}_{place}", said, *(f"{first}_{next}" for next in skipped))
        form.rule(f"{more}_{place}", f"/, ?/ {said}", *(f"{more}_{next}" for next in skipped))
    form.rule(f"{first}_{len(members)}", '""')
    form.rule(f"{more}_{len(members)}", '""')
    return f'{literal(f"{function.name}(")} {first}_0 ")"'


def _members(schema: dict[str, Any], function: Function) -> list[tuple[str, Part]]:
    """The properties, each with the definitions that it may refer to. Raises NoForm."""
    properties = schema.get("properties", {})
    beside = schema.keys() - OF_MEMBERS - SAYS_NOTHING
    unnamed = [name for name in schema.get("required", []) if name not in properties]
    if beside or unnamed or not isinstance(properties, dict):
        raise NoForm(
            f"{function.arguments.param}: this model writes arguments one by one, so the schema has to be an object "
            f"of named properties. Leave out {', '.join(sorted(beside) or unnamed)}."
        )
    for name in properties:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise NoForm(f"{function.arguments.param}: this model cannot name an argument {name!r}.")
    arguments = function.arguments
    return [
        (name, replace(arguments, schema=_member(schema, value), otherwise="{}"))
        for name, value in properties.items()
    ]


def _member(schema: dict[str, Any], value: Any) -> str:
    """A property's own schema, with what it may refer to."""
    definitions = {name: schema[name] for name in DEFINITIONS if name in schema}
    return json.dumps({**definitions, **({} if value is True else {"not": {}} if value is False else value)})


def _check_names(functions: list[Function], allowed: "re.Pattern[str]") -> None:
    for function in functions:
        if not allowed.fullmatch(function.name):
            raise NoForm(f"This model cannot call a function of the name {function.name!r}.")
