"""Where everything that one request waits for comes in: what its runner says, failures, and wake-ups."""

import asyncio

from inference.chunk import Chunk
from inference.errors import ApiError, Cancelled, DeadlineExceeded, Draining
from inference.messages import Event

Item = Event | Chunk


class Inbox:
    """Filled by whoever has something to say, emptied by the one task that serves the request."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._failure: ApiError | None = None
        self._woken = False
        self._reader: asyncio.Future[None] | None = None
        self._emptied = asyncio.Event()

    def put(self, item: Item) -> None:
        self._items.append(item)
        self.wake()

    async def room(self, most: int) -> None:
        """Waits until fewer than `most` are unread, for a writer that could outrun the client."""
        while len(self._items) >= most:
            self._emptied.clear()
            await self._emptied.wait()

    def fail(self, error: ApiError) -> None:
        """Raised to the reader once it has read what came before. The first failure counts, or what ends it all."""
        if self._failure is None or (_ends_all(error) and not _ends_all(self._failure)):
            self._failure = error
        self.wake()

    def wake(self) -> None:
        """Lets `take` return, with nothing if there is nothing: the reader has something else to look at."""
        self._woken = True
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def unread(self) -> list[Item]:
        """What has come in and was not taken, for a reader that leaves."""
        return self._items

    def clear(self) -> None:
        """Forgets what one target said, before the next one is asked; not that it is over with the request itself."""
        self._items.clear()
        if not _ends_all(self._failure):
            self._failure = None

    async def take(self) -> list[Item]:
        """All that has come in, at once; waits for something. Raises the failure after the last event."""
        if not self._woken and not self._items and self._failure is None:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        self._woken = False
        if self._items:
            items, self._items = self._items, []
            self._emptied.set()
            return items
        if self._failure is not None:
            raise self._failure
        return []


def _ends_all(error: ApiError | None) -> bool:
    """It is over with the request itself, and no fallback is asked."""
    return isinstance(error, Draining | Cancelled | DeadlineExceeded)
