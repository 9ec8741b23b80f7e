"""Where the pages of this floor stand."""

from django.urls import path

from reporting.web import grants, numbers

app_name = "reporting"

urlpatterns = [
    path("numbers/", numbers.Network.as_view(), name="numbers"),
    path("numbers/own/", numbers.Own.as_view(), name="numbers_own"),
    path("numbers/own/<slug:period>.<slug:shape>", numbers.OwnFile.as_view(), name="own_download"),
    path("numbers/<uuid:release>.<slug:shape>", numbers.ReleaseFile.as_view(), name="figure_download"),
    path("reports/", grants.Grants.as_view(), name="grants"),
    path("reports/<uuid:report>/", grants.Grant.as_view(), name="grant"),
    path("reports/<uuid:report>.<slug:shape>", grants.GrantFile.as_view(), name="grant_file"),
    path("reports/<uuid:report>/answers/", grants.GrantAnswers.as_view(), name="grant_answers"),
    path("reports/<uuid:report>/freeze/", grants.GrantFreeze.as_view(), name="grant_freeze"),
    path("reports/<uuid:report>/correct/", grants.GrantCorrect.as_view(), name="grant_correct"),
    path("reports/<uuid:report>/rows/<str:code>/", grants.GrantItemRows.as_view(), name="grant_item_rows"),
]
