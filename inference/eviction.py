"""Who has to go so that another model fits. Plain Python: no Django, no sockets, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Holder:
    """A model that is loaded, loads, or goes (`leaving`: its memory comes back by itself).

    `bytes`: what it holds, or what is reserved for it. `last_used` and `expires` (infinite: never) are seconds of one
    clock; `uses` is a count.
    """

    name: str
    bytes: int
    busy: bool = False
    pinned: bool = False
    leaving: bool = False
    last_used: float = 0.0
    uses: int = 0
    expires: float = float("inf")

    @property
    def may_go(self) -> bool:
        return not (self.busy or self.pinned or self.leaving)


@dataclass(frozen=True)
class Limits:
    """`order` in which to make room: lru, lfu, or ttl, the shortest time to live first."""

    bytes: int
    models: int
    order: str = "lru"


@dataclass(frozen=True)
class Plan:
    """`now`: there is room. `evict`: who has to go first, so not now; empty: wait for those that are busy or leave.

    `never`: as pins and limits are there will be no room, whoever becomes idle.
    """

    now: bool = False
    never: bool = False
    evict: tuple[Holder, ...] = ()


def plan(need_bytes: int, holders: Sequence[Holder], limits: Limits) -> Plan:
    """How a model that needs so much gets its place.

    Nobody is evicted before it is certain that room comes of it.
    """
    if not _fits(need_bytes, [holder for holder in holders if _stays(holder)], limits):
        return Plan(never=True)
    if _fits(need_bytes, holders, limits):
        return Plan(now=True)
    left = [holder for holder in holders if not holder.leaving]
    return Plan(evict=_victims(need_bytes, left, limits))


def excess(holders: Sequence[Holder], limits: Limits) -> tuple[Holder, ...]:
    """Who has to go so that the limits hold: as many as may go, where that is not enough."""
    left = [holder for holder in holders if not holder.leaving]
    victims = []
    for victim in _in_order(left, limits.order):
        if _within(left, limits):
            break
        left.remove(victim)
        victims.append(victim)
    return tuple(victims)


def could_have(holders: Sequence[Holder], limits: Limits) -> int:
    """The most that a new model can get: the limit less what stays whoever becomes idle."""
    return max(0, limits.bytes - sum(holder.bytes for holder in holders if _stays(holder)))


def _stays(holder: Holder) -> bool:
    return holder.pinned and not holder.leaving


def _fits(need_bytes: int, holders: Sequence[Holder], limits: Limits) -> bool:
    return (
        sum(holder.bytes for holder in holders) + need_bytes <= limits.bytes and len(holders) < limits.models
    )


def _within(holders: Sequence[Holder], limits: Limits) -> bool:
    return sum(holder.bytes for holder in holders) <= limits.bytes and len(holders) <= limits.models


def _victims(need_bytes: int, left: list[Holder], limits: Limits) -> tuple[Holder, ...]:
    """The first in the order that are enough; nobody if all that may go are not."""
    victims = []
    for victim in _in_order(left, limits.order):
        if _fits(need_bytes, left, limits):
            break
        left.remove(victim)
        victims.append(victim)
    return tuple(victims) if _fits(need_bytes, left, limits) else ()


def _in_order(holders: Sequence[Holder], order: str) -> list[Holder]:
    """Those that may go, the first to go first. Among equals, the least recently used."""
    idle = [holder for holder in holders if holder.may_go]
    return sorted(idle, key=lambda holder: (_rank(holder, order), holder.last_used))


def _rank(holder: Holder, order: str) -> float:
    match order:
        case "lfu":
            return holder.uses
        case "ttl":
            return holder.expires
        case _:
            return 0
