"""How often the settings were written: a number in the database that its own triggers count up, whoever writes.

`PRAGMA data_version` tells that anything was committed, and so moves with each batch of the request log; this number
tells that it was a setting. A row that is edited in a database shell counts too, as no column would that
`changes.save` keeps.
"""

from django.db import connection, models

from settings_app.models import Access, ApiKey, LocalModel, Pool, Provider, Retention, Rule, Serving, Timeout

TABLE = "settings_app_moves"  # one row, made by a migration; no model, so that nothing flushes it
WATCHED: tuple[type[models.Model], ...] = (
    Access,
    ApiKey,
    LocalModel,
    Pool,
    Provider,
    Retention,
    Rule,
    Serving,
    Timeout,
)
EVENTS = ("insert", "update", "delete")


def lay_triggers(**_: object) -> None:
    """After every migration: SQLite drops a table's triggers when Django makes the table anew to change it."""
    there = set(connection.introspection.table_names())
    if TABLE not in there:  # migrated back to a time before it
        return
    with connection.cursor() as cursor:
        for table in there & {model._meta.db_table for model in WATCHED}:
            for event in EVENTS:
                cursor.execute(
                    f"CREATE TRIGGER IF NOT EXISTS {TABLE}_{table}_{event} AFTER {event} ON {table} "
                    f"BEGIN UPDATE {TABLE} SET times = times + 1; END"
                )
