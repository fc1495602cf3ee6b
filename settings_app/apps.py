from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SettingsAppConfig(AppConfig):
    name = "settings_app"
    verbose_name = "Settings"

    def ready(self) -> None:
        from settings_app.logs import counts  # which need the tables' models, both
        from settings_app.moves import lay_triggers

        post_migrate.connect(lay_triggers, sender=self)
        post_migrate.connect(counts.keep, sender=self)
