from django.db import migrations, models


class Migration(migrations.Migration):
    """A row lives for the seconds in which a door waits for its answer: nothing is carried over."""

    dependencies = [("settings_app", "0012_request_logs")]
    operations = [
        migrations.DeleteModel("RunningOrder"),
        migrations.CreateModel(
            name="RunningOrder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("given_at", models.DateTimeField(auto_now_add=True)),
                (
                    "verb",
                    models.CharField(
                        choices=[
                            ("apply", "Apply"),
                            ("list", "List"),
                            ("cancel", "Cancel"),
                            ("extend", "Extend"),
                        ],
                        max_length=6,
                    ),
                ),
                ("asked", models.JSONField(default=dict)),
                ("who", models.CharField(default="", max_length=150)),
                ("answer", models.JSONField(null=True)),
            ],
        ),
    ]
