"""The pages that show or use what runs. Those that show what is written down are `settings_app.urls`."""

from django.urls import path

from inference.pages import pool, providers, rules

urlpatterns = [
    path("settings/providers/<int:pk>/test/", providers.test, name="settings-provider-test"),
    path("settings/pool/", pool.save, name="settings-pool"),
    path("settings/pool/live/", pool.live, name="pool-live"),
    path("settings/pool/models/<path:name>/load/", pool.load, name="pool-load"),
    path("settings/pool/models/<path:name>/unload/", pool.unload, name="pool-unload"),
    path("settings/pool/models/<path:name>/pinned/", pool.keep, {"field": "pinned"}, name="pool-pinned"),
    path("settings/pool/models/<path:name>/preload/", pool.keep, {"field": "preload"}, name="pool-preload"),
    path("settings/route/", rules.route, name="settings-route"),
]
