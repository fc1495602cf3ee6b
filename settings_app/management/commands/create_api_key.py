from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from settings_app import api_keys, changes
from settings_app.management.base import DatabaseCommand


class Command(DatabaseCommand):
    help = "Makes an API key and prints it once, alone on the last line. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="who or what uses the key; must be new")
        parser.add_argument("--admin", action="store_true", help="may also change settings through /api")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            key, token = api_keys.create(
                options["name"], is_admin=options["admin"], author=changes.command_author()
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        kind = "administrator key" if key.is_admin else "key"
        self.stderr.write(f"Made the {kind} “{key.name}”. Keep it now: it is not shown again.")
        self.stdout.write(token)
