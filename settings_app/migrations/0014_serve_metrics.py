from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settings_app", "0013_orders")]
    operations = [
        migrations.AddField(
            "serving",
            "serve_metrics",
            models.BooleanField(
                default=False,
                help_text="Open to this machine; from others with an administrator's API key. Figures, and names of models and providers; nothing that was said.",
                verbose_name="serve /metrics for Prometheus",
            ),
        ),
    ]
