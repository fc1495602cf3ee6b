"""What a request leaves in the log: its row at its end, and a trace while it runs. Never what was said, nor a key."""

import time
from datetime import datetime
from typing import Any

from inference.arrival import Arrival
from inference.call import Call, Outcome
from settings_app.models import RequestLog
from settings_app.phases import Phase

_NOTHING = {
    **{f"{phase}_ms": 0.0 for phase in Phase},
    "total_ms": 0.0,
    "prompt_tokens": 0,
    "cached_tokens": 0,
    "completion_tokens": 0,
}


def row(call: Call) -> RequestLog:
    outcome = call.outcome
    assert outcome is not None
    return RequestLog(
        **call.named(),
        **call.standing(),
        **{f"{phase}_ms": _ms(seconds) for phase, seconds in call.spent.items()},
        request_id=call.id,
        at=call.at,
        rule=call.decision.rule_text[:510],
        fell_back="; ".join(call.fell_back)[:300],
        streamed=call.streamed,
        status=outcome.status,
        http_status=outcome.http_status,
        finish_reason=outcome.finish_reason,
        error_code=outcome.error_code,
        total_ms=_ms(sum(call.spent.values())),
        first_token_ms=None if call.first_token is None else _ms(call.first_token),
        cached_tokens=call.cached_tokens,
        stop_latency_ms=None if call.stop_latency is None else _ms(call.stop_latency),
        client_retries=call.client_retries,
        ignored_wishes=", ".join(call.deadline.wish.ignored),
    )


def early_row(arrival: Arrival, outcome: Outcome) -> RequestLog:
    """Of a request that came to nothing before it was known who gets it."""
    total = _ms(time.monotonic() - arrival.at)
    return RequestLog(
        **{**_NOTHING, "queue_ms": total, "total_ms": total},
        **_early(arrival),
        at=arrival.date,
        status=outcome.status,
        http_status=outcome.http_status,
        error_code=outcome.error_code,
        phase=Phase.QUEUE.value,
    )


def early_trace(arrival: Arrival) -> dict[str, Any]:
    return {**_early(arrival), "at": arrival.date}


def trace(call: Call) -> dict[str, Any]:
    """What is known of a request when it begins."""
    return {
        **call.named(),
        "request_id": call.id,
        "at": call.at,
        "streamed": call.streamed,
        "deadline_seconds": call.deadline.seconds,
        "deadline_source": call.deadline.source,
        "client_retries": call.client_retries,
    }


def interrupted_row(trace: dict[str, Any]) -> RequestLog:
    known = {**_NOTHING, **trace, "at": datetime.fromisoformat(trace["at"])}
    return RequestLog(**known, status=RequestLog.Status.INTERRUPTED, error_code="interrupted", phase="")


def _early(arrival: Arrival) -> dict[str, Any]:
    return {
        "request_id": arrival.id,
        "endpoint": arrival.path,
        "model": arrival.asked[:200],
        "api_key": arrival.key.name if arrival.key else "",
        "streamed": False,
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
