"""Where the pages of this floor stand."""

from django.urls import path

from reporting.web import numbers

app_name = "reporting"

urlpatterns = [
    path("numbers/", numbers.Network.as_view(), name="numbers"),
    path("numbers/own/", numbers.Own.as_view(), name="numbers_own"),
    path("numbers/own/<slug:period>.<slug:shape>", numbers.OwnFile.as_view(), name="own_download"),
    path("numbers/<uuid:release>.<slug:shape>", numbers.ReleaseFile.as_view(), name="figure_download"),
]
