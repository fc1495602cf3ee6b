from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SettingsAppConfig(AppConfig):
    name = "settings_app"
    verbose_name = "Settings"

    def ready(self) -> None:
        from settings_app.moves import lay_triggers  # needs the tables' models

        post_migrate.connect(lay_triggers, sender=self)
