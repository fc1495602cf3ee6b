from django.db import migrations, models

FILTERED = "status TEXT NOT NULL, model TEXT NOT NULL, endpoint TEXT NOT NULL, backend TEXT NOT NULL, api_key TEXT NOT NULL"
NAMES = "status, model, endpoint, backend, api_key"


class Migration(migrations.Migration):
    """What is counted of the request log: `settings_app.counted` fills it, and lays its triggers, after a migration.

    And an index of the times that has the ids too: text in an id is looked for in it.
    """

    dependencies = [("settings_app", "0014_serve_metrics")]
    operations = [
        migrations.RunSQL(
            [
                f"CREATE TABLE settings_app_log_days (day TEXT NOT NULL, {FILTERED}, requests INTEGER NOT NULL, "
                "tokens INTEGER NOT NULL, making_ms INTEGER NOT NULL, "
                f"PRIMARY KEY (day, {NAMES})) WITHOUT ROWID",
                f"CREATE TABLE settings_app_log_times (ms INTEGER NOT NULL, day TEXT NOT NULL, {FILTERED}, "
                f"requests INTEGER NOT NULL, PRIMARY KEY (ms, day, {NAMES})) WITHOUT ROWID",
                "CREATE TABLE settings_app_log_times_of_all (ms INTEGER NOT NULL, day TEXT NOT NULL, status TEXT NOT NULL, "
                "requests INTEGER NOT NULL, PRIMARY KEY (ms, day, status)) WITHOUT ROWID",
                "CREATE TABLE settings_app_log_took (day TEXT NOT NULL, path TEXT NOT NULL, "
                "kind TEXT NOT NULL, phase TEXT NOT NULL, ms INTEGER NOT NULL, requests INTEGER NOT NULL, "
                "PRIMARY KEY (day, path, kind, phase, ms)) WITHOUT ROWID",
            ],
            [
                "DROP TABLE settings_app_log_days",
                "DROP TABLE settings_app_log_times",
                "DROP TABLE settings_app_log_times_of_all",
                "DROP TABLE settings_app_log_took",
            ],
        ),
        migrations.AddIndex("requestlog", models.Index(fields=["at", "id", "request_id"], name="log_at")),
        migrations.SeparateDatabaseAndState(
            # else the whole table would be made anew for it
            database_operations=[
                migrations.RunSQL(
                    "DROP INDEX IF EXISTS settings_app_requestlog_at_d980154e",
                    "CREATE INDEX settings_app_requestlog_at_d980154e ON settings_app_requestlog (at)",
                )
            ],
            state_operations=[migrations.AlterField("requestlog", "at", models.DateTimeField())],
        ),
    ]
