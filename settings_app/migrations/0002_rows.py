"""The rows that are always there: a timeout per endpoint, and who may come in."""

from django.db import migrations

TIMEOUTS = {"chat": 900.0, "completions": 600.0, "embeddings": 120.0}


def make_rows(apps, schema_editor):
    timeout = apps.get_model("settings_app", "Timeout")
    for endpoint, seconds in TIMEOUTS.items():
        timeout.objects.get_or_create(endpoint=endpoint, defaults={"seconds": seconds})
    apps.get_model("settings_app", "Access").objects.get_or_create(id=1)


class Migration(migrations.Migration):
    dependencies = [("settings_app", "0001_initial")]
    operations = [migrations.RunPython(make_rows, migrations.RunPython.noop)]
