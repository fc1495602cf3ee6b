import fcntl
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor


class DatabaseCommand(BaseCommand):
    """A command that finds its tables: on a fresh or upgraded home it brings the database up to date first."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            self._bring_up_to_date()
        except (DatabaseError, OSError) as error:
            raise CommandError(
                f"Cannot use the database {settings.DATABASES['default']['NAME']}: {error}."
            ) from error
        return super().execute(*args, **options)

    def _bring_up_to_date(self) -> None:
        if not _is_behind():
            return
        with (settings.HOME / "migrate.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of two commands at once the second waits, and finds it done
            if _is_behind():
                self.stderr.write("Bringing the database up to date.")
                call_command("migrate", verbosity=0, interactive=False)


def _is_behind() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
