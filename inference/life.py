"""What lives as long as the server: the writer of the log, the watch for what other processes store, the clients of
providers, the downloads, and what clears the log.
"""

import asyncio
import logging
from dataclasses import dataclass, field

from django.conf import settings

from inference import orders, retention, running
from inference.cloud.clients import clients
from inference.hub.downloader import downloader
from inference.pool import pool
from inference.request_log import request_log
from settings_app import stored
from settings_app.watch import watch

log = logging.getLogger(__name__)

LAST_SECONDS = 2.0  # for what was ended to come to its end
LOOK_SECONDS = 0.1  # a look costs microseconds; the database is read when something was written


@dataclass
class Life:
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def begin(self) -> None:
        request_log.open_journal(settings.HOME)
        self._tasks = [
            asyncio.create_task(request_log.write_forever()),
            asyncio.create_task(_watch()),
            asyncio.create_task(clients.look_after()),
            asyncio.create_task(downloader.run_forever()),
            asyncio.create_task(retention.keep_to_it()),
        ]

    async def end(self) -> None:
        """Ends what still runs, the runners, and writes the last rows."""
        running.fail_all()
        await pool.close()
        await request_log.settled(LAST_SECONDS)  # those that were failed, or cut, put their rows in
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await clients.close()
        await request_log.flush()
        request_log.close_journal()


async def _watch() -> None:
    seen: int | None = None
    while True:
        try:
            seen = await _look(seen)
        except Exception:
            log.exception("the settings or orders could not be read; they are looked at again")
        await asyncio.sleep(LOOK_SECONDS)


async def _look(seen: int | None) -> int:
    """Whatever was stored since `seen` is in force, whichever process stored it. Returns what is seen now."""
    version = watch().version()
    settings = await stored.current()
    pool.apply(settings) if pool.is_open else pool.open(settings)
    pool.unload_unused()
    if version != seen:
        await orders.carry_out()
    return version
