"""One row per request, written behind its back: the request costs a queue's append, one writer saves in batches."""

import asyncio
import logging
import secrets
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import OperationalError, transaction

from inference import metrics, request_row
from inference.arrival import Arrival
from inference.call import Call, Outcome
from inference.errors import ApiError
from inference.journal import Journal, left_behind
from inference.log_thread import in_log_thread
from settings_app.models import RequestLog

log = logging.getLogger(__name__)

BATCH_SECONDS = 0.2
BATCH_ROWS = 100
MOST_WAITING = 10_000  # rows; then the oldest are dropped, and counted


class Writer:
    """A request's row is put in once: when it came to nothing, or has ended and its work is known to be gone.

    `dropped`: how many could not be, since the start. With a journal, what runs when the process is killed is written
    by the next start.
    """

    def __init__(self) -> None:
        self._waiting: deque[RequestLog] = deque()
        self._journal: Journal | None = None
        self._dropped = 0
        self.dropped = 0
        self._filled = asyncio.Event()
        self._open: set[str] = set()  # what came and has no row yet
        self._settled = asyncio.Event()
        self._writing = asyncio.Lock()

    def open_journal(self, folder: Path) -> None:
        """Without one, requests are served and logged all the same."""
        try:
            self._journal = Journal(folder, secrets.token_hex(4))
        except OSError as error:
            log.warning("what runs leaves no trace if the server is killed, for none can be kept: %s", error)

    def close_journal(self) -> None:
        if self._journal:
            self._journal.close()
        self._journal = None

    def came(self, arrival: Arrival) -> None:
        self._open.add(arrival.id)
        if self._journal:
            self._journal.begin(arrival.id, request_row.early_trace(arrival))

    def over(self, arrival: Arrival, error: ApiError | None = None) -> None:
        """It was refused with this error, or its client left, before anybody saw to its end: else nothing is done."""
        call = arrival.call
        if call is None and arrival.id in self._open:
            self.put(request_row.early_row(arrival, _outcome(error)))
        elif call is not None and call.outcome is None and not call.begun:
            call.end(_outcome(error))
            self.ended(call)

    def began(self, call: Call) -> None:
        if self._journal:
            self._journal.begin(call.id, request_row.trace(call))

    def ended(self, call: Call) -> None:
        """It has its outcome, and nothing is added to it but how long its rows take to stop."""
        call.ended = True
        self._put_if_over(call)

    def stopping(self, call: Call) -> None:
        call.stopping += 1

    def stopped(self, call: Call, stop_latency: float | None) -> None:
        call.stopping -= 1
        if stop_latency is not None:
            call.stop_latency = max(call.stop_latency or 0.0, stop_latency)
        self._put_if_over(call)

    def put(self, row: RequestLog) -> None:
        self._open.discard(row.request_id)
        if not self._open:
            self._settled.set()
        if len(self._waiting) >= MOST_WAITING:
            self._drop(self._waiting.popleft())
        self._waiting.append(row)
        self._filled.set()
        try:
            metrics.count(row)
        except Exception:
            log.exception("%s is missing in the metrics", row.request_id)

    async def write_forever(self) -> None:
        await self._write_what_was_interrupted()
        while True:
            await self._filled.wait()
            await asyncio.sleep(BATCH_SECONDS)
            flushing = asyncio.ensure_future(self.flush())
            await asyncio.shield(flushing)  # who waits for it may be cancelled; it is done all the same

    async def settled(self, seconds: float) -> None:
        """Waits until all that came has its row, but not for ever."""
        self._settled.clear()
        if self._open:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), seconds)

    async def flush(self) -> None:
        """Writes all that waits, after whoever writes already. What the database refuses is tried again later."""
        async with self._writing:
            await self._flush()

    def _put_if_over(self, call: Call) -> None:
        """An outcome alone is no end: one whose time is up may wait for its client to read, for as long as it likes."""
        if call.ended and not call.stopping:
            self.put(request_row.row(call))

    async def _flush(self) -> None:
        self._filled.clear()
        if self._dropped:
            log.warning("%d requests are missing in the log: more came than could be written", self._dropped)
            self._dropped = 0
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH_ROWS, len(self._waiting)))]
            try:
                refused = await in_log_thread(write_batch)(batch)
            except Exception:
                log.exception("the request log could not be written; it is tried again")
                self._waiting.extendleft(reversed(batch))
                await asyncio.sleep(1)
                self._filled.set()
                return
            for row in refused:
                self._drop(row)
            for row in batch:
                self._let_go(row)

    async def _write_what_was_interrupted(self) -> None:
        """Of the processes before that were killed. What they had written already is not written again."""
        try:
            interrupted = await in_log_thread(_write_interrupted)()
        except Exception:
            log.exception(
                "the requests that were interrupted could not be written; the next start tries it again"
            )
            return
        if interrupted:
            log.warning("%d requests were interrupted when the server before was killed", interrupted)

    def _drop(self, row: RequestLog) -> None:
        self._dropped += 1
        self.dropped += 1
        self._let_go(row)

    def _let_go(self, row: RequestLog) -> None:
        if self._journal:
            self._journal.end(row.request_id)


request_log = Writer()


def _outcome(error: ApiError | None) -> Outcome:
    if error is None:
        return Outcome("client_closed", None)
    return Outcome(error.log_status, error.status, error_code=error.log_code)


def write_batch(batch: list[RequestLog]) -> list[RequestLog]:
    """Returns the rows that the database takes never: else one of them would hold up all that come after it."""
    try:
        with transaction.atomic():
            RequestLog.objects.bulk_create(batch)
    except OperationalError:  # it is locked, or the disk full
        raise
    except Exception:
        with transaction.atomic():  # all or none: what is tried again is not there already
            return [row for row in batch if not _is_written(row)]
    return []


def _is_written(row: RequestLog) -> bool:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except OperationalError:
        raise
    except Exception:
        log.exception("%s cannot be written into the log", row.request_id)
        return False
    return True


def _write_interrupted() -> int:
    count = 0
    for path, traces in left_behind(settings.HOME):
        found = _interrupted(traces)
        ids = [row.request_id for row in found]
        written = set(RequestLog.objects.filter(request_id__in=ids).values_list("request_id", flat=True))
        rows = [row for row in found if row.request_id not in written]
        for first in range(0, len(rows), BATCH_ROWS):
            write_batch(rows[first : first + BATCH_ROWS])
        path.unlink(missing_ok=True)
        count += len(rows)
    return count


def _interrupted(traces: list[dict[str, Any]]) -> list[RequestLog]:
    """One that cannot be read is passed over: else no start would get past it, nor write the others."""
    rows = []
    for trace in traces:
        try:
            rows.append(request_row.interrupted_row(trace))
        except (KeyError, TypeError, ValueError) as error:  # of a version that names its columns otherwise
            log.warning("a request that was interrupted cannot be read back: %s", error)
    return rows
