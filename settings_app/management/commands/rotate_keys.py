from typing import Any

from django.core.management.base import CommandError

from settings_app import providers, sealing
from settings_app.changes import command_author
from settings_app.management.base import DatabaseCommand


class Command(DatabaseCommand):
    help = (
        "Encrypts the providers' API keys anew, with a new key of the file sealing_keys; the old one is dropped. "
        "A server that runs goes on, and needs no restart."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rotated = providers.rotate_keys(command_author())
        except sealing.Unsealable as error:
            raise CommandError(str(error)) from error
        if not rotated.resealed:
            self.stdout.write("No API key is stored: there is nothing to rotate.")
            return
        keys = "key is" if rotated.resealed == 1 else "keys are"
        self.stdout.write(f"{rotated.resealed} API {keys} encrypted with a new key in {sealing.path()}.")
        for name in rotated.unreadable:
            self.stderr.write(f"WARNING: the API key of {name} cannot be decrypted: enter it again.")
