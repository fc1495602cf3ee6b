from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path

from inference import front
from mlx_manager import api

urlpatterns = [
    path("health/live", login_not_required(front.live)),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("", include("settings_app.urls")),
]
