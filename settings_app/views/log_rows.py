"""A row of the request log as the page shows it: its times in words, and a bar of its phases against its deadline."""

from dataclasses import dataclass

from settings_app.durations import ms_text, number_text, seconds_text
from settings_app.endpoints import BY_PATH
from settings_app.models import RequestLog
from settings_app.phases import Phase

BAR = 1000  # the length of the bar in its own units
LEAST = 6  # of them, for a phase that took any time at all
WORDS = {
    RequestLog.Status.OK: "Done",
    RequestLog.Status.TIMEOUT: "Timed out",
    RequestLog.Status.CLIENT_CLOSED: "Client left",
    RequestLog.Status.CANCELLED: "Cancelled",
    RequestLog.Status.ERROR: "Failed",
    RequestLog.Status.REJECTED: "Rejected",
    RequestLog.Status.INTERRUPTED: "Interrupted",
}
LOOKS = {
    RequestLog.Status.OK: "primary",
    RequestLog.Status.TIMEOUT: "warning",
    RequestLog.Status.ERROR: "destructive",
}


@dataclass(frozen=True)
class Part:
    phase: str
    time: str
    at: int
    length: int


@dataclass(frozen=True)
class Row:
    log: RequestLog

    @property
    def ended(self) -> str:
        return str(WORDS[RequestLog.Status(self.log.status)])

    @property
    def look(self) -> str:
        return LOOKS.get(RequestLog.Status(self.log.status), "outline")

    @property
    def is_timed(self) -> bool:
        return self.log.status != RequestLog.Status.INTERRUPTED

    @property
    def total(self) -> str:
        return ms_text(self.log.total_ms) if self.is_timed else "not known"

    @property
    def deadline(self) -> str:
        return "" if self.log.deadline_seconds is None else seconds_text(self.log.deadline_seconds)

    @property
    def endpoint(self) -> str:
        """Its label, as the settings have it."""
        path = self.log.endpoint
        return BY_PATH[path].paths[path] if path in BY_PATH else path

    @property
    def other_model(self) -> str:
        """The one that served, if it was another than was asked for."""
        return self.log.served_model if self.log.served_model != self.log.model else ""

    @property
    def parts(self) -> list[Part]:
        """Of the bar, whose whole length is the deadline; or all that it took, where there is none, or it was moved."""
        spent = {phase: getattr(self.log, f"{phase}_ms") for phase in Phase}
        whole = max((self.log.deadline_seconds or 0) * 1000, sum(spent.values()), 0.001)
        parts, at = [], 0
        for phase, ms in spent.items():
            if ms > 0:
                length = min(max(round(ms / whole * BAR), LEAST), BAR - at)
                parts.append(Part(phase, ms_text(ms), at, length))
                at += length
        return parts

    @property
    def words(self) -> str:
        """The bar for whoever cannot see it."""
        spent = ", ".join(f"{part.phase} {part.time}" for part in self.parts) or "no time"
        return f"{spent}; {f'deadline {self.deadline}' if self.deadline else 'no deadline'}"

    @property
    def details(self) -> list[tuple[str, str]]:
        """Every field that has something to say, by its name on the wire."""
        log = self.log
        times = (
            [(f"{phase}_ms", _number(getattr(log, f"{phase}_ms"))) for phase in Phase]
            if self.is_timed
            else []
        )
        found = [
            ("at", log.at.isoformat()),
            ("endpoint", log.endpoint),
            ("model", log.model),
            ("served_model", log.served_model),
            ("backend", log.backend),
            ("rule", log.rule),
            ("fell_back", log.fell_back),
            ("api_key", log.api_key),
            ("streamed", "yes" if log.streamed else "no"),
            ("status", log.status),
            ("http_status", _number(log.http_status)),
            ("finish_reason", log.finish_reason),
            ("error_code", log.error_code),
            ("phase", log.phase),
            *times,
            ("total_ms", _number(log.total_ms) if self.is_timed else ""),
            ("first_token_ms", _number(log.first_token_ms)),
            ("prompt_tokens", str(log.prompt_tokens)),
            ("cached_tokens", str(log.cached_tokens)),
            ("completion_tokens", str(log.completion_tokens)),
            ("deadline_seconds", _number(log.deadline_seconds)),
            ("deadline_source", log.deadline_source),
            ("stop_latency_ms", _number(log.stop_latency_ms)),
            ("client_retries", str(log.client_retries)),
            ("ignored_wishes", log.ignored_wishes),
        ]
        return [(name, value) for name, value in found if value != ""]


def _number(value: float | None) -> str:
    return "" if value is None else number_text(value)
