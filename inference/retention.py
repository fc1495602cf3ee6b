"""Deletes requests from the log that are older than they are to be kept: at start, daily, and when that is changed."""

import asyncio
import logging
import time

from inference.log_thread import in_log_thread
from settings_app import stored
from settings_app.logs.retention import delete_some

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
DAY_SECONDS = 86_400.0
PAUSE_SECONDS = 0.05  # between two batches: the log's writer and whoever saves a setting come in between


async def keep_to_it() -> None:
    done_for, done_at = -1, 0.0
    while True:
        try:
            days = (await stored.current()).retention_days
            if days != done_for or time.time() - done_at >= DAY_SECONDS:
                await _delete(days)
                done_for, done_at = days, time.time()
        except Exception:
            log.exception("old requests could not be deleted from the log; it is tried again")
        await asyncio.sleep(LOOK_SECONDS)


async def _delete(days: int) -> None:
    total = 0
    while deleted := await in_log_thread(delete_some)(days):
        total += deleted
        await asyncio.sleep(PAUSE_SECONDS)
    if total:
        log.info("%d requests older than %d days were deleted from the log", total, days)
