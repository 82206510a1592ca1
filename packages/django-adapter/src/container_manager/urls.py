"""Pages for monitoring, to be included: ``path("container-manager/", include("container_manager.urls"))``."""

from django.urls import path

from container_manager.monitoring import views

app_name = "container_manager"
urlpatterns = [
    path("health/", views.health, name="health"),
    path("metrics/", views.metrics, name="metrics"),
]
