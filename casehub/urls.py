"""The only file that mounts doors: pages at /, the API at /api/v1/."""

from django.urls import include, path

urlpatterns = [
    path("account/", include("allauth.urls")),
]
