import asyncio
from typing import Any

import httpx2
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from inference.hub import downloader, downloads
from inference.hub.catalogue import HubError
from inference.hub.downloads import Shown
from settings_app.changes import command_author
from settings_app.management.base import DatabaseCommand
from settings_app.models import Download
from settings_app.sizes import size_text

LOOK_SECONDS = 0.5
OVER = (Download.State.DONE, Download.State.FAILED, Download.State.PAUSED)


class Command(DatabaseCommand):
    help = "Fetch a model from the hub, check it, and serve it. The running server does it, or this command."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("repo", help="owner/name at the hub.")
        parser.add_argument(
            "--name", help="The model's name on the wire. Default: the repository's, without owner."
        )
        parser.add_argument("--no-serve", action="store_true", help="Fetch it, and give it no name.")

    def handle(self, *args: Any, **options: Any) -> None:
        name = "" if options["no_serve"] else options["name"]
        try:
            row = downloads.begin(options["repo"], name, command_author())
        except HubError as error:
            raise CommandError(str(error)) from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        try:
            found = asyncio.run(self._see_through(row.pk))
        except KeyboardInterrupt:
            downloads.pause(row.pk)
            raise CommandError(f"Paused. Resume it on the page Models, or by the API ({row.pk}).") from None
        if found is None:
            raise CommandError("It was cancelled.")
        if found.state != Download.State.DONE:
            raise CommandError(found.problem or "It was paused.")
        self.stdout.write(
            found.problem or f"{found.repo} is here{_served(found)}: {downloads.folder_of(found.repo)}"
        )

    async def _see_through(self, id: int) -> Shown | None:
        """Says how far it is until it is over. None: it was cancelled."""
        ours = (
            None
            if await sync_to_async(_server_answers)()
            else asyncio.create_task(downloader.carry_out_alone(id))
        )
        said = ""
        while True:
            row = await Download.objects.filter(pk=id).exclude(state=Download.State.CANCELLED).afirst()
            found = None if row is None else await sync_to_async(downloads.shown)(row)
            if found is None or found.state in OVER:
                if ours is not None:
                    await ours
                return found
            text = f"{size_text(found.done_bytes)} of {size_text(found.total_bytes)}"
            if text != said:
                self.stdout.write(text)
                self.stdout.flush()
                said = text
            await asyncio.sleep(LOOK_SECONDS)


def _server_answers() -> bool:
    """Whether a server runs on this home; one that was killed leaves its address behind."""
    path = settings.HOME / "address"
    try:
        return path.exists() and httpx2.get(f"{path.read_text().strip()}/health/live", timeout=5).is_success
    except (OSError, httpx2.HTTPError):
        return False


def _served(found: Shown) -> str:
    return f" and served as {found.serve_as}" if found.serve_as else ""
