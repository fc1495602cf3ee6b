"""Texts that stand in a grammar without quotes, as terminals of llguidance's Lark."""

import re
from collections.abc import Sequence
from typing import Any

from inference.runner.form import literal
from inference.runner.members import SAYS_NOTHING, NoForm

OF_TEXTS = {"type", "minLength", "maxLength", "pattern"}
# Neither ends in what Python's strip() takes for space.
TRIMMED = r"/([^\s\x1c-\x1f\x85]((.|\n)*[^\s\x1c-\x1f\x85])?)?/"
# By ECMA, in which schemas are written; in the grammar they would be Unicode's.
_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_"}
_MEANT_LITERALLY = set("\\/.*+?()[]{}|^$-ntr")


def other_than(words: Sequence[str]) -> str:
    """Any text but these words, in small letters or large ones."""
    return f"~({' | '.join(f'{literal(word)}i' for word in words)})"


def fitting(schema: dict[str, Any], place: str) -> list[str]:
    """Terminals that all have to match what fits the schema of a text. Raises NoForm."""
    if beside := schema.keys() - OF_TEXTS - SAYS_NOTHING:
        raise NoForm(
            f"{place}: this model writes texts without quotes, and {', '.join(sorted(beside))} cannot be kept there. "
            "Leave it out, or say it with a pattern."
        )
    found = []
    least, most = schema.get("minLength", 0), schema.get("maxLength", "")
    if least or most != "":
        found.append(rf"/(.|\n){{{_count(least, place)},{most if most == '' else _count(most, place)}}}/")
    if "pattern" in schema:
        found.append(_whole(str(schema["pattern"]), place))
    return found or ["TEXT"]


def _count(value: Any, place: str) -> int:
    if type(value) is not int or value < 0:
        raise NoForm(f"{place}: the length of a text is a number from 0 on.")
    return value


def _whole(pattern: str, place: str) -> str:
    """A pattern is looked for anywhere; a terminal matches the whole text."""
    begins, ends = pattern.startswith("^"), re.search(r"(?<!\\)(\\\\)*\$$", pattern) is not None
    inner = _translated(pattern[begins : len(pattern) - ends], alone=not (begins or ends), place=place)
    before, after = "" if begins else r"(.|\n)*", "" if ends else r"(.|\n)*"
    return f"/{before}({inner}){after}/"


def _translated(pattern: str, *, alone: bool, place: str) -> str:
    """In the grammar's own way of writing it. `alone`: there are no anchors that an alternative would split off."""
    found, depth, in_class = [], 0, False
    letters = iter(pattern)
    for letter in letters:
        if letter == "\\":
            letter = _escaped(next(letters, ""), in_class, place)
        elif in_class:
            in_class = letter != "]"
        elif letter in "^$" or (letter == "|" and depth == 0 and not alone):
            raise _too_much(place)
        else:
            in_class = letter == "["
            depth += (letter == "(") - (letter == ")")
        found.append({"/": r"\/", "\n": r"\n"}.get(letter, letter))
    return "".join(found)


def _escaped(letter: str, in_class: bool, place: str) -> str:
    if letter in _CLASSES:
        return _CLASSES[letter] if in_class else f"[{_CLASSES[letter]}]"
    if letter in _MEANT_LITERALLY and letter:
        return f"\\{letter}"
    raise _too_much(place)


def _too_much(place: str) -> NoForm:
    return NoForm(
        f"{place}: this model writes texts without quotes, and this pattern cannot be kept there. Write one of "
        "letters, classes, \\d, \\w, groups and repetitions, with ^ at its begin and $ at its end."
    )
