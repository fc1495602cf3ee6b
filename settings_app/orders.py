"""Orders to the server about the requests that run, from doors that may be in another process: no socket, no secret."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from settings_app.models import RunningOrder
from settings_app.watch import watch

ORDER_SECONDS = 3.0
_LOOK_SECONDS = 0.02
_KEPT_SECONDS = 60.0  # of a door that was killed while it waited

Answer = Mapping[str, Any]


def give(verb: RunningOrder.Verb, who: str = "", **asked: object) -> Answer | None:
    """What the server answers. None: no server did."""
    RunningOrder.objects.filter(given_at__lt=timezone.now() - timedelta(seconds=_KEPT_SECONDS)).delete()
    order = RunningOrder.objects.create(verb=verb, asked=asked, who=who)
    try:
        ends = time.monotonic() + ORDER_SECONDS
        while time.monotonic() < ends:
            order.refresh_from_db()
            if order.answer is not None:
                return dict(order.answer)
            time.sleep(_LOOK_SECONDS)
        return None
    finally:
        order.delete()


def are_waiting() -> bool:
    """Costs microseconds, and is asked whenever something was written: the request log is, several times a second."""
    return watch().any(RunningOrder._meta.db_table, "answer IS NULL")


def waiting() -> list[RunningOrder]:
    """Those that nobody has answered; what was ordered while no server ran is of no account."""
    recent = timezone.now() - timedelta(seconds=ORDER_SECONDS)
    return list(RunningOrder.objects.filter(answer__isnull=True, given_at__gte=recent))


def answer(order: RunningOrder, said: Answer) -> None:
    order.answer = dict(said)
    order.save(update_fields=["answer"])
