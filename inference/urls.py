"""The pages that show or use what runs. Those that show what is written down are `settings_app.urls`."""

from django.urls import path

from inference.pages import (
    chat,
    dashboard,
    hub,
    logs,
    logs_live,
    models,
    pool,
    providers,
    rules,
    running,
)

urlpatterns = [
    path("", dashboard.page, name="home"),
    path("dashboard/now/", dashboard.now, name="dashboard-now"),
    path("dashboard/traffic/", dashboard.traffic, name="dashboard-traffic"),
    path("models/", hub.page, name="models"),
    path("models/here/", models.here, name="models-here"),
    path("models/live/", models.live, name="models-live"),
    path("models/act/", models.act, name="models-act"),
    path("models/adapter/", models.adapter, name="models-adapter"),
    path("models/disk/<slug:disk_id>/serve/", models.serve, name="models-serve"),
    path("models/disk/<slug:disk_id>/remove/", models.remove, name="models-remove"),
    path("models/hub/", hub.search, name="models-hub"),
    path("models/hub/<str:owner>/<str:name>/", hub.offer, name="models-offer"),
    path("models/downloads/<int:download_id>/<slug:verb>/", hub.turn, name="models-download"),
    path("models/try/", chat.page, name="models-try"),
    path("models/try/figures/<slug:request_id>/", chat.figures, name="models-try-figures"),
    path("settings/providers/<int:pk>/test/", providers.test, name="settings-provider-test"),
    path("settings/pool/", pool.save, name="settings-pool"),
    path("settings/pool/live/", pool.live, name="pool-live"),
    path("settings/pool/models/<path:name>/load/", pool.load, name="pool-load"),
    path("settings/pool/models/<path:name>/unload/", pool.unload, name="pool-unload"),
    path("settings/pool/models/<path:name>/pinned/", pool.keep, {"field": "pinned"}, name="pool-pinned"),
    path("settings/pool/models/<path:name>/preload/", pool.keep, {"field": "preload"}, name="pool-preload"),
    path("settings/route/", rules.route, name="settings-route"),
    path("settings/running/", running.act, name="settings-running"),
    path("settings/running/live/", running.live, name="settings-running-live"),
    path("settings/logs/", logs.show, name="settings-logs"),
    path("settings/logs/live/", logs_live.live, name="logs-live"),
    path("settings/logs/keep/", logs.keep, name="logs-keep"),
    path("settings/logs/request/<slug:request_id>/", logs.detail, name="logs-request"),
]
