"""The pages that show or use what runs. Those that show what is written down are `settings_app.urls`."""

from django.urls import path

from inference.pages import providers

urlpatterns = [
    path("settings/providers/<int:pk>/test/", providers.test, name="settings-provider-test"),
]
