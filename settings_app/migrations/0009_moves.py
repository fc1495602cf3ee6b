from django.db import migrations


def drop_triggers(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'settings_app_moves_*'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    """The count of writes to the settings. Its triggers are laid after every migration, by `moves.lay_triggers`."""

    dependencies = [("settings_app", "0008_pool_row")]
    operations = [
        migrations.RunSQL(
            [
                "CREATE TABLE settings_app_moves (id INTEGER PRIMARY KEY CHECK (id = 1), times INTEGER NOT NULL)",
                "INSERT INTO settings_app_moves (id, times) VALUES (1, 0)",
            ],
            "DROP TABLE settings_app_moves",
        ),
        migrations.RunPython(migrations.RunPython.noop, drop_triggers),
    ]
