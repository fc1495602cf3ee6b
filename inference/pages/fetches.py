"""The downloads as the page shows them: how far, how fast, how long still."""

from dataclasses import dataclass

from inference.hub import downloads
from inference.hub.downloads import Shown
from settings_app.durations import seconds_text
from settings_app.models import Download
from settings_app.sizes import size_text


@dataclass(frozen=True)
class Fetch:
    """A download as the page shows it."""

    download: Shown
    text: str

    @property
    def percent(self) -> float:
        return 100 * self.download.done_bytes / max(1, self.download.total_bytes)


def fetches() -> list[Fetch]:
    return [Fetch(shown, _text(shown)) for shown in downloads.listing()]


def _text(shown: Shown) -> str:
    of = f"{size_text(shown.done_bytes)} of {size_text(shown.total_bytes)}"
    if shown.state == Download.State.DONE:
        return f"{size_text(shown.total_bytes)}, checked and complete"
    if shown.state != Download.State.RUNNING:
        return of
    if shown.done_bytes >= shown.total_bytes:
        return f"{of} · checking"
    rate = f" · {size_text(shown.bytes_per_second)}/s" if shown.bytes_per_second else ""
    left = f" · {_about(shown.seconds_left)} left" if shown.seconds_left is not None else ""
    return f"{of}{rate}{left}"


def _about(seconds: float) -> str:
    return seconds_text(round(seconds)) if seconds < 120 else seconds_text(60 * round(seconds / 60))
