"""Which pattern of a list can never be the first to match, because one before it matches all that it does.

Only what is proven is told. Not told are: a pattern that several before it cover together, and regular expressions with
what `language` does not read, unless the one before is the same or matches everything.
"""

from collections.abc import Sequence
from functools import lru_cache

from settings_app import language
from settings_app.inclusion import Automaton, TooLarge, Work, automaton, includes
from settings_app.language import ANYTHING, Language, Unreadable, sample
from settings_app.pattern_index import PatternIndex

MOST_TRIED = 20  # candidates before one pattern
MOST_STEPS = 200_000  # for a whole list: half a second

Pattern = tuple[str, str]
"""Kind and pattern."""


class Shadows:
    """`wins`: which of the patterns are followed when they match; the others shadow nothing."""

    def __init__(self, patterns: Sequence[Pattern], wins: Sequence[bool]) -> None:
        self._patterns = patterns
        self._wins = wins
        self._index = PatternIndex(patterns)
        self._first = {pattern: n for n, pattern in reversed(list(enumerate(patterns))) if wins[n]}
        self._work = Work(MOST_STEPS)
        self._automata: dict[Pattern, Automaton] = {}

    def of(self, number: int) -> int | None:
        """The number of the first pattern before this one that matches all its names; None if none is known."""
        pattern = self._patterns[number]
        same = self._first.get(pattern, number)
        before = min(number, same)
        candidates = [other for other in self._candidates(pattern) if other < before and self._wins[other]]
        for other in candidates[:MOST_TRIED]:
            if self._covers(self._patterns[other], pattern):
                return other
        return same if same < number else None

    def _candidates(self, pattern: Pattern) -> list[int]:
        """Those that match two names of it which are as unlike as can be; whatever covers it is among them."""
        found = [self._index.matching(name) for name in _samples(pattern)]
        return sorted(set(found[0]).intersection(*found[1:])) if found else []

    def _covers(self, whole: Pattern, part: Pattern) -> bool:
        """`whole` is a candidate of `part`. One that cannot be read is covered by what covers anything."""
        if part[0] == "exact":
            return True
        if _language(whole) is None:
            return False
        try:
            return includes(self._automaton(whole), self._automaton(part), self._work)
        except TooLarge:
            return False

    def _automaton(self, pattern: Pattern) -> Automaton:
        if pattern not in self._automata:
            self._automata[pattern] = automaton(_language(pattern) or ANYTHING)
        return self._automata[pattern]


@lru_cache(maxsize=4096)
def _language(pattern: Pattern) -> Language | None:
    """None: it cannot be read."""
    try:
        return language.of(*pattern)
    except Unreadable:
        return None


@lru_cache(maxsize=4096)
def _samples(pattern: Pattern) -> tuple[str, ...]:
    """Names that it matches; none if it matches nothing."""
    kind, text = pattern
    if kind == "exact":
        return (text,)
    try:
        read = _language(pattern) or ANYTHING
        return sample(read, far=False), sample(read, far=True)
    except Unreadable:
        return ()
