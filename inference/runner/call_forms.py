"""How models write calls of tools, as grammars: between the tag that begins them and the one that ends them.

What is said in these forms is read by mlx_lm's parsers without loss: the arguments that are read fit their schemas.
"""

import json
import keyword
import re
from collections.abc import Callable
from typing import Any
from unicodedata import normalize

from inference.runner.form import Form, Part, Tags, literal
from inference.runner.gemma_calls import function_gemma, gemma_4
from inference.runner.members import Function, NoForm, check_name, in_order, members_of
from inference.runner.tag_dialects import GLM, MINICPM, MINIMAX, QWEN

NAME = re.compile(r"[\w-]+", re.ASCII)
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)

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
        "qwen3_coder": QWEN.body,
        "glm47": GLM.body,  # and Laguna's, which is the same
        "minimax_m2": MINIMAX.body,
        "minicpm5": MINICPM.body,
        "gemma4": gemma_4,
        "function_gemma": function_gemma,
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
    said = []
    for member in members_of(function):
        name = member.name  # which Python normalizes
        if not name.isidentifier() or keyword.iskeyword(name) or normalize("NFKC", name) != name:
            raise NoForm(f"{member.part.param}: this model cannot name an argument {member.name!r}.")
        said.append((f"{literal(f'{member.name}=')} {form.part(member.part)}", member.needed))
    arguments = in_order(form, f"args_{number}", said, between="/, ?/")
    return f'{literal(f"{function.name}(")} {arguments} ")"'


def _check_names(functions: list[Function], allowed: "re.Pattern[str]") -> None:
    for function in functions:
        check_name(function.name, allowed)
