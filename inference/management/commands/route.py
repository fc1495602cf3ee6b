from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser

from inference.trial import Trial, trial
from settings_app.management.base import DatabaseCommand
from settings_app.rule_words import rule_text


class Command(DatabaseCommand):
    help = "Say where a request for a model would go, as the router decides it now. Nothing is sent anywhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", help="The name that a client would ask for.")

    def handle(self, *args: Any, **options: Any) -> None:
        found = trial(options["model"])
        if found.refused:
            raise CommandError(f"{found.status}: {found.refused}")
        self.stdout.write("\n".join(_lines(found)))


def _lines(found: Trial) -> Iterator[str]:
    if found.rule is None:
        yield "No rule matches: it is a model on this machine."
    else:
        yield f"Rule {found.rule.position}: {rule_text(found.rule.kind, found.rule.pattern)}"
    for number, target in enumerate(found.targets, 1):
        when = f", {target.when}" if target.when else ""
        yield f"{number}. {target.model} {target.place}{when}"
        if target.problem:
            yield f"   WARNING: {target.problem}"
    for skipped in found.skipped:
        yield f"Passed over: {skipped}"
