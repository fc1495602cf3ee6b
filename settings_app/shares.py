"""How much a share of many kept within."""

from collections.abc import Sequence

Steps = Sequence[tuple[float, int]]


def within(steps: Steps, percent: int) -> float | None:
    """`steps`: values, the least first, and how often each was. The least of them that so many percent kept within:
    one that really was (nearest rank). None if there were none.
    """
    left = -(-sum(count for _, count in steps) * percent // 100)
    for value, count in steps:
        left -= count
        if count > 0 and left <= 0:
            return value
    return None
