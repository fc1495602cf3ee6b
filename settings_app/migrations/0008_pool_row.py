from django.db import migrations


def make_row(apps, schema_editor):
    apps.get_model("settings_app", "Pool").objects.get_or_create(id=1)


class Migration(migrations.Migration):
    dependencies = [("settings_app", "0007_pool_providers_rules")]
    operations = [migrations.RunPython(make_row, migrations.RunPython.noop)]
