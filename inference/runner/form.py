"""The form of an answer: a grammar in llguidance's Lark, with schemas and tags that are not compiled yet."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

MORE = """\
TEXT: /(.|\\n)*/
ws: /[ \\n]{0,8}/
lines: /\\n{0,4}/
"""
ANY_OBJECT = '{"type":"object"}'
# Between two parts of JSON. Unbounded, a model that has nothing to say goes on with spaces until max_tokens.
SPACE = r"[ \n\r\t]{1,64}"


@dataclass(frozen=True)
class Part:
    """A schema. `param`: the request's field it came from. Not `strict`: if it cannot be kept, `otherwise` will do."""

    schema: str
    param: str
    strict: bool = True
    otherwise: str = ANY_OBJECT


@dataclass(frozen=True)
class Tag:
    """By which a model sets off a part of what it says, in its own tokens."""

    text: str
    tokens: tuple[int, ...]


@dataclass
class Form:
    """Its first rule is `start`. The names that `part`, `tag` and `until` give can be used in others."""

    rules: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    barred: dict[str, Tag] = field(
        default_factory=dict
    )  # by the name of the tag before which it may not come

    @property
    def param(self) -> str:
        """The request's field that asks for it."""
        params = {part.param for part in self.parts}
        return params.pop() if len(params) == 1 else "tools"

    def rule(self, name: str, *alternatives: str) -> str:
        self.rules.append(f"{name}: {' | '.join(alternatives)}")
        return name

    def part(self, part: Part) -> str:
        self.parts.append(part)
        return f"json_{len(self.parts) - 1}"

    def tag(self, tag: Tag) -> str:
        """The tag itself."""
        if tag not in self.tags:
            self.tags.append(tag)
        return f"tag_{self.tags.index(tag)}"

    def until(self, tag: Tag, without: Tag | None = None) -> str:
        """Any text up to the tag, and the tag; a text in which the other one does not occur."""
        number = self.tag(tag)
        if without is not None:
            self.barred[number] = without
        return f"until_{number}"

    def lark(self, schemas: list[str], is_special: Callable[[int], bool]) -> str:
        """The whole grammar. `schemas`: the parts', as they may be compiled."""
        found = [*self.rules]
        for number, schema in enumerate(schemas):
            found.append(f"json_{number}: %json {schema}")
        for tag in self.tags:
            name = self.tag(tag)
            found += _tag_rules(name, tag, is_special, self.barred.get(name))
        return "\n".join([*found, MORE])


def literal(text: str) -> str:
    """A text in a rule."""
    return json.dumps(text, ensure_ascii=False)


def _tag_rules(name: str, tag: Tag, is_special: Callable[[int], bool], barred: Tag | None) -> list[str]:
    """A tag is its own tokens, or its text put together from others; either way it is found by its text."""
    text, before = literal(tag.text), "TEXT"
    rules = []
    if barred is not None:
        before = f"BEFORE_{name.upper()}"
        rules.append(f"{before}: TEXT & ~(TEXT {literal(barred.text)} TEXT)")
    if not any(map(is_special, tag.tokens)):
        return [*rules, f"{name}: {text}", f"until_{name}[lazy]: {before} {text}"]
    tokens = " ".join(f"<[{token}]>" for token in tag.tokens)
    return [
        *rules,
        f"{name}: {text} | {tokens}",
        f"until_{name}_spelled[lazy]: {before} {text}",
        f"until_{name}: until_{name}_spelled | {before} {tokens}",
    ]
