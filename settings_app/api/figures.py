from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from settings_app import figures, timeouts
from settings_app.endpoints import ENDPOINTS
from settings_app.figures import Figures
from settings_app.phases import Phase

router = Router(tags=["Request timeouts"])


class CutOut(Schema):
    seconds: float
    requests: int
    by_phase: dict[str, int]


class TimeoutFiguresOut(Schema):
    """Of one endpoint, today and the seven days before. Seconds are rounded up; null where nothing ended well."""

    path: str
    requests: int = Field(description="Those that ended well; the percentiles are of them.")
    timeouts: int = Field(
        description="Those whose time was up. How long they would have taken is not known; values that they outlasted "
        "would have cut them too."
    )
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    longest_seconds: float | None
    suggested_seconds: float | None = Field(
        description="What 99 % of them took and half as much again, up to a step of the slider, in bounds."
    )
    stored_would_cut: CutOut = Field(description="What the stored value would have done to both.")
    steps: dict[str, list[tuple[float, int]]] = Field(
        description="By phase, pairs of seconds and count: the sum of the counts beyond a value is how many it would "
        "have cut in that phase."
    )


@router.get(
    "/timeouts/figures",
    response=dict[str, TimeoutFiguresOut],
    summary="What a deadline would have done, by endpoint",
)
def get_timeout_figures(request: HttpRequest) -> dict[str, TimeoutFiguresOut]:
    by_key, stored = figures.current(), timeouts.in_force().seconds
    return {e.key: _out(by_key[e.key], stored[e.key]) for e in ENDPOINTS}


def _out(found: Figures, stored_seconds: float) -> TimeoutFiguresOut:
    cut = found.would_cut(stored_seconds)
    return TimeoutFiguresOut(
        path=found.endpoint.path,
        requests=found.requests,
        timeouts=found.timeouts,
        p50_seconds=found.p50_seconds,
        p95_seconds=found.p95_seconds,
        p99_seconds=found.p99_seconds,
        longest_seconds=found.longest_seconds,
        suggested_seconds=found.suggested_seconds,
        stored_would_cut=CutOut(seconds=cut.seconds, requests=cut.requests, by_phase=dict(cut.by_phase)),
        steps={phase: list(found.steps.get(phase, [])) for phase in Phase},
    )
