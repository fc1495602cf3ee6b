"""What a request leaves in the log: its row at its end, and a trace while it runs. Never what was said, nor a key."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from inference.arrival import Arrival
from inference.call import Call, Outcome, Phase
from settings_app.models import RequestLog


def row(call: Call) -> RequestLog:
    outcome = call.outcome
    assert outcome is not None
    return RequestLog(
        request_id=call.id,
        at=call.at,
        endpoint=call.endpoint.path,
        model=call.decision.asked[:200],
        served_model=call.target.model[:200],
        backend=call.target.backend,
        rule=call.decision.rule_text[:510],
        fell_back="; ".join(call.fell_back)[:300],
        api_key=call.key_name,
        streamed=call.streamed,
        status=outcome.status,
        http_status=outcome.http_status,
        finish_reason=outcome.finish_reason,
        error_code=outcome.error_code,
        phase=call.phase.value,
        queue_ms=_ms(call.spent[Phase.QUEUE]),
        load_ms=_ms(call.spent[Phase.LOAD]),
        prefill_ms=_ms(call.spent[Phase.PREFILL]),
        decode_ms=_ms(call.spent[Phase.DECODE]),
        cloud_ms=_ms(call.spent[Phase.CLOUD]),
        total_ms=_ms(sum(call.spent.values())),
        first_token_ms=None if call.first_token is None else _ms(call.first_token),
        prompt_tokens=call.prompt_tokens,
        cached_tokens=call.cached_tokens,
        completion_tokens=call.completion_tokens,
        deadline_seconds=call.deadline.seconds,
        deadline_source=call.deadline.source,
        stop_latency_ms=None if call.stop_latency is None else _ms(call.stop_latency),
        client_retries=call.client_retries,
        ignored_wishes=", ".join(call.deadline.wish.ignored),
    )


def early_row(arrival: Arrival, path: str, outcome: Outcome) -> RequestLog:
    total = time.monotonic() - arrival.at
    return RequestLog(
        request_id=arrival.id,
        at=datetime.now(UTC) - timedelta(seconds=total),
        endpoint=path,
        model=arrival.asked[:200],
        api_key=arrival.key.name if arrival.key else "",
        streamed=False,
        status=outcome.status,
        http_status=outcome.http_status,
        error_code=outcome.error_code,
        phase=Phase.QUEUE.value,
        queue_ms=_ms(total),
        load_ms=0,
        prefill_ms=0,
        decode_ms=0,
        total_ms=_ms(total),
        prompt_tokens=0,
        cached_tokens=0,
        completion_tokens=0,
    )


def trace(call: Call) -> dict[str, Any]:
    """What is known of a request when it begins, as far as it may stand in the log."""
    return {
        "request_id": call.id,
        "at": call.at,
        "endpoint": call.endpoint.path,
        "model": call.decision.asked[:200],
        "served_model": call.target.model[:200],
        "backend": call.target.backend,
        "api_key": call.key_name,
        "streamed": call.streamed,
        "deadline_seconds": call.deadline.seconds,
        "deadline_source": call.deadline.source,
        "client_retries": call.client_retries,
    }


def interrupted_row(trace: dict[str, Any]) -> RequestLog:
    times = dict.fromkeys(("queue_ms", "load_ms", "prefill_ms", "decode_ms", "total_ms"), 0.0)
    tokens = dict.fromkeys(("prompt_tokens", "cached_tokens", "completion_tokens"), 0)
    known = {**trace, "at": datetime.fromisoformat(trace["at"]), **times, **tokens}
    return RequestLog(**known, status=RequestLog.Status.INTERRUPTED, error_code="interrupted", phase="")


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
