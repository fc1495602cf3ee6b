"""What `/v1` knows of the settings is current, and costs nothing while only the request log is written."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from settings_app import moves, stored
from settings_app.models import ApiKey, LocalModel, Provider, Rule, Serving
from settings_app.snapshot import Snapshot
from settings_app.watch import watch

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = {
    "settings_app_rule": {
        "position": 1,
        "pattern": "m",
        "kind": "exact",
        "target_model": "",
        "fallbacks": "[]",
        "local_only": 0,
        "enabled": 1,
    },
    "settings_app_localmodel": {
        "name": "m",
        "kind": "text",
        "path": "/m",
        "adapter": "",
        "pinned": 0,
        "preload": 0,
    },
}


@pytest.fixture
def shell() -> Iterator[sqlite3.Connection]:
    """Another process's connection, as a database shell has it."""
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as found:
        yield found


def now() -> Snapshot:
    return async_to_sync(stored.current)()


def test_what_is_no_setting_leaves_the_snapshot_as_it_is(shell: sqlite3.Connection) -> None:
    before = now()
    version = watch().version()
    shell.execute("CREATE TABLE scratch (id INTEGER)")
    shell.execute("INSERT INTO scratch VALUES (1)")
    shell.execute("DROP TABLE scratch")
    assert watch().version() != version
    assert now() is before


@pytest.mark.parametrize("table", ROWS)
def test_a_row_written_in_a_database_shell_is_known_at_once(table: str, shell: sqlite3.Connection) -> None:
    def known() -> int:
        settings = now()
        return len(settings.rules) + len(settings.models)

    assert known() == 0
    row: dict[str, Any] = ROWS[table]
    marks = ", ".join("?" * len(row))
    shell.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
    assert known() == 1
    before = now()
    shell.execute(f"UPDATE {table} SET kind = 'prefix'")
    assert now() is not before
    shell.execute(f"DELETE FROM {table}")
    assert known() == 0


def test_every_table_that_is_read_is_watched_in_every_way() -> None:
    """A table that the snapshot reads and `moves` does not watch would be served as it was yesterday."""
    ApiKey.objects.create(name="a", digest="a")
    LocalModel.objects.create(name="m", path="/m")
    Provider.objects.create(name="p", base_url="https://p.example")
    Rule.objects.create(pattern="m", position=1)
    Serving.objects.get_or_create(pk=1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        stored.load()
    known = set(connection.introspection.table_names())
    read = {table for query in queries for table in known if table in query["sql"].replace('"', " ").split()}
    watched = {model._meta.db_table for model in moves.WATCHED}
    assert read == watched
    assert _triggers() == {f"{moves.TABLE}_{table}_{event}" for table in watched for event in moves.EVENTS}


def test_a_table_that_a_migration_makes_anew_is_watched_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {moves.TABLE}_settings_app_rule_update")
    assert f"{moves.TABLE}_settings_app_rule_update" not in _triggers()
    call_command("migrate", verbosity=0)
    assert f"{moves.TABLE}_settings_app_rule_update" in _triggers()


def _triggers() -> set[str]:
    """Those that count writes of settings; the log's own count the log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return {name for (name,) in cursor.fetchall() if name.startswith(moves.TABLE)}
