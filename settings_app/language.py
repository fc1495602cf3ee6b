"""The names that a pattern matches, as a tree: for telling what one pattern matches of another's names.

What it reads is the part of RE2's syntax in which every word has one plain meaning. Anything else is Unreadable: flags,
word boundaries, named classes, Unicode properties, octal numbers.
"""

import re
from dataclasses import dataclass

from settings_app import patterns

LAST_CHARACTER = 0x10FFFF
Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Character:
    """One character out of `ranges`, first and last included."""

    ranges: Ranges


@dataclass(frozen=True)
class InOrder:
    parts: "tuple[Language, ...]"


@dataclass(frozen=True)
class Either:
    choices: "tuple[Language, ...]"


@dataclass(frozen=True)
class Repeated:
    """`most` None: as often as one likes."""

    part: "Language"
    least: int
    most: int | None


Language = Character | InOrder | Either | Repeated

ANY = Character(((0, LAST_CHARACTER),))
ANYTHING = Repeated(ANY, 0, None)

_SETS: dict[str, Ranges] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 10), (12, 13), (32, 32)),
}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_TIMES = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{0,4}))?\}")
_NAME = re.compile(r"\?(?::|P?<[A-Za-z_0-9]+>)")
_HEX = re.compile(r"x([0-9A-Fa-f]{2})")


class Unreadable(Exception):
    """The pattern says something that this module does not know, or matches nothing."""


def of(kind: str, pattern: str) -> Language:
    """The names that a pattern matches which RE2 takes. Raises Unreadable."""
    try:
        return _Reader(patterns.expression(kind, pattern)).whole()
    except RecursionError:
        raise Unreadable from None


def sample(language: Language, *, far: bool) -> str:
    """One name of it: the nearest, or one that is unlike it where there is a choice. Raises Unreadable."""
    match language:
        case Character(ranges):
            return _character(ranges, far)
        case InOrder(parts):
            return "".join(sample(part, far=far) for part in parts)
        case Either(choices):
            return sample(choices[-1 if far else 0], far=far)
        case Repeated(part, least, most):
            times = least + (1 if far and most != least else 0)
            return sample(part, far=far) * times if times else ""


def _character(ranges: Ranges, far: bool) -> str:
    if not ranges:
        raise Unreadable
    number = ranges[-1][1] if far else ranges[0][0]
    if 0xD800 <= number <= 0xDFFF:  # half a character, which no name has
        raise Unreadable
    return chr(number)


class _Reader:
    """Reads an expression from left to right. `at`: what comes next."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def whole(self) -> Language:
        found = self._either(outermost=True)
        if self.at < len(self.text):
            raise Unreadable
        return found

    def _either(self, *, outermost: bool) -> Language:
        choices = [self._in_order(outermost)]
        while self._takes("|"):
            choices.append(self._in_order(outermost))
        return choices[0] if len(choices) == 1 else Either(tuple(choices))

    def _in_order(self, outermost: bool) -> Language:
        """Where a whole name is compared, ^ at its beginning and $ at its end say nothing."""
        parts: list[Language] = []
        if outermost:
            self._takes("^")
        while self.at < len(self.text) and self._next() not in "|)":
            if outermost and self._next() == "$" and self.text[self.at + 1 : self.at + 2] in ("", "|"):
                self.at += 1
                break
            parts.append(self._repeated())
        return InOrder(tuple(parts))

    def _repeated(self) -> Language:
        part = self._one()
        while (times := self._times()) is not None:
            part = Repeated(part, *times)
            self._takes("?")  # as few as will do: the same names
        return part

    def _times(self) -> tuple[int, int | None] | None:
        if self._takes("*"):
            return 0, None
        if self._takes("+"):
            return 1, None
        if self._takes("?"):
            return 0, 1
        if self.at == len(self.text) or self._next() != "{":
            return None
        said = self._pattern(_TIMES)
        least = int(said[1])
        return least, (int(said[3]) if said[3] else None) if said[2] else least

    def _one(self) -> Language:
        character = self._take()
        match character:
            case ".":
                return ANY
            case "(":
                return self._group()
            case "[":
                return Character(self._set())
            case "\\":
                return Character(self._escaped())
            case "*" | "+" | "?" | "{" | "^" | "$":
                raise Unreadable
        return Character(((ord(character), ord(character)),))

    def _group(self) -> Language:
        if self.at < len(self.text) and self._next() == "?":
            self._pattern(_NAME)
        found = self._either(outermost=False)
        if not self._takes(")"):
            raise Unreadable
        return found

    def _set(self) -> Ranges:
        negated = self._takes("^")
        found: list[tuple[int, int]] = []
        while not (found and self._takes("]")):
            found += self._members()
        return _others(found) if negated else tuple(sorted(found))

    def _members(self) -> Ranges:
        first = self._member()
        following = self.text[self.at : self.at + 2]
        if len(first) == 1 and following[:1] == "-" and following[1:] not in ("", "]"):
            self.at += 1
            last = self._member()
            return ((first[0][0], last[-1][1]),)
        return first

    def _member(self) -> Ranges:
        character = self._take()
        if character == "\\":
            return self._escaped()
        if character == "[" and self.at < len(self.text) and self._next() == ":":
            raise Unreadable
        return ((ord(character), ord(character)),)

    def _escaped(self) -> Ranges:
        character = self._take()
        if character.lower() in _SETS:
            ranges = _SETS[character.lower()]
            return ranges if character.islower() else _others(list(ranges))
        if character in _CONTROLS:
            return ((_CONTROLS[character],) * 2,)
        if character == "x":
            self.at -= 1
            return ((int(self._pattern(_HEX)[1], 16),) * 2,)
        if character.isalnum() or not character.isascii():
            raise Unreadable
        return ((ord(character),) * 2,)

    def _next(self) -> str:
        return self.text[self.at]

    def _take(self) -> str:
        if self.at == len(self.text):
            raise Unreadable
        self.at += 1
        return self.text[self.at - 1]

    def _takes(self, character: str) -> bool:
        if self.text[self.at : self.at + 1] != character:
            return False
        self.at += 1
        return True

    def _pattern(self, expected: re.Pattern[str]) -> re.Match[str]:
        found = expected.match(self.text, self.at)
        if found is None:
            raise Unreadable
        self.at = found.end()
        return found


def _others(ranges: list[tuple[int, int]]) -> Ranges:
    """All characters that are not in `ranges`."""
    found = []
    free = 0
    for first, last in sorted(ranges):
        if first > free:
            found.append((free, first - 1))
        free = max(free, last + 1)
    if free <= LAST_CHARACTER:
        found.append((free, LAST_CHARACTER))
    return tuple(found)
