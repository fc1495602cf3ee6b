"""How long this machine lets a process wait that only wants to wake up: what others do on it shows here."""

import asyncio
import time

from bench.table import Line, spread

EVERY_SECONDS = 0.01


class Pauses:
    """Looks at the clock while the measurements run, as a task beside them."""

    def __init__(self) -> None:
        self._late: list[float] = []

    async def watch(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(EVERY_SECONDS)
            self._late.append((time.monotonic() - before - EVERY_SECONDS) * 1000)

    def line(self) -> Line:
        """Since the last one. The client that measures waits as long: it is in the worst figures."""
        late, self._late = self._late, []
        return Line("the machine's own pauses meanwhile", "ms", spread(late or [0.0]))
