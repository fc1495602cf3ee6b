import django.core.validators
from django.db import migrations, models
from django.db.models import Q


def add_row(apps, schema_editor):
    apps.get_model("settings_app", "Retention").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    """Indexes for what the request log is filtered by, and how long it is kept."""

    dependencies = [("settings_app", "0011_download")]
    operations = [
        migrations.CreateModel(
            name="Retention",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "retention_days",
                    models.PositiveIntegerField(
                        default=30,
                        help_text="Older ones are deleted at once, and then every day. 0: kept for ever.",
                        validators=[django.core.validators.MaxValueValidator(3650)],
                        verbose_name="keep requests, in days",
                    ),
                ),
            ],
            options={
                "verbose_name": "request log",
                "verbose_name_plural": "request log",
                "constraints": [models.CheckConstraint(condition=Q(id=1), name="retention_is_one_row")],
            },
        ),
        migrations.RunPython(add_row, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="requestlog",
            name="status",
            field=models.CharField(
                choices=[
                    ("ok", "Ok"),
                    ("timeout", "Timeout"),
                    ("client_closed", "Client Closed"),
                    ("cancelled", "Cancelled"),
                    ("error", "Error"),
                    ("rejected", "Rejected"),
                    ("interrupted", "Interrupted"),
                ],
                max_length=14,
            ),
        ),
        *(
            migrations.AddIndex(
                model_name="requestlog", index=models.Index(fields=[column, "at"], name=f"log_{column}")
            )
            for column in ("status", "model", "api_key", "backend", "endpoint")
        ),
    ]
