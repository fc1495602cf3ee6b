"""Carries out what doors in other processes order about the requests that run."""

import logging
from dataclasses import asdict

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError

from inference import running
from inference.call_state import CallState
from settings_app import orders, timeouts
from settings_app.models import RunningOrder
from settings_app.orders import Answer

log = logging.getLogger(__name__)


async def carry_out() -> None:
    """All that wait. What goes wrong with one leaves it unanswered, and the others as they are."""
    if not orders.are_waiting():
        return
    for order in await sync_to_async(orders.waiting)():
        try:
            await sync_to_async(orders.answer)(order, await _done(order))
        except Exception:
            log.exception("order %d, to %s, could not be carried out", order.pk, order.verb)


async def _done(order: RunningOrder) -> Answer:
    asked = order.asked
    try:
        match order.verb:
            case RunningOrder.Verb.APPLY:
                stored = (await sync_to_async(timeouts.in_force)()).seconds
                return {"changed": running.apply(asked["endpoints"], stored)}
            case RunningOrder.Verb.CANCEL:
                return {"running": [_told(running.cancel(asked["id"], order.who))]}
            case RunningOrder.Verb.EXTEND:
                return {"running": [_told(running.extend(asked["id"], asked["seconds"], order.who))]}
            case _:
                return {"running": [_told(state) for state in running.states()], "count": running.count()}
    except running.NotRunning as error:
        return {"refused": str(error)}
    except ValidationError as error:
        return {"refused": " ".join(error.messages)}


def _told(state: CallState) -> dict[str, object]:
    return {
        **asdict(state),
        "at": state.at.isoformat(),
        "remaining_seconds": state.remaining_seconds,
        "tokens_per_second": state.tokens_per_second,
    }
