"""Whether one pattern matches every name that another one does, proven on their automata within a bound of work."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from settings_app.language import ANY, LAST_CHARACTER, Character, Either, InOrder, Language, Ranges, Repeated

MOST_STATES = 2000  # of one automaton; the longest pattern without counted repeats has half of that
MOST_STEPS = 5000  # of one proof: 15 ms


class TooLarge(Exception):
    """It cannot be told within the bounds."""


@dataclass
class Work:
    """The steps that may still be taken, by all proofs together."""

    steps: int


@dataclass
class Automaton:
    """States are numbers, 0 the first and the highest the last. `free`: where one gets without a character."""

    moves: list[list[tuple[Ranges, int]]] = field(default_factory=list)
    free: list[list[int]] = field(default_factory=list)
    _closed: dict[frozenset[int], frozenset[int]] = field(default_factory=dict)
    _reached: dict[tuple[frozenset[int], int], frozenset[int]] = field(default_factory=dict)

    @property
    def last(self) -> int:
        return len(self.moves) - 1

    def state(self) -> int:
        if len(self.moves) >= MOST_STATES:
            raise TooLarge
        self.moves.append([])
        self.free.append([])
        return self.last

    def closure(self, states: Iterable[int]) -> frozenset[int]:
        asked = frozenset(states)
        if asked not in self._closed:
            found, left = set(asked), list(asked)
            while left:
                new = [state for state in self.free[left.pop()] if state not in found]
                found.update(new)
                left += new
            self._closed[asked] = frozenset(found)
        return self._closed[asked]

    def reached(self, states: frozenset[int], character: int) -> frozenset[int]:
        """Where this character leads from any of `states`."""
        key = (states, character)
        if key not in self._reached:
            self._reached[key] = self.closure(
                target
                for state in states
                for ranges, target in self.moves[state]
                if any(first <= character <= last for first, last in ranges)
            )
        return self._reached[key]

    def endless(self) -> frozenset[int]:
        """States from which on every name is taken: each character leads back to them, and they may be the end."""
        return frozenset(
            state
            for state in range(len(self.moves))
            if self.last in (near := self.closure([state]))
            and any(
                ranges == ANY.ranges and state in self.closure([target])
                for other in near
                for ranges, target in self.moves[other]
            )
        )

    def borders(self) -> set[int]:
        """The characters from which on something changes: between two of them all are treated alike."""
        found = {0}
        for moves in self.moves:
            for ranges, _ in moves:
                for first, last in ranges:
                    found |= {first, last + 1}
        return found


def automaton(language: Language) -> Automaton:
    """Raises TooLarge."""
    found = Automaton()
    end = _add(found, language, found.state())
    last = found.state()
    found.free[end].append(last)
    return found


def includes(whole: Automaton, part: Automaton, work: Work) -> bool:
    """Whether every name of `part` is one of `whole`. Raises TooLarge."""
    characters = sorted(c for c in whole.borders() | part.borders() if c <= LAST_CHARACTER)
    endless = whole.endless()
    first = (part.closure([0]), whole.closure([0]))
    seen, left = {first}, [first]
    most = min(MOST_STEPS, work.steps)
    steps = 0
    while left:
        here, there = left.pop()
        if endless & there:
            continue
        if part.last in here and whole.last not in there:
            return False
        for character in characters:
            here_next = part.reached(here, character)
            if not here_next:
                continue
            pair = (here_next, whole.reached(there, character))
            size = 1 + (len(pair[0]) + len(pair[1])) // 8
            steps += size
            work.steps -= size
            if steps > most:
                raise TooLarge
            if pair not in seen:
                seen.add(pair)
                left.append(pair)
    return True


def _add(found: Automaton, language: Language, start: int) -> int:
    """Adds the states that `language` needs from `start` on; returns where it ends."""
    match language:
        case Character(ranges):
            end = found.state()
            found.moves[start].append((ranges, end))
            return end
        case InOrder(parts):
            for part in parts:
                start = _add(found, part, start)
            return start
        case Either(choices):
            ends = [_add(found, choice, _fork(found, start)) for choice in choices]
            return _join(found, ends)
        case Repeated(part, least, most):
            return _add_repeated(found, part, least, most, start)


def _add_repeated(found: Automaton, part: Language, least: int, most: int | None, start: int) -> int:
    for _ in range(least):
        start = _add(found, part, start)
    if most is None:
        begin = _fork(found, start)
        end = _add(found, part, begin)
        found.free[end].append(begin)
        return _join(found, [begin, end])
    ends = [start]
    for _ in range(most - least):
        start = _add(found, part, _fork(found, start))
        ends.append(start)
    return _join(found, ends)


def _fork(found: Automaton, start: int) -> int:
    """A state of its own after `start`, so that what loops back does not reach what else begins there."""
    state = found.state()
    found.free[start].append(state)
    return state


def _join(found: Automaton, ends: list[int]) -> int:
    state = found.state()
    for end in ends:
        found.free[end].append(state)
    return state
