from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settings_app", "0015_log_counts")]
    operations = [
        migrations.AddField(
            "localmodel",
            "adapter",
            models.CharField(
                blank=True,
                default="",
                help_text="The folder of an adapter that mlx_lm.lora made for this model. Empty: none.",
                max_length=1000,
            ),
        ),
    ]
