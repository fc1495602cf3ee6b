"""Where everything that one request waits for comes in: what its runner says, failures, and wake-ups."""

import asyncio

from inference.errors import ApiError
from inference.messages import Event


class Inbox:
    """Filled by whoever has something to say, emptied by the one task that serves the request."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._failure: ApiError | None = None
        self._filled = asyncio.Event()

    def put(self, event: Event) -> None:
        self._events.append(event)
        self._filled.set()

    def fail(self, error: ApiError) -> None:
        """Raised to the reader once it has read what came before. The first failure counts."""
        self._failure = self._failure or error
        self._filled.set()

    def wake(self) -> None:
        """Lets `take` return, with nothing if there is nothing: the reader has something else to look at."""
        self._filled.set()

    def unread(self) -> list[Event]:
        """What has come in and was not taken, for a reader that leaves."""
        return self._events

    async def take(self) -> list[Event]:
        """All that has come in, at once; waits for something. Raises the failure after the last event."""
        if not self._events and self._failure is None:
            await self._filled.wait()
        self._filled.clear()
        if self._events:
            events, self._events = self._events, []
            return events
        if self._failure is not None:
            raise self._failure
        return []
