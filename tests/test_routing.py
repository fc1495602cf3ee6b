"""The router by itself: which rule wins, what is passed over, and that no name takes long."""

import dataclasses
import fnmatch
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import ModelNotFound, Unroutable
from inference.routing import decide
from settings_app import models
from settings_app.pattern_index import PatternIndex
from settings_app.patterns import matcher
from settings_app.snapshot import EMPTY, Fallback, Model, Provider, Rule, Snapshot
from settings_app.stored import load

NAMES = st.text(alphabet="ab*?[]!-^.\\/\n é", max_size=8)
PLAIN = st.text(alphabet="ab/", max_size=4)
WILD = st.sampled_from(["a*", "*", "?b", "[ab]*", "[!a]", "a[b", "**/", "[a-b]?"])
REPEATED = st.tuples(
    st.sampled_from(["a", "b", "/", ".", "[a-c]", "[^a]"]), st.sampled_from(["", "*", "+", "?"])
)
REGEXES = st.recursive(
    st.lists(REPEATED.map("".join), max_size=4).map("".join),
    lambda inner: (
        st.tuples(inner, inner).map("({0[0]}|{0[1]})".format) | st.tuples(inner, inner).map("".join)
    ),
    max_leaves=4,
)
ASKED = st.tuples(st.sampled_from(["exact", "prefix", "glob"]), PLAIN | WILD) | st.tuples(
    st.just("regex"), REGEXES
)
HOSTILE = st.recursive(
    st.sampled_from(["a", ".", "[a-z]", "a?", "a*"]),
    lambda inner: (
        inner.map("({0}+)+".format)
        | inner.map("({0}*)*".format)
        | inner.map("({0}|{0})*".format)
        | st.tuples(inner, inner).map("({0[0]}|{0[1]}.)+".format)
        | inner.map("{0}{{1,20}}".format)
    ),
    max_leaves=4,
)
UP = Provider(1, "Up", "openai", "https://up.example", "key", False, "")
DOWN = Provider(2, "Down", "openai", "https://down.example", "", False, "has no API key")


def rule(pattern: str, kind: str = "exact", **more: Any) -> Rule:
    position = more.pop("position", 1)
    plain = {"provider_id": None, "target_model": "", "fallbacks": (), "local_only": False, "enabled": True}
    return Rule(id=position, position=position, pattern=pattern, kind=kind, **{**plain, **more})


def stored(*rules: Rule, models: tuple[str, ...] = ("tiny",)) -> Snapshot:
    providers = {provider.id: provider for provider in (UP, DOWN)}
    known = {name: Model(name, Path(), "text", None) for name in models}
    return dataclasses.replace(EMPTY, rules=rules, providers=providers, models=known)


def naive(kind: str, pattern: str, name: str) -> bool:
    if kind == "exact":
        return name == pattern
    if kind == "prefix":
        return name.startswith(pattern)
    if kind == "glob":
        return fnmatch.fnmatchcase(name, pattern)
    return re.fullmatch(pattern, name, re.DOTALL) is not None


@given(asked=ASKED, name=PLAIN)
def test_a_pattern_means_what_its_kind_says(asked: tuple[str, str], name: str) -> None:
    assert matcher(*asked)(name) == naive(*asked, name)


@given(pattern=NAMES, name=NAMES)
def test_no_glob_fails_and_its_own_text_without_wildcards_matches(pattern: str, name: str) -> None:
    try:
        found = matcher("glob", pattern)(name)
    except ValidationError:  # [b-a]
        assert "[" in pattern
        return
    assert isinstance(found, bool)
    if not set(pattern) & set("*?["):
        assert found == (pattern == name)


@given(asked=st.lists(ASKED, max_size=12), name=PLAIN)
def test_the_first_rule_that_matches_wins(asked: list[tuple[str, str]], name: str) -> None:
    rules = [rule(p, k, position=i, target_model=f"t{i}") for i, (k, p) in enumerate(asked, 1)]
    assert PatternIndex(asked).matching(name) == [
        number for number, one in enumerate(asked) if naive(*one, name)
    ]
    assert followed(name, rules) == next((r for r in rules if naive(r.kind, r.pattern, name)), None)


@pytest.mark.django_db
@settings(deadline=None, max_examples=50)
@given(asked=st.lists(st.tuples(ASKED, st.integers(1, 9)), min_size=1, max_size=9), name=PLAIN)
def test_the_order_is_the_position_however_the_rules_were_made(
    asked: list[tuple[tuple[str, str], int]], name: str
) -> None:
    """Positions beside their ids' order; of two at the same one, the older comes first."""
    models.Rule.objects.all().delete()
    for (kind, pattern), position in asked:
        models.Rule.objects.create(kind=kind, pattern=pattern, position=position, target_model="t")
    rules = load().rules
    in_order = sorted(rules, key=lambda rule: (rule.position, rule.id))
    assert len(rules) == len(asked)
    assert followed(name, rules) == next((r for r in in_order if naive(r.kind, r.pattern, name)), None)


def followed(name: str, rules: Sequence[Rule]) -> Rule | None:
    try:
        return decide(name, stored(*rules)).rule
    except ModelNotFound:
        return None


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?=a)b", "(?<!a)b", "(", "a{1001}"])
def test_what_would_not_be_linear_is_refused_with_the_reason(pattern: str) -> None:
    with pytest.raises(ValidationError) as refused:
        matcher("regex", pattern)
    assert "The pattern cannot be used: " in refused.value.messages[0]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a*)*(a*)*c", "(.*)*x", "([a-z]+)*!"])
def test_hostile_patterns_and_names_take_linear_time(pattern: str) -> None:
    """Python's own `re` would not be back this year."""
    match = matcher("regex", pattern)
    took = []
    for length in (10_000, 100_000):
        name = "a" * length + "!?"
        began = time.thread_time()
        match(name)
        took.append(time.thread_time() - began)
    assert took[1] < max(took[0], 0.002) * 40


@settings(deadline=None, max_examples=50)
@given(patterns=st.lists(HOSTILE, min_size=1, max_size=4), end=st.sampled_from(["", "!", "c", "(b|c)"]))
def test_no_pattern_and_no_name_take_long(patterns: list[str], end: str) -> None:
    """Half a second is 25 µs for each letter; what goes back over a name takes years for 40 of them."""
    hostile = [("regex", pattern + end) for pattern in patterns]
    index = PatternIndex(hostile)
    began = time.thread_time()
    index.matching("a" * 20_000 + "?")
    assert time.thread_time() - began < 0.5
    name = "a" * 499 + "?"
    began = time.thread_time()
    followed(name, [rule(pattern, kind, position=i) for i, (kind, pattern) in enumerate(hostile, 1)])
    assert time.thread_time() - began < 0.5


def test_a_thousand_rules_cost_a_known_name_nothing_and_a_new_one_little() -> None:
    settings = stored(*(rule(f"(x+)+{n}", "regex", position=n) for n in range(1, 1001)), rule("n*", "glob"))
    decide("new", settings)  # compiles
    began = time.thread_time()
    decide("never-seen", settings)
    new = time.thread_time() - began
    began = time.thread_time()
    for _ in range(1000):
        decide("new", settings)
    assert (time.thread_time() - began) / 1000 < 50e-6
    assert new < 0.1


def test_a_thousand_new_names_do_not_push_out_one_that_is_in_use() -> None:
    settings = stored(rule("*", "glob", target_model="tiny"))
    first = decide("in use", settings)
    for number in range(10_000):
        decide(f"new {number}", settings)
        if number % 1000 == 0:
            assert decide("in use", settings) is first
    assert decide("new 9999", settings) is decide("new 9999", settings)
    assert decide("in use", stored(rule("*", "glob", target_model="tiny"))) is not first


def test_a_refusal_is_kept_too_and_made_anew_for_each_request() -> None:
    settings = stored(*(rule(f"(x+)+{n}", "regex", position=n) for n in range(1, 1001)))
    refused = []
    took = []
    for _ in range(200):
        began = time.thread_time()
        with pytest.raises(ModelNotFound) as raised:
            decide("x" * 400, settings)
        took.append(time.thread_time() - began)
        refused.append(raised.value)
    assert sorted(took)[100] < 100e-6 < took[0]  # only the first one walks the rules
    assert len({id(error) for error in refused}) == 200


def test_a_model_that_is_added_is_no_longer_refused() -> None:
    rules = (rule("other"),)
    with pytest.raises(ModelNotFound):
        decide("new", stored(*rules))
    assert decide("new", stored(*rules, models=("tiny", "new"))).targets[0].model == "new"


def test_what_cannot_be_followed_is_passed_over_and_said() -> None:
    deleted = rule("m", provider_id=9, position=1)
    down = rule("m*", "glob", provider_id=2, position=2)
    off = rule("m", enabled=False, target_model="never", position=3)
    up = rule("m", provider_id=1, target_model="large", position=4)
    decision = decide("m", stored(deleted, down, off, up))
    assert decision.rule == up
    assert [target.backend for target in decision.targets] == ["Up"]
    assert decision.skipped == (
        "rule 1 (m): its provider was deleted",
        "rule 2 (m*): provider Down has no API key",
    )


def test_a_cloud_rule_is_never_answered_by_a_local_model_without_a_word() -> None:
    with pytest.raises(Unroutable, match="provider Down has no API key"):
        decide("tiny", stored(rule("tiny", provider_id=2)))


def test_fallbacks_keep_their_order_and_leave_out_what_cannot_serve() -> None:
    fallbacks = (
        Fallback(2, "", ("error",)),
        Fallback(1, "", ("error",)),
        Fallback(None, "tiny", ("timeout", "overload"), 5.0),
        Fallback(None, "tiny", ("error",)),
    )
    decision = decide("m", stored(rule("m", provider_id=1, target_model="", fallbacks=fallbacks)))
    assert [target.place for target in decision.targets] == [(1, "m"), (None, "tiny")]
    assert (decision.targets[1].causes, decision.targets[1].after_seconds) == (("timeout", "overload"), 5.0)
    assert decision.skipped == ("a fallback of rule 1 (m): provider Down has no API key",)


def test_what_never_leaves_this_machine_does_not() -> None:
    """The doors refuse such a rule; one that came past them is not followed either."""
    cloud = rule("m", provider_id=1, local_only=True)
    with pytest.raises(Unroutable, match="never leaves this machine"):
        decide("m", stored(cloud))
    fallback = rule("m", target_model="tiny", local_only=True, fallbacks=(Fallback(1, "", ("error",)),))
    assert [target.backend for target in decide("m", stored(fallback)).targets] == ["local"]


def test_a_name_that_is_too_long_is_nobodys() -> None:
    with pytest.raises(ModelNotFound):
        decide("m" * 501, stored(rule("*", "glob", target_model="tiny")))
