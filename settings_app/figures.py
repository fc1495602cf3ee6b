"""What a timeout would have done to the requests of the last seven days."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from settings_app import tally
from settings_app.durations import seconds_text
from settings_app.endpoints import BY_PATH, ENDPOINTS, Endpoint
from settings_app.phases import Phase
from settings_app.shares import Steps, within
from settings_app.tally import CUT, OK, TIMEOUT

SUGGESTED_PERCENT, SUGGESTED_FACTOR = 99, 1.5


@dataclass(frozen=True)
class Cut:
    """How many requests a value would have cut, by the phase that they were in then."""

    seconds: float
    by_phase: Mapping[str, int]

    @property
    def requests(self) -> int:
        return sum(self.by_phase.values())


@dataclass(frozen=True)
class Figures:
    """Of one endpoint. `requests` ended well; `timeouts` ran out of time; how long they would have taken is not known.

    `durations`: how many of the requests took so many seconds. `steps`: by phase, how many more of all these end it
    than begin it at so many seconds; the sum beyond a value is how many that value would have cut in that phase: those
    that ran out of time too, if they had run for longer. Both are sorted by seconds, which are rounded up: exact for
    whole seconds.
    """

    endpoint: Endpoint
    timeouts: int
    durations: Steps
    steps: Mapping[str, Steps]

    @property
    def requests(self) -> int:
        return sum(count for _, count in self.durations)

    @property
    def longest_seconds(self) -> float | None:
        return self.durations[-1][0] if self.durations else None

    @property
    def p50_seconds(self) -> float | None:
        return within(self.durations, 50)

    @property
    def p95_seconds(self) -> float | None:
        return within(self.durations, 95)

    @property
    def p99_seconds(self) -> float | None:
        return within(self.durations, SUGGESTED_PERCENT)

    @property
    def suggested_seconds(self) -> float | None:
        """What 99 % of them took and half as much again, up to a step of the slider. None: nothing to tell it from."""
        if self.p99_seconds is None:
            return None
        step = self.endpoint.step_seconds
        wanted = math.ceil(self.p99_seconds * SUGGESTED_FACTOR / step) * step
        return min(max(wanted, self.endpoint.lowest_seconds), self.endpoint.highest_seconds)

    def would_cut(self, seconds: float) -> Cut:
        by_phase = {
            phase: sum(count for at, count in steps if at > seconds) for phase, steps in self.steps.items()
        }
        return Cut(seconds, {phase: count for phase, count in by_phase.items() if count > 0})


def current() -> dict[str, Figures]:
    """By endpoint key."""
    by_kind: defaultdict[tuple[str, str, str], list[tuple[float, int]]] = defaultdict(list)
    for key, count in sorted(tally.current().items(), key=lambda counted: counted[0].ms):
        endpoint = BY_PATH.get(key.path)
        if endpoint is not None and key.path in endpoint.answering:
            by_kind[endpoint.key, key.kind, key.phase].append((key.ms / 1000, count))
    return {endpoint.key: _figures(endpoint, by_kind) for endpoint in ENDPOINTS}


def cut_text(cut: Cut) -> str:
    """In words; figures.js has the same ones, and a test compares them."""
    at = seconds_text(cut.seconds)
    if not cut.requests:
        return f"Set to {at}, it would have cut none."
    where = ", ".join(f"{cut.by_phase[phase]} in {phase}" for phase in Phase if phase in cut.by_phase)
    return f"Set to {at}, it would have cut {cut.requests}: {where}."


def _figures(endpoint: Endpoint, by_kind: Mapping[tuple[str, str, str], Steps]) -> Figures:
    def of(kind: str, phase: str = "") -> Steps:
        return by_kind.get((endpoint.key, kind, phase), [])

    steps = {phase: [step for step in of(CUT, phase) if step[0] > endpoint.min_seconds] for phase in Phase}
    return Figures(
        endpoint,
        timeouts=sum(count for phase in Phase for _, count in of(TIMEOUT, phase)),
        durations=of(OK),
        steps={phase: found for phase, found in steps.items() if found},
    )
