from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from settings_app import durations, figures, timeouts
from settings_app.changes import command_author
from settings_app.durations import number_text, seconds_text
from settings_app.endpoints import BY_KEY, ENDPOINTS, Endpoint
from settings_app.management.base import DatabaseCommand
from settings_app.models.timeout import NOT_SECONDS
from settings_app.timeouts import TimeoutsInForce

BOUNDS = "; ".join(
    f"{e.key}: {seconds_text(e.min_seconds)} to {seconds_text(e.highest_seconds)}" for e in ENDPOINTS
)


class Command(DatabaseCommand):
    help = "Change a request deadline, from the next request on, or show those in force."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("endpoint", nargs="?", choices=list(BY_KEY), help="Which deadline.")
        parser.add_argument(
            "duration", nargs="?", help=f"Seconds (1200), or 15m, 1h30m, 90s. Bounds: {BOUNDS}."
        )
        parser.add_argument("--running", action="store_true", help="Also for the requests that run now.")
        parser.add_argument(
            "--reset", action="store_true", help="Put the default back; of all, or of ENDPOINT."
        )
        parser.add_argument(
            "--suggest",
            action="store_true",
            help="Change nothing; tell how long the requests of the last 7 days took, and a value that would fit them.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        key, duration = options["endpoint"], options["duration"]
        if options["suggest"]:
            if duration is not None or options["reset"] or options["running"]:
                raise CommandError("--suggest changes nothing: give it an endpoint, or nothing else.")
            self.stdout.write(_suggestions([BY_KEY[key]] if key else list(ENDPOINTS)))
            return
        if options["reset"] and duration is not None:
            raise CommandError("Give a duration or --reset, not both.")
        if key and duration is None and not options["reset"]:
            raise CommandError(f"Give {key} a duration, such as 15m, or --reset.")
        try:
            self.stdout.write(_table(self._change(key, duration, options["reset"])))
            if options["running"]:
                self._apply([BY_KEY[key].field] if key else [e.field for e in ENDPOINTS])
        except ValidationError as error:
            raise CommandError(
                "\n".join(f"{field}: {' '.join(m)}" for field, m in error.message_dict.items())
            ) from error

    def _apply(self, fields: list[str]) -> None:
        changed = timeouts.apply_to_running(fields)
        if changed is None:
            raise CommandError("The value is stored, but no server answered: no running request was changed.")
        self.stdout.write(f"Running requests changed: {changed}")

    def _change(self, key: str | None, duration: str | None, reset: bool) -> TimeoutsInForce:
        if reset:
            chosen = [BY_KEY[key]] if key else list(ENDPOINTS)
            return timeouts.save({e.field: e.default_seconds for e in chosen}, command_author())
        if key is None or duration is None:
            return timeouts.in_force()
        try:
            seconds = durations.parse_seconds(duration)
        except ValueError as error:
            raise CommandError(
                f"{BY_KEY[key].field}: {NOT_SECONDS} Or a duration, like 15m, 1h30m, 90s."
            ) from error
        return timeouts.save({BY_KEY[key].field: seconds}, command_author())


def _table(in_force: TimeoutsInForce) -> str:
    lines = [f"{'ENDPOINT':<13}{'SECONDS':>9}  {'IN WORDS':<14}{'DEFAULT':<10}PATH"]
    for e in ENDPOINTS:
        seconds = in_force.seconds[e.key]
        lines.append(
            f"{e.key:<13}{number_text(seconds):>9}  {seconds_text(seconds):<14}"
            f"{seconds_text(e.default_seconds):<10}{e.path}"
        )
    return "\n".join([*lines, *(f"WARNING: {warning}" for warning in in_force.warnings.values())])


def _suggestions(chosen: list[Endpoint]) -> str:
    """Of the requests that ended well; what a longer value would have done for the others nobody knows."""
    by_key, stored = figures.current(), timeouts.in_force().seconds
    lines = [
        f"{'ENDPOINT':<13}{'ENDED WELL':>10}{'TIMED OUT':>11}{'P50':>12}{'P95':>14}{'P99':>14}{'LONGEST':>14}"
        f"{'STORED':>14}{'SUGGESTED':>14}"
    ]
    for e in chosen:
        found = by_key[e.key]
        seconds = (found.p50_seconds, found.p95_seconds, found.p99_seconds, found.longest_seconds)
        words = [*seconds[:4], stored[e.key], found.suggested_seconds]
        told = ["-" if value is None else seconds_text(value) for value in words]
        lines.append(
            f"{e.key:<13}{found.requests:>10}{found.timeouts:>11}{told[0]:>12}"
            + "".join(f"{word:>14}" for word in told[1:])
        )
    return "\n".join(lines)
