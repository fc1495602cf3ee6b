"""Which of many patterns match a name, without asking each.

With 500 expressions RE2 answers for all of them in one pass over the name, in 6 to 80 µs; one after the other they
take 750 µs.
"""

from collections import defaultdict
from collections.abc import Sequence

import re2
from django.core.exceptions import ValidationError

from settings_app import patterns
from settings_app.patterns import Matches

_ANYTHING = ".*"
_MOST_BYTES = 32 * 2**20  # for what RE2 keeps of the names it has seen; its own 8 MiB hold 300 large patterns


class PatternIndex:
    """`asked`: (kind, pattern), in the order whose numbers `matching` answers with.

    A pattern that RE2 refuses matches nothing: it came past all doors.
    """

    def __init__(self, asked: Sequence[tuple[str, str]]) -> None:
        self._exact: defaultdict[str, list[int]] = defaultdict(list)
        self._prefixes: defaultdict[str, list[int]] = defaultdict(list)
        self._expressions: list[tuple[int, str]] = []
        for number, (kind, pattern) in enumerate(asked):
            if kind == "exact":
                self._exact[pattern].append(number)
            elif kind == "prefix":
                self._prefixes[pattern].append(number)
            else:
                self._expressions.append((number, patterns.expression(kind, pattern)))
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})
        self._all_at_once = _Together(self._expressions)

    def matching(self, name: str) -> list[int]:
        """The numbers of those that match all of `name`, ascending."""
        found = [*self._exact.get(name, ()), *self._all_at_once.matching(name)]
        for length in self._lengths:
            if length > len(name):
                break
            found += self._prefixes.get(name[:length], ())
        return sorted(found)


class _Together:
    """Expressions that RE2 matches in one pass.

    It says nothing when it runs out of memory on the way, as if none had matched. An expression that matches
    everything tells the two apart; then they are asked one after the other.
    """

    def __init__(self, expressions: Sequence[tuple[int, str]]) -> None:
        self._set = re2.Set.FullMatchSet(patterns.options(most_bytes=_MOST_BYTES))
        self._numbers: list[int] = []
        self._sources: list[str] = []
        for number, source in expressions:
            try:
                self._set.Add(source)
            except re2.error:
                continue
            self._numbers.append(number)
            self._sources.append(source)
        self._set.Add(_ANYTHING)
        self._matchers: list[Matches] | None = None
        try:
            self._set.Compile()
        except re2.error:  # too large for one pass
            self._set = None

    def matching(self, name: str) -> list[int]:
        if not self._numbers:
            return []
        found = self._set.Match(name) if self._set else None
        if found is None:
            return self._one_by_one(name)
        return [self._numbers[index] for index in found if index < len(self._numbers)]

    def _one_by_one(self, name: str) -> list[int]:
        if self._matchers is None:
            self._matchers = [_matcher(source) for source in self._sources]
        return [n for n, matches in zip(self._numbers, self._matchers, strict=True) if matches(name)]


def _matcher(source: str) -> Matches:
    try:
        return patterns.matcher("regex", source)
    except ValidationError:  # larger than one expression may be, which a set of them does not say
        return lambda name: False
