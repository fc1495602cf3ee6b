"""Calls as Gemma writes them: JSON without quotes around names, its texts between tags of their own."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from inference.runner import plain_text
from inference.runner.branches import Branch, branches_of, referred
from inference.runner.form import Form, Part, Tag, Tags, lacking, literal
from inference.runner.members import (
    DEFINITIONS,
    SAYS_NOTHING,
    Function,
    NoForm,
    check_name,
    in_order,
    loosened,
    members_of,
)

NAME = re.compile(r"[\w-]+", re.ASCII)
WORD = re.compile(r"\w+", re.ASCII)
OF_LISTS = {"type", "items", "minItems", "maxItems"}
NUMBER = {"type": "number"}
A_WORD = "/[A-Za-z_][A-Za-z0-9_]{0,60}/"
SCALARS = '"true" | "false" | "null"'


def gemma_4(form: Form, functions: list[Function], tags: Tags, several: bool) -> str:
    """call:weather{city:<|"|>Köln<|"|>,days:3}"""
    return _body(form, functions, NAME, tags('<|"|>'), ["<tool_call|>"], nested=True)


def function_gemma(form: Form, functions: list[Function], tags: Tags, several: bool) -> str:
    """call:weather{city:<escape>Köln<escape>,days:3}: the first } ends it for its parser, wherever it stands."""
    return _body(form, functions, WORD, tags("<escape>"), ["}", "<end_function_call>"], nested=False)


def _body(
    form: Form,
    functions: list[Function],
    names: "re.Pattern[str]",
    quote: Tag,
    never: Sequence[str],
    *,
    nested: bool,
) -> str:
    calls = []
    for number, function in enumerate(functions):
        check_name(function.name, names)
        values = _Values(form, function.arguments, quote, (quote.text, *never), nested, f"value_{number}")
        calls.append(f"{literal(f'call:{function.name}')} {values.members(function)}")
    return form.rule("body", f"lines ({' | '.join(calls)}) lines")


@dataclass
class _Values:
    """What one function is called with: a rule for each kind of value. All raise NoForm."""

    form: Form
    arguments: Part
    quote: Tag
    never: tuple[str, ...]  # what no text may hold
    nested: bool  # whether there are lists, and objects in objects
    name: str  # of its rules
    referred: dict[str, str] = field(default_factory=dict)  # rules, by the reference
    made: int = 0

    def members(self, function: Function) -> str:
        said = []
        for member in members_of(function):
            if not WORD.fullmatch(member.name):
                raise NoForm(f"{member.place}: this model cannot name an argument so.")
            value = self._member(member.schema, member.place)
            said.append((f"{literal(f'{member.name}:')} {value}", member.needed))
        return f'"{{" {in_order(self.form, self._new(), said, between=literal(","))} "}}"'

    def _member(self, schema: dict[str, Any], place: str) -> str:
        try:
            return self._value(schema, schema, place)
        except NoForm:
            if self.arguments.strict:
                raise
        loose = loosened(schema)
        return self._value(loose, loose, place)

    def _value(self, schema: Any, root: dict[str, Any], place: str) -> str:
        says = schema.keys() - SAYS_NOTHING if isinstance(schema, dict) else set()
        if says == {"$ref"}:
            return self._referred(str(schema["$ref"]), root, place)
        if says == {"anyOf"} and isinstance(schema["anyOf"], list):
            return _either(self._value(each, root, place) for each in schema["anyOf"])
        return _either(self._branch(each, root, place) for each in branches_of(schema, root, place))

    def _referred(self, reference: str, root: dict[str, Any], place: str) -> str:
        """A rule of its own: it may refer to itself."""
        if reference not in self.referred:
            name = self.referred[reference] = self._new()
            try:
                self.form.rule(name, self._value(referred(reference, root, place), root, place))
            except NoForm:
                del self.referred[reference]
                raise
        return self.referred[reference]

    def _branch(self, branch: Branch, root: dict[str, Any], place: str) -> str:
        match branch.type:
            case "enum":
                return _either(self._spelled(value, place) for value in branch.values)
            case "string":
                return self._text(plain_text.fitting(branch.schema, place))
            case "object" | "array" if not self.nested:
                raise NoForm(f"{place}: this model writes no lists, and no objects in objects.")
            case "object":
                return self._object(branch.schema, root, place)
            case "array":
                return self._list(branch.schema, root, place)
            case "any":
                return self._anything()
        return self._json(branch.schema)

    def _text(self, fits: Sequence[str]) -> str:
        terminal = " & ".join([*fits, lacking(*self.never)])
        return f"{self.form.tag(self.quote)} {self.form.until(self.quote, terminal)}"

    def _json(self, schema: dict[str, Any]) -> str:
        otherwise = json.dumps(loosened(schema))
        return self.form.part(replace(self.arguments, schema=json.dumps(schema), otherwise=otherwise))

    def _spelled(self, value: Any, place: str) -> str:
        if isinstance(value, str) and not any(text in value for text in self.never):
            quote = self.form.tag(self.quote)
            return f"{quote} {literal(value)} {quote}" if value else f"{quote} {quote}"
        if value is None or isinstance(value, (bool, int, float)):
            return literal(json.dumps(value))
        raise NoForm(f"{place}: this model cannot write the value {json.dumps(value)[:100]}.")

    def _object(self, schema: dict[str, Any], root: dict[str, Any], place: str) -> str:
        if "properties" in schema or schema.get("additionalProperties") is False:
            known = {name: root[name] for name in DEFINITIONS if name in root}
            part = replace(self.arguments, schema=json.dumps({**known, **schema}), param=place)
            return self.members(Function("", part))
        if beside := schema.keys() - SAYS_NOTHING - {"type", "additionalProperties"}:
            raise NoForm(f"{place}: this model cannot keep {', '.join(sorted(beside))}. Name the properties.")
        value = self._value(schema.get("additionalProperties", True), root, place)
        return f'"{{" ({A_WORD} ":" {value} ("," {A_WORD} ":" {value})*)? "}}"'

    def _list(self, schema: dict[str, Any], root: dict[str, Any], place: str) -> str:
        if beside := schema.keys() - SAYS_NOTHING - OF_LISTS:
            raise NoForm(
                f"{place}: this model cannot keep {', '.join(sorted(beside))} of a list. Leave it out."
            )
        item = self._value(schema.get("items", True), root, place)
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if most is not None and most < max(1, least):
            raise NoForm(f"{place}: no list that fits it has an item. Leave it out.")
        more = f'("," {item}){{{max(least - 1, 0)},{"" if most is None else most - 1}}}'
        items = f"{item} {more}"
        return f'"[" {items} "]"' if least else f'"[" ({items})? "]"'

    def _anything(self) -> str:
        if not self.nested:
            return _either([self._text(["TEXT"]), self._json(NUMBER), SCALARS])
        if "" not in self.referred:
            name = self.referred[""] = self._new()
            pair = f'{A_WORD} ":" {name}'
            one = [self._text(["TEXT"]), self._json(NUMBER), SCALARS]
            self.form.rule(
                name, *one, f'"{{" ({pair} ("," {pair})*)? "}}"', f'"[" ({name} ("," {name})*)? "]"'
            )
        return self.referred[""]

    def _new(self) -> str:
        self.made += 1
        return f"{self.name}_{self.made}"


def _either(rules: Iterable[str]) -> str:
    return f"({' | '.join(rules)})"
