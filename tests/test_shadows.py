"""A rule that is marked as shadowed never wins, whatever name is asked for; what is proven about patterns holds."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import assume, given
from hypothesis import strategies as st

from inference.errors import ApiError
from inference.routing import decide
from settings_app import language, marks, patterns
from settings_app.inclusion import Automaton, TooLarge, Work, automaton, includes
from settings_app.language import Unreadable, sample
from settings_app.pattern_index import PatternIndex
from settings_app.shadows import Shadows
from tests.test_routing import rule, stored

NAMES = st.text(alphabet="ab1-.\n é", max_size=7)
PLAIN = st.text(alphabet="ab1-", max_size=4)
ATOMS = [
    "a",
    "b",
    "1",
    "-",
    ".",
    r"\.",
    "[ab]",
    "[^a]",
    "[a-b1]",
    r"\d",
    r"\w",
    r"[^\w-]",
    r"\S",
    r"\x61",
    "é",
]
REGEXES = st.recursive(
    st.sampled_from(ATOMS),
    lambda part: st.one_of(
        st.tuples(part, part).map("".join),
        st.tuples(part, part).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(part, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?"])).map(
            lambda two: f"(?:{two[0]}){two[1]}"
        ),
        part.map(lambda inside: f"^{inside}$"),
    ),
    max_leaves=6,
)
SYNTAX = st.text(alphabet=r"ab1.*+?|()[]^$-\dws{},:", max_size=8)
GLOBS = st.lists(st.sampled_from(["a", "b", "1", "*", "?", "[ab]", "[!a]", "**"]), max_size=5).map("".join)
PATTERNS = st.one_of(
    st.tuples(st.sampled_from(["exact", "prefix"]), PLAIN),
    st.tuples(st.just("glob"), GLOBS | PLAIN),
    st.tuples(st.just("regex"), REGEXES | SYNTAX),
)


def matches(pattern: tuple[str, str], name: str) -> bool:
    try:
        return patterns.matcher(*pattern)(name)
    except ValidationError:
        return False


def readable(pattern: tuple[str, str]) -> Automaton:
    try:
        patterns.matcher(*pattern)
        return automaton(language.of(*pattern))
    except (ValidationError, Unreadable, TooLarge):
        assume(False)
        raise


def takes(found: Automaton, name: str) -> bool:
    states = found.closure([0])
    for character in name:
        states = found.reached(states, ord(character))
    return found.last in states


@given(asked=st.lists(PATTERNS, max_size=8), name=NAMES)
def test_the_index_finds_what_one_after_the_other_would(asked: list[tuple[str, str]], name: str) -> None:
    expected = [number for number, pattern in enumerate(asked) if matches(pattern, name)]
    assert PatternIndex(asked).matching(name) == expected


def test_what_is_too_large_for_one_pass_is_asked_one_by_one() -> None:
    asked = [("regex", f".*a.{{200}}b{number}") for number in range(600)]
    index = PatternIndex([*asked, ("prefix", "a")])
    assert index.matching("a" * 201 + "b7") == [7, 600]
    assert index.matching("b7") == []


@given(pattern=PATTERNS, name=NAMES)
def test_a_pattern_is_read_as_it_is_matched(pattern: tuple[str, str], name: str) -> None:
    assert takes(readable(pattern), name) == matches(pattern, name)


@given(pattern=PATTERNS, far=st.booleans())
def test_a_sample_is_a_name_that_matches(pattern: tuple[str, str], far: bool) -> None:
    readable(pattern)
    try:
        name = sample(language.of(*pattern), far=far)
    except Unreadable:  # it matches nothing, or only half characters
        assume(False)
        raise
    assert matches(pattern, name)


@given(whole=PATTERNS, part=PATTERNS, name=NAMES)
def test_what_is_included_matches_no_other_name(
    whole: tuple[str, str], part: tuple[str, str], name: str
) -> None:
    if includes(readable(whole), readable(part), Work(10_000)) and matches(part, name):
        assert matches(whole, name)


@given(
    asked=st.lists(
        st.tuples(PATTERNS, st.sampled_from([None, 1, 2, 9]), st.booleans() | st.just(True)), max_size=8
    ),
    names=st.lists(NAMES, max_size=20),
)
def test_a_rule_that_is_marked_never_wins(
    asked: list[tuple[tuple[str, str], int | None, bool]], names: list[str]
) -> None:
    """Provider 1 is up, 2 is down, 9 was deleted."""
    rules = tuple(
        rule(pattern, kind, position=position, provider_id=provider, enabled=enabled)
        for position, ((kind, pattern), provider, enabled) in enumerate(asked, 1)
    )
    settings = stored(*rules)
    marked = {id for id, mark in marks.of(rules, settings.providers).items() if mark != marks.Mark()}
    for name in [*names, *(pattern for (_, pattern), _, _ in asked)]:
        try:
            won = decide(name, settings).rule
        except ApiError:
            continue
        assert won is None or won.id not in marked


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (("exact", "m"), ("exact", "m")),
        (("prefix", "gpt-"), ("exact", "gpt-9")),
        (("prefix", "gpt-"), ("prefix", "gpt-4")),
        (("prefix", "gpt-"), ("glob", "gpt-*-mini")),
        (("prefix", "gpt-"), ("regex", r"gpt-(4|5)(\.\d+)?")),
        (("glob", "*"), ("prefix", "x")),
        (("glob", "g?t-*"), ("glob", "gpt-[45]*")),
        (("glob", "*-mini*"), ("glob", "gpt-*-mini")),
        (("glob", "*a*b*"), ("glob", "*a?*b")),
        (("regex", ".*"), ("regex", r"(?i)anything\b")),
        (("regex", "(?i)same"), ("regex", "(?i)same")),
        (("regex", "(a|b)*"), ("regex", "(ab)+")),
        (("regex", "[a-z]+"), ("glob", "[a-c][x-z]")),
    ],
)
def test_what_is_covered_is_found(earlier: tuple[str, str], later: tuple[str, str]) -> None:
    assert Shadows([earlier, later], [True, True]).of(1) == 0
    assert Shadows([earlier, later], [False, True]).of(1) is None
    assert Shadows([earlier, later], [True, True]).of(0) is None


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (("exact", "m"), ("prefix", "m")),
        (("prefix", "gpt-4"), ("prefix", "gpt-")),
        (("glob", "?*"), ("glob", "*")),
        (("glob", "*-mini"), ("glob", "gpt-*-mini*")),
        (("regex", "[^\n]*"), ("glob", "*")),
        (("regex", ".+"), ("regex", "(?i)x*")),
        (("regex", "("), ("exact", "(")),
    ],
)
def test_what_can_win_is_not_marked(earlier: tuple[str, str], later: tuple[str, str]) -> None:
    assert Shadows([earlier, later], [True, True]).of(1) is None


def test_a_thousand_hostile_patterns_are_given_up_in_time() -> None:
    asked = [("regex", f"(a|b)*a(a|b){{{number % 40 + 10}}}c?{number}") for number in range(300)]
    shadows = Shadows(asked, [True] * len(asked))
    assert [shadows.of(number) for number in range(len(asked))] == [None] * len(asked)
