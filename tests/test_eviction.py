"""Who goes so that another model fits: the policy alone, in microseconds."""

from hypothesis import given
from hypothesis import strategies as st

from inference.eviction import Holder, Limits, could_have, excess, plan

GB = 2**30
holders = st.lists(
    st.builds(
        Holder,
        name=st.uuids().map(str),
        bytes=st.integers(0, 8 * GB),
        busy=st.booleans(),
        pinned=st.booleans(),
        leaving=st.booleans(),
        last_used=st.floats(0, 1e6),
        uses=st.integers(0, 1000),
        expires=st.floats(0, 1e6) | st.just(float("inf")),
    ),
    max_size=8,
)
limits = st.builds(
    Limits,
    bytes=st.integers(0, 32 * GB),
    models=st.integers(1, 8),
    order=st.sampled_from(["lru", "lfu", "ttl"]),
)
needs = st.integers(1, 16 * GB)


def held(found: list[Holder]) -> int:
    return sum(holder.bytes for holder in found)


@given(needs, holders, limits)
def test_what_is_let_in_keeps_the_limits(need: int, there: list[Holder], limits: Limits) -> None:
    if plan(need, there, limits).now:
        assert held(there) + need <= limits.bytes
        assert len(there) < limits.models


@given(needs, holders, limits)
def test_nobody_goes_who_is_busy_pinned_or_going_already(
    need: int, there: list[Holder], limits: Limits
) -> None:
    for victim in (*plan(need, there, limits).evict, *excess(there, limits)):
        assert not (victim.busy or victim.pinned or victim.leaving)


@given(needs, holders, limits)
def test_nobody_goes_in_vain_and_no_more_than_needed(need: int, there: list[Holder], limits: Limits) -> None:
    found = plan(need, there, limits)
    if not found.evict:
        return
    stay = [holder for holder in there if holder not in found.evict and not holder.leaving]
    assert held(stay) + need <= limits.bytes
    assert len(stay) < limits.models
    one_more = [*stay, found.evict[-1]]
    assert held(one_more) + need > limits.bytes or len(one_more) >= limits.models


@given(needs, holders, limits)
def test_they_go_in_the_chosen_order(need: int, there: list[Holder], limits: Limits) -> None:
    def rank(holder: Holder) -> tuple[float, float]:
        first = {"lru": 0, "lfu": holder.uses, "ttl": holder.expires}[limits.order]
        return first, holder.last_used

    for victims in (plan(need, there, limits).evict, excess(there, limits)):
        spared = [holder for holder in there if holder.may_go and holder not in victims]
        assert [rank(victim) for victim in victims] == sorted(map(rank, victims))
        assert all(rank(victim) <= rank(other) for victim in victims[-1:] for other in spared)


@given(needs, holders, limits)
def test_never_means_never_and_waiting_can_end(need: int, there: list[Holder], limits: Limits) -> None:
    """Once everyone that is busy has become idle and those that go are gone, either there is room or there is none."""
    found = plan(need, there, limits)
    later = [Holder(h.name, h.bytes, pinned=h.pinned) for h in there if not h.leaving]
    then = plan(need, later, limits)
    if found.never:
        assert then.never
    elif not found.now:
        assert then.now or then.evict


@given(needs, holders, limits)
def test_need_and_have_explain_a_refusal(need: int, there: list[Holder], limits: Limits) -> None:
    if plan(need, there, limits).never:
        pinned = [holder for holder in there if holder.pinned and not holder.leaving]
        assert need > could_have(there, limits) or len(pinned) >= limits.models


@given(holders, limits)
def test_what_is_left_of_an_excess_is_within_the_limits_or_may_not_go(
    there: list[Holder], limits: Limits
) -> None:
    victims = excess(there, limits)
    left = [holder for holder in there if holder not in victims and not holder.leaving]
    within = held(left) <= limits.bytes and len(left) <= limits.models
    assert within or not any(holder.may_go for holder in left)


def test_each_order_names_another_one() -> None:
    there = [
        Holder("old", GB, last_used=1, uses=9, expires=90),
        Holder("rare", GB, last_used=2, uses=1, expires=80),
        Holder("brief", GB, last_used=3, uses=5, expires=20),
    ]
    for order, first in (("lru", "old"), ("lfu", "rare"), ("ttl", "brief")):
        found = plan(GB, there, Limits(3 * GB, 9, order))
        assert [victim.name for victim in found.evict] == [first]
