"""The dashboard: how the server is doing, what came in the last hour, and what needs somebody."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from inference import attention, health, running
from inference.pages import pool as pool_section
from inference.pool import pool
from settings_app import last_hour
from settings_app.last_hour import Minute
from settings_app.phases import Phase
from settings_app.views.staff import staff_only

MISSES_HOURS = 24
WIDTH, HEIGHT, GAP = 600, 100, 2  # of a chart, in its own units


@dataclass(frozen=True)
class Bar:
    """`said`: what it stands for."""

    x: int
    y: float
    width: int
    height: float
    said: str


@dataclass(frozen=True)
class Chart:
    """One number per minute of the last hour. `id` names it in the page."""

    id: str
    title: str
    total: int
    most: int
    bars: Sequence[Bar]


@never_cache
@require_safe
@staff_only
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard.html", {**_now(), **_traffic()})


@never_cache
@require_safe
@staff_only
def now(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard/now.html", _now())


@never_cache
@require_safe
@staff_only
def traffic(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard/traffic.html", _traffic())


def _now() -> dict[str, object]:
    reasons, phases = async_to_sync(_on_the_loop)()
    return {
        "problems": reasons,
        "running": [(phase.value, phases[phase]) for phase in Phase if phases[phase]],
        "running_total": phases.total(),
        "pool": pool_section.live_state(),
        "attention": attention.items(pool.states()),
    }


async def _on_the_loop() -> tuple[list[str], Counter[Phase]]:
    """Runners and requests are looked at where they change."""
    return health.reasons(), Counter(call.phase for call in running.calls())


def _traffic() -> dict[str, object]:
    minutes = last_hour.minutes()
    misses = last_hour.timeouts(MISSES_HOURS)
    return {
        "minutes": minutes,
        "charts": [
            _chart("requests", "Requests", minutes, [minute.requests for minute in minutes]),
            _chart("tokens", "Tokens made", minutes, [minute.tokens for minute in minutes]),
        ],
        "misses": [(phase.value, misses[phase.value]) for phase in Phase if misses[phase.value]],
        "misses_total": misses.total(),
    }


def _chart(id: str, title: str, minutes: Sequence[Minute], counts: Sequence[int]) -> Chart:
    most, width = max(counts), WIDTH // len(counts)
    bars = []
    for number, (minute, count) in enumerate(zip(minutes, counts, strict=True)):
        height = round(count * HEIGHT / most, 2) if most else 0
        if height:
            said = f"{minute.at:%H:%M} UTC: {count}"
            bars.append(Bar(number * width, round(HEIGHT - height, 2), width - GAP, height, said))
    return Chart(id, title, sum(counts), most, bars)
