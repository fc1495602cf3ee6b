from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path, re_path

from inference import health, scrape
from mlx_manager import api

urlpatterns = [
    path("health/live", login_not_required(health.live)),
    path("health/ready", login_not_required(health.ready)),
    path("metrics", login_not_required(scrape.scrape)),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    re_path("^api/", login_not_required(api.nothing_there)),
    path("", include("inference.urls")),
    path("", include("settings_app.urls")),
]
