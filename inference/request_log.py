"""One row per request, written behind its back: the request costs a queue's append, one writer saves in batches."""

import asyncio
import logging
import time
from collections import deque
from datetime import UTC, datetime, timedelta

from asgiref.sync import sync_to_async

from inference.arrival import Arrival
from inference.call import Call, Outcome, Phase
from inference.errors import ApiError
from settings_app.models import RequestLog

log = logging.getLogger(__name__)

BATCH_SECONDS = 0.2
BATCH_ROWS = 100
MOST_WAITING = 10_000  # rows; then the oldest are dropped, and counted


class Writer:
    """A call is written once it has ended and every row of it is known to be gone."""

    def __init__(self) -> None:
        self._waiting: deque[RequestLog] = deque()
        self._dropped = 0
        self._filled = asyncio.Event()

    def ended(self, call: Call) -> None:
        if not call.stopping:
            self.put(_row(call))

    def stopping(self, call: Call) -> None:
        call.stopping += 1

    def stopped(self, call: Call, stop_latency: float | None) -> None:
        call.stopping -= 1
        if stop_latency is not None:
            call.stop_latency = max(call.stop_latency or 0.0, stop_latency)
        if not call.stopping and call.outcome is not None:
            self.put(_row(call))

    def refused(self, arrival: Arrival, path: str, error: ApiError) -> None:
        """A request that came to nothing before it was known who gets it."""
        self.put(
            _early_row(arrival, path, Outcome(error.log_status, error.status, error_code=error.code or ""))
        )

    def left(self, arrival: Arrival, path: str) -> None:
        """A client that was gone before its request was read."""
        self.put(_early_row(arrival, path, Outcome("client_closed", None)))

    def put(self, row: RequestLog) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(row)
        self._filled.set()

    async def write_forever(self) -> None:
        while True:
            await self._filled.wait()
            await asyncio.sleep(BATCH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Writes all that waits. What the database refuses is tried again with the next batch."""
        self._filled.clear()
        if self._dropped:
            log.warning("%d requests are missing in the log: more came than could be written", self._dropped)
            self._dropped = 0
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH_ROWS, len(self._waiting)))]
            try:
                await sync_to_async(RequestLog.objects.bulk_create)(batch)
            except Exception:
                log.exception("the request log could not be written; it is tried again")
                self._waiting.extendleft(reversed(batch))
                await asyncio.sleep(1)
                self._filled.set()
                return


request_log = Writer()


def _early_row(arrival: Arrival, path: str, outcome: Outcome) -> RequestLog:
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


def _row(call: Call) -> RequestLog:
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


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
