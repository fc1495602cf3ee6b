"""The form of an answer: a grammar in llguidance's Lark, with schemas and tags that are not compiled yet."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

MORE = """\
TEXT: /(.|\\n)*/
ws: /[ \\n]{0,8}/
line: /\\n?/
lines: /\\n{0,4}/
"""
ANY_OBJECT = '{"type":"object"}'
# Between two parts of JSON. Unbounded, a model that has nothing to say goes on with spaces until max_tokens.
SPACE = r"[ \n\r\t]{1,64}"
A_TAG = re.compile(r"(<[^<>\s]+>)")


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


Tags = Callable[[str], Tag]
"""A tag by its text; without tokens if the tokenizer has none of its own for it."""


@dataclass
class Form:
    """Its first rule is `start`. The names that `part`, `tag` and `until` give can be used in others."""

    rules: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    texts: list[tuple[str, Tag]] = field(default_factory=list)  # each with the tag behind it

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

    def until(self, tag: Tag, text: str = "TEXT") -> str:
        """Any text that the terminal matches, up to the tag, and the tag."""
        found = (text, tag)
        if found not in self.texts:
            self.texts.append(found)
        return f"until_{self.texts.index(found)}"

    def lark(self, schemas: list[str], is_special: Callable[[int], bool]) -> str:
        """The whole grammar. `schemas`: the parts', as they may be compiled."""
        found = [*self.rules]
        for number, schema in enumerate(schemas):
            found.append(f"json_{number}: %json {schema}")
        for tag in self.tags:
            spelled, tokens = literal(tag.text), _tokens(tag, is_special)
            found.append(
                f"{self.tag(tag)}: {spelled} | {tokens}" if tokens else f"{self.tag(tag)}: {spelled}"
            )
        for number, (text, tag) in enumerate(self.texts):
            found += _until(number, text, literal(tag.text), _tokens(tag, is_special))
        return "\n".join([*found, MORE])


def literal(text: str) -> str:
    """A text in a rule."""
    return json.dumps(text, ensure_ascii=False)


def lacking(*texts: str) -> str:
    """A terminal of any text in which none of these occurs."""
    return f"~(TEXT ({' | '.join(map(literal, texts))}) TEXT)"


def with_tags(form: Form, text: str, tags: Tags) -> str:
    """A text in a rule, the model's own tags in it as those."""
    found = []
    for piece in filter(None, A_TAG.split(text)):
        tag = tags(piece)
        found.append(form.tag(tag) if tag.tokens else literal(piece))
    return " ".join(found)


def _tokens(tag: Tag, is_special: Callable[[int], bool]) -> str:
    """The tag in its own tokens; "" if it can only be spelled."""
    return " ".join(f"<[{token}]>" for token in tag.tokens) if any(map(is_special, tag.tokens)) else ""


def _until(number: int, text: str, spelled: str, tokens: str) -> list[str]:
    """A tag is its own tokens, or its text put together from others; either way it is found by its text."""
    before = f"BEFORE_{number}"
    rules = [f"{before}: {text}"]
    if not tokens:
        return [*rules, f"until_{number}[lazy]: {before} {spelled}"]
    return [
        *rules,
        f"until_{number}_spelled[lazy]: {before} {spelled}",
        f"until_{number}: until_{number}_spelled | {before} {tokens}",
    ]
