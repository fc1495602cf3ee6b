"""Calls whose arguments stand one by one between tags, as text without quotes.

mlx_lm's parsers tell by a schema what such a text is, each in its own way: what is written here is what they read back
as a value that fits. What they would take for something else is never written.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from inference.runner import plain_text
from inference.runner.branches import Branch, branches_of, same
from inference.runner.form import Form, Part, Tag, Tags, lacking, literal, with_tags
from inference.runner.members import (
    DEFINITIONS,
    SAYS_NOTHING,
    Function,
    Member,
    NoForm,
    check_name,
    in_order,
    loosened,
    members_of,
)
from inference.runner.tag_free import tag_free
from inference.runner.types_told import told

NAME = re.compile(r"[\w.-]+", re.ASCII)
MEMBER = re.compile(r"""[^\s<>"'&]+""")
Way = Literal["text", "plain", "words", "json", "truth"]
"""How a value is written: as text, whatever it says; as text that begins with no bracket; as text that begins with a
letter; as JSON; as Python's True or False."""
TERMINALS: dict[Way, tuple[str, ...]] = {
    "text": (),
    "plain": (r"/([^\s\[\{](.|\n)*)?/",),
    # Parsers look whether it is JSON, or a literal of Python's: those can begin with a letter, too.
    "words": (
        r"/[\p{L}_](.|\n)*/",
        r"~/(True|False|None|true|false|null|NaN|Infinity|set)(.|\n)*/",
        r"""~/[\p{L}_]{1,2}["'](.|\n)*/""",
    ),
}
# Of those that a schema says nothing else of. More digits would be infinity on their way through a float.
BY_TYPE = {
    "null": '"null"',
    "boolean": '("true" | "false")',
    "integer": "/-?(0|[1-9][0-9]{0,99})/",
    "number": r"/-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?([eE][+-]?[0-9]{1,2})?/",
}


@dataclass(frozen=True)
class Dialect:
    """`head` and `opening` have a place for a name; behind each of their parts a line may end.

    `ways`: for a property as it was sent, one of its branches, and the types of them all, how its values are written
    so that the parser reads them; none: it cannot.
    """

    parser: ModuleType
    head: str
    opening: tuple[str, ...]
    closing: str
    tail: str
    never: tuple[str, ...]  # what no value may hold
    ways: Callable[[dict[str, Any], str, set[str]], Sequence[Way]]
    nulls: tuple[str, ...] = ("null",)  # what is never text
    trimmed: bool = True  # spaces around a text are lost
    several: bool = False  # between one pair of the model's tags
    quotes: tuple[str, str] | None = None  # around a text that has "<" in it

    def body(self, form: Form, functions: list[Function], tags: Tags, several: bool) -> str:
        """The rule for what stands between the model's tags. Raises NoForm."""
        calls = [self._call(form, number, function, tags) for number, function in enumerate(functions)]
        call = form.rule("call_of", *calls)
        return form.rule("body", f"line ({call} line){'+' if several and self.several else ''}")

    def _call(self, form: Form, number: int, function: Function, tags: Tags) -> str:
        check_name(function.name, NAME)
        said = [(self._argument(form, member, tags), member.needed) for member in members_of(function)]
        head = with_tags(form, self.head.format(function.name), tags)
        return f"{head} line {in_order(form, f'args_{number}', said)} {literal(self.tail)}"

    def _argument(self, form: Form, member: Member, tags: Tags) -> str:
        if not MEMBER.fullmatch(member.name) or not isinstance(member.sent, dict):
            raise NoForm(f"{member.place}: this model cannot name an argument so, or has no schema for it.")
        opening = " line ".join(with_tags(form, part.format(member.name), tags) for part in self.opening)
        return f"{opening} ({' | '.join(self._values(form, member, tags))}) line"

    def _values(self, form: Form, member: Member, tags: Tags) -> list[str]:
        """For each kind of value a rule, up to the tag behind it. Raises NoForm."""
        schema = member.schema
        try:
            branches = branches_of(schema, schema, member.place)
            return [rule for branch in branches for rule in self._rules(form, member, branch, branches, tags)]
        except NoForm:
            if member.part.strict:
                raise
        loose = loosened(schema)
        branches = branches_of(loose, loose, member.place)
        return [rule for branch in branches for rule in self._rules(form, member, branch, branches, tags)]

    def _rules(
        self, form: Form, member: Member, branch: Branch, branches: list[Branch], tags: Tags
    ) -> Iterator[str]:
        closing = with_tags(form, self.closing, tags)
        if branch.type == "enum":
            values = [literal(self._spelled(member, value)) for value in branch.values]
            yield f"({' | '.join(values)}) {closing}"
            return
        types = set().union(*(each.types for each in branches))
        ways = self.ways(self._told(member), branch.type, types)
        if not ways:
            raise NoForm(
                f"{member.place}: this model writes arguments without quotes, and of {' or '.join(sorted(types))} what "
                "is written could be read as another. Say one type, without references."
            )
        for way in ways:
            if way == "truth":
                yield f'("True" | "False") {closing}'
            elif way == "json":
                yield f"{self._json(form, member, branch)} {closing}"
            else:
                yield from self._texts(form, member, branch, TERMINALS[way], tags)

    def _texts(
        self, form: Form, member: Member, branch: Branch, terminals: Sequence[str], tags: Tags
    ) -> Iterator[str]:
        fits = [*plain_text.fitting(branch.schema, member.place), *terminals]
        fits.append(plain_text.other_than(self.nulls))
        if self.quotes is not None:
            begin, end = self.quotes
            quoted = [*fits, lacking(*self.never, end)]
            yield f"{literal(begin)} {form.until(Tag(end + self.closing, ()), ' & '.join(quoted))}"
            fits.append(lacking("<"))
        fits.append(lacking(*self.never))
        fits += [plain_text.TRIMMED] if self.trimmed else []
        yield form.until(tags(self.closing), " & ".join(fits))

    def _json(self, form: Form, member: Member, branch: Branch) -> str:
        if branch.type in BY_TYPE and branch.schema.keys() - SAYS_NOTHING == {"type"}:
            return BY_TYPE[branch.type]
        known = {name: member.schema[name] for name in DEFINITIONS if name in member.schema}
        of_type = {} if branch.type == "any" else {"type": branch.type}
        kept, otherwise = (
            json.dumps(tag_free(schema, self.never, member.place))
            for schema in ({**known, **branch.schema}, of_type)
        )
        return form.part(Part(kept, member.part.param, member.part.strict, otherwise))

    def _told(self, member: Member) -> dict[str, Any]:
        found: dict[str, Any] = told(member.sent, member.schema, self.parser.parse_tool_call)
        return found

    def _spelled(self, member: Member, value: Any) -> str:
        """A value that the schema names, as it is read. Raises NoForm."""
        texts = [value] if isinstance(value, str) else [str(value)] if isinstance(value, bool) else []
        if isinstance(value, str) and self.quotes is not None:
            texts.append(value.join(self.quotes))
        for text in [*texts, json.dumps(value, ensure_ascii=False)]:
            if not any(tag in text for tag in self.never) and same(self._read(member, text), value):
                return text
        raise NoForm(f"{member.place}: this model cannot write the value {json.dumps(value)[:100]}.")

    def _read(self, member: Member, text: str) -> Any:
        """What the parser makes of it; nothing that a value could be, if it cannot read it."""
        opening = "".join(self.opening).format(member.name)
        call = f"{self.head.format('f')}{opening}{text}{self.closing}{self.tail}"
        tool = {"function": {"name": "f", "parameters": {"properties": {member.name: self._told(member)}}}}
        try:
            return self.parser.parse_tool_call(call, [tool])["arguments"][member.name]
        except Exception:  # whatever it stumbles over
            return ...
