"""All that is counted of the log: begun, put right after a migration, and rid of what counts nothing any more."""

from django.db import connection, transaction

from settings_app import tally
from settings_app.counted import LOG, count_anew, triggers
from settings_app.logs import days

ALL = (*days.COUNTED, *tally.COUNTED)
TABLES = {counted.table for counted in ALL}


def keep(**_: object) -> None:
    """After every migration: SQLite drops a table's triggers when Django makes the table anew to change it.

    Where the days do not count as many rows as there are, as when they are new, all is counted anew: some 10 s for a
    million rows.
    """
    laid = {name: sql for counted in ALL for name, sql in triggers(counted)}
    with transaction.atomic(), connection.cursor() as cursor:
        for name in laid:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
        if not set(connection.introspection.table_names(cursor)) >= TABLES:
            return  # migrated back to a time before them
        for name, sql in laid.items():
            cursor.execute(f"CREATE TRIGGER {name} {sql}")
        cursor.execute(f"SELECT (SELECT COUNT(*) FROM {LOG}) - COALESCE(SUM(requests), 0) FROM {days.COUNTS}")
        if cursor.fetchone()[0]:
            for sql in [*(f"DELETE FROM {table}" for table in TABLES), *map(count_anew, ALL)]:
                cursor.execute(sql)


def forget_empty() -> None:
    """The counts of days of which no row is left."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DELETE FROM {table} WHERE requests = 0")
