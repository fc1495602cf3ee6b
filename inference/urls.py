"""The pages that show or use what runs. Those that show what is written down are `settings_app.urls`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
