"""What a load came to: how many tokens in which time, how long until the first text, and between two pieces of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Told:
    """One request. `moments`: when its text came, piece by piece. All seconds of `time.monotonic()`."""

    sent: float
    moments: list[float]
    tokens: int


@dataclass(frozen=True)
class Moments:
    """Seconds of work on `tokens`; milliseconds until the first text and between two pieces (None: there were none)."""

    tokens: int
    seconds: float
    first_p50: float
    first_p99: float
    gap_p50: float | None
    gap_p99: float | None


def moments(told: Sequence[Told], seconds: float) -> dict[str, Any]:
    """As JSON takes it."""
    first = [(one.moments[0] - one.sent) * 1000 for one in told]
    gaps = [(after - before) * 1000 for one in told for before, after in pairwise(one.moments)]
    return asdict(
        Moments(
            tokens=sum(one.tokens for one in told),
            seconds=seconds,
            first_p50=percentile(first, 50),
            first_p99=percentile(first, 99),
            gap_p50=percentile(gaps, 50) if gaps else None,
            gap_p99=percentile(gaps, 99) if gaps else None,
        )
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """The least value that so many percent are not above."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
