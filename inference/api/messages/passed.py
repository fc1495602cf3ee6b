"""The events of a provider that are passed on as they are, and what would have to follow if they stopped short."""

from typing import Any

from inference.api import sse


class PassedEvents:
    """One answer's. `have_begun`: there are any; `are_over`: all was said."""

    def __init__(self) -> None:
        self.have_begun = False
        self.are_over = False
        self._open: dict[Any, None] = {}  # the numbers of blocks that grow, in their order

    def told(self, event: dict[str, Any]) -> bytes:
        self.have_begun = True
        match event["type"]:
            case "content_block_start":
                self._open[event.get("index")] = None
            case "content_block_stop":
                self._open.pop(event.get("index"), None)
            case "message_stop":
                self.are_over = True
        return sse.named(event["type"], event)

    def closing(self) -> bytes:
        """The ends of the blocks that grow."""
        ends = ({"type": "content_block_stop", "index": index} for index in self._open)
        return b"".join(sse.named("content_block_stop", end) for end in ends)
