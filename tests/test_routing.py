"""The router by itself: which rule wins, what is passed over, and that no name takes long."""

import dataclasses
import fnmatch
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import ModelNotFound, Unroutable
from inference.routing import Decision, decide
from settings_app.patterns import matcher
from settings_app.snapshot import EMPTY, Fallback, Model, Provider, Rule, Snapshot

NAMES = st.text(alphabet="ab*?[]!-^.\\/\n é", max_size=8)
PLAIN = st.text(alphabet="ab/", max_size=4)
WILD = st.sampled_from(["a*", "*", "?b", "[ab]*", "[!a]", "a[b", "**/", "[a-b]?"])
KINDS = st.sampled_from(["exact", "prefix", "glob"])
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
    return name.startswith(pattern) if kind == "prefix" else fnmatch.fnmatchcase(name, pattern)


@given(
    kind=KINDS,
    pattern=PLAIN | st.sampled_from(["a*", "*", "?b", "[ab]*", "[!a]", "a[b", "**/", "[a-b]?"]),
    name=PLAIN,
)
def test_a_pattern_means_what_its_kind_says(kind: str, pattern: str, name: str) -> None:
    assert matcher(kind, pattern)(name) == naive(kind, pattern, name)


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


@given(patterns=st.lists(st.tuples(KINDS, PLAIN), max_size=12), name=PLAIN)
def test_the_first_rule_that_matches_wins(patterns: list[tuple[str, str]], name: str) -> None:
    rules = [rule(p, k, position=i, target_model=f"t{i}") for i, (k, p) in enumerate(patterns, 1)]
    first = next((r for r in rules if naive(r.kind, r.pattern, name)), None)
    try:
        found: Decision | None = decide(name, stored(*rules))
    except ModelNotFound:
        found = None
    assert (found.rule if found else None) == first


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
        began = time.perf_counter()
        match(name)
        took.append(time.perf_counter() - began)
    assert took[1] < max(took[0], 0.002) * 40


def test_a_thousand_rules_cost_a_known_name_nothing_and_a_new_one_little() -> None:
    settings = stored(*(rule(f"(x+)+{n}", "regex", position=n) for n in range(1, 1001)), rule("n*", "glob"))
    decide("new", settings)  # compiles
    began = time.perf_counter()
    decide("never-seen", settings)
    new = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(1000):
        decide("new", settings)
    assert (time.perf_counter() - began) / 1000 < 50e-6
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
        began = time.perf_counter()
        with pytest.raises(ModelNotFound) as raised:
            decide("x" * 400, settings)
        took.append(time.perf_counter() - began)
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
