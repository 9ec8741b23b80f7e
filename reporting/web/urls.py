"""Where the pages of this floor stand."""

from django.urls import path

from reporting.web import (
    availability,
    beside,
    coverage,
    dashboards,
    grants,
    keeping,
    leakcheck,
    numbers,
    releases,
    trends,
)

app_name = "reporting"

urlpatterns = [
    path("numbers/", numbers.Network.as_view(), name="numbers"),
    path("numbers/next/", dashboards.Next.as_view(), name="next"),
    path("numbers/where/", dashboards.Where.as_view(), name="where"),
    path("numbers/before/", trends.Before.as_view(), name="before"),
    path("numbers/before.<slug:shape>", trends.BeforeFile.as_view(), name="before_download"),
    path("numbers/given/", dashboards.Given.as_view(), name="given"),
    path("numbers/who/", dashboards.Who.as_view(), name="who"),
    path("numbers/free/", availability.Free.as_view(), name="free"),
    path("numbers/coverage/", coverage.Coverage.as_view(), name="coverage"),
    path("numbers/beside/", beside.Beside.as_view(), name="beside"),
    path("numbers/saved/", keeping.Saved.as_view(), name="saved"),
    path("numbers/saved/<uuid:view>/", keeping.SavedAct.as_view(), name="saved_act"),
    path("numbers/check-a-table/", leakcheck.Check.as_view(), name="leakcheck"),
    path("numbers/own/", numbers.Own.as_view(), name="numbers_own"),
    path("numbers/own/<slug:period>.<slug:shape>", numbers.OwnFile.as_view(), name="own_download"),
    path("numbers/<uuid:release>.<slug:shape>", numbers.ReleaseFile.as_view(), name="figure_download"),
    path("reports/releases/", releases.Releases.as_view(), name="releases"),
    path("reports/releases/new/", releases.Ask.as_view(), name="release_ask"),
    path("reports/releases/plans/<uuid:specification>/", releases.Plan.as_view(), name="release_plan"),
    path("reports/releases/<uuid:proposal>/", releases.ProposalPage.as_view(), name="release_proposal"),
    path(
        "reports/releases/<uuid:proposal>/certificate.json",
        releases.Certificate.as_view(),
        name="release_certificate",
    ),
    path("reports/releases/<uuid:release>/correct/", releases.Correct.as_view(), name="release_correct"),
    path("agency/tables/", releases.Nation.as_view(), name="nation"),
    path("published/", releases.Published.as_view(), name="published"),
    path("published/<slug:label>/", releases.PublishedTable.as_view(), name="published_table"),
    path("published/<slug:label>.<slug:shape>", releases.PublishedFile.as_view(), name="published_file"),
    path("reports/", grants.Grants.as_view(), name="grants"),
    path("reports/<uuid:report>/", grants.Grant.as_view(), name="grant"),
    path("reports/<uuid:report>.<slug:shape>", grants.GrantFile.as_view(), name="grant_file"),
    path("reports/<uuid:report>/answers/", grants.GrantAnswers.as_view(), name="grant_answers"),
    path("reports/<uuid:report>/freeze/", grants.GrantFreeze.as_view(), name="grant_freeze"),
    path("reports/<uuid:report>/correct/", grants.GrantCorrect.as_view(), name="grant_correct"),
    path("reports/<uuid:report>/rows/<str:code>/", grants.GrantItemRows.as_view(), name="grant_item_rows"),
]
