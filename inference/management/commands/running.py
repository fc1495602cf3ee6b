from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from settings_app import durations, orders, timeouts
from settings_app.changes import command_author
from settings_app.durations import number_text
from settings_app.management.base import DatabaseCommand
from settings_app.models import RunningOrder
from settings_app.orders import Answer

MOST_WIDE = 28  # characters of a model's name, or a key's


class Command(DatabaseCommand):
    help = "Show the requests that run, or cancel one, or give one more time."

    def add_arguments(self, parser: CommandParser) -> None:
        act = parser.add_mutually_exclusive_group()
        act.add_argument("--cancel", metavar="ID", help="End this request; its client is told.")
        act.add_argument(
            "--extend",
            nargs=2,
            metavar=("ID", "SECONDS"),
            help="Give this request so much more time: seconds (60), or 5m, 1h30m.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["cancel"]:
            found = self._give(RunningOrder.Verb.CANCEL, id=options["cancel"])
            self.stdout.write(f"{found['running'][0]['id']} is cancelled.")
        elif options["extend"]:
            id, written = options["extend"]
            found = self._give(RunningOrder.Verb.EXTEND, id=id, seconds=_seconds(written))
            self.stdout.write(_extended(found["running"][0]))
        else:
            self.stdout.write("\n".join(_table(self._give(RunningOrder.Verb.LIST))))

    def _give(self, verb: RunningOrder.Verb, **asked: object) -> Answer:
        answer = orders.give(verb, str(command_author()), **asked)
        if answer is None:
            raise CommandError("No server answered: there is none on this home, or it is stopping.")
        if "refused" in answer:
            raise CommandError(answer["refused"])
        return answer


def _seconds(written: str) -> float:
    try:
        return timeouts.clean_extension(durations.parse_seconds(written))
    except ValueError as error:
        raise CommandError(str(error)) from None
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None


def _extended(state: dict[str, Any]) -> str:
    seconds, left = (round(state[name], 1) for name in ("deadline_seconds", "remaining_seconds"))
    return f"{state['id']} may take {number_text(seconds)} s in all now, {number_text(left)} s more."


def _table(found: Answer) -> list[str]:
    states = found["running"]
    if not states:
        return ["No request is running."]
    head = ("ID", "PHASE", "MODEL", "BACKEND", "KEY", "TOKENS", "TOKENS/S", "ELAPSED", "LEFT")
    rows = [head, *(_row(state) for state in states)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    more = found["count"] - len(states)
    return [*lines, f"and {more} more that came later"] if more else lines


def _row(state: dict[str, Any]) -> tuple[str, ...]:
    rate = state["tokens_per_second"]
    return (
        state["id"],
        "cancelled" if state["cancelled"] else state["phase"],
        _short(state["model"]),
        _short(state["backend"]),
        _short(state["api_key"] or "-"),
        str(state["completion_tokens"]),
        "-" if rate is None else f"{rate:.1f}",
        f"{state['elapsed_seconds']:.1f} s",
        f"{state['remaining_seconds']:.0f} s",
    )


def _short(text: str) -> str:
    """On one line of a terminal, whatever a client called it."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in text)
    return shown if len(shown) <= MOST_WIDE else f"{shown[: MOST_WIDE - 1]}…"
