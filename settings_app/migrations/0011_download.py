from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("settings_app", "0010_provider_words")]
    operations = [
        migrations.CreateModel(
            name="Download",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("repo", models.CharField(max_length=200)),
                ("commit", models.CharField(max_length=64)),
                ("files", models.JSONField()),
                ("serve_as", models.CharField(blank=True, max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("done", "Done"),
                        ],
                        default="waiting",
                        max_length=9,
                    ),
                ),
                ("problem", models.CharField(blank=True, max_length=500)),
                ("who", models.CharField(max_length=150)),
                ("door", models.CharField(max_length=10)),
                ("begun_at", models.DateTimeField(auto_now_add=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(("state__in", ("waiting", "running", "paused", "failed"))),
                        fields=("repo",),
                        name="one_download_of_a_model",
                    )
                ],
            },
        ),
    ]
