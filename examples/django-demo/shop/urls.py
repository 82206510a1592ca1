"""The admin, and health and metrics of the jobs."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("container-manager/", include("container_manager.urls")),
]
