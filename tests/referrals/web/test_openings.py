"""The page on which an agency posts what is free, and what the network's page and the API say of it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agencies.models import Agency, County, Project
from referrals import availability
from referrals.models import Opening, OpeningPost
from tests.casehub.api import Caller

# Where the confidential site is, as its own agency knows it.
PLACE, NAME = "Hiddenvale", "Willow Lane house"


@pytest.fixture
def hidden(world):
    """A's confidential shelter, in a county of its own, with its last free bed posted."""
    county = County.objects.create(fips="99007", name=PLACE, state="TR")
    world.agency("A")
    project = world.project("A", NAME)
    with world.acting("A"):
        Project.objects.filter(pk=project.pk).update(county=county, is_confidential_site=True)
        availability.post_opening(
            project=project, kind="shel_em", free=1, places=40, phone="555-555-0100", is_confidential=False
        )
    return project


ASKS = ("", "?kind=shel_em", "?county=99007", "?county=99001&accepts=women&language=spa", "?county=x&kind=y")


def answers(world):
    """Whatever anybody else is told about it: the page however it is narrowed, and the API."""
    found = []
    for letter, role in (("B", "caseworker"), ("B", "partner_viewer"), ("HUB", "coordinator")):
        browser = world.browser(letter, role)
        found += [browser.get(reverse("reporting:free") + asked) for asked in ASKS]
        found.append(Caller(world, letter, role).get("openings/"))
    assert all(one.status_code == 200 for one in found)
    return [one.content.decode() for one in found]


def tells(world):
    """Words that give the place away, in all that anybody else is told."""
    told = answers(world)
    assert any("555-555-0100" in one for one in told), "the post is there"
    return {word for word in (PLACE, NAME, "about 100") if any(word in one for one in told)} | {
        word for word in ("99007", 'taken_tenths":10') if any(word in one for one in told if one[0] == "{")
    }


def test_nothing_that_anybody_is_told_says_where_a_confidential_site_is(world, hidden):
    assert tells(world) == set()


def test_a_site_that_nobody_called_confidential_would_be_told(world, hidden):
    """Sabotage: without the project's word, the walk above finds its county and its share."""
    with world.acting("A"):
        Project.objects.filter(pk=hidden.pk).update(is_confidential_site=False)
    assert tells(world) >= {PLACE, "about 100", "99007"}


def row(page, project):
    """The prefix of a project's row of the form."""
    line = next(one for one in page.context["lines"] if one.project == project)
    return line.form.prefix


def test_a_new_row_is_posted_and_sent_as_it_stands_says_that_it_is_still_true(world):
    project = world.project("A", "Safe house")
    browser, url = world.browser("A", "data_lead"), reverse("referrals:openings")
    new = row(browser.get(url), project)
    said = {f"{new}-kind": "shel_em", f"{new}-free": "2", f"{new}-accepts": ["women"]}
    assert browser.post(url, said).status_code == 302
    with world.acting("A"):
        (first,) = availability.ours()
        assert (first.free, first.accepts, first.is_confidential) == (2, ["women"], False)
    page = browser.get(url)
    form = next(one.form for one in page.context["lines"])
    again = {
        f"{form.prefix}-{name}": value
        for name in form.fields
        if (value := form[name].value()) not in (None, "", False) and name != "kind"
    }
    assert browser.post(url, again).status_code == 302
    with world.acting("A"):
        (second,) = availability.ours()
        assert (second.free, second.kind) == (2, "shel_em") and second.posted_at > first.posted_at
        assert len(availability.history()) == 2


def test_an_empty_form_posts_nothing_and_a_wrong_row_keeps_all_rows_back(world):
    one, other = world.project("A", "Safe house"), world.project("A", "Legal")
    browser, url = world.browser("A"), reverse("referrals:openings")
    page = browser.get(url)
    assert browser.post(url, {}).status_code == 302
    right = {f"{row(page, one)}-kind": "shel_em", f"{row(page, one)}-free": "1"}
    for wrong in ({"free": "3"}, {"kind": "legal_imm", "free": "3", "places": "2"}, {"phone": "1 Elm Road"}):
        sent = right | {f"{row(page, other)}-{name}": value for name, value in wrong.items()}
        answer = browser.post(url, sent)
        assert answer.status_code == 200 and 'role="alert"' in answer.content.decode()
    with world.acting("A"):
        assert not OpeningPost.objects.exists()


def test_another_kind_of_help_and_taking_down(world):
    project = world.project("A", "Safe house")
    with world.acting("A"):
        availability.post_opening(project=project, kind="shel_em", free=1)
    browser, url = world.browser("A"), reverse("referrals:openings")
    more = browser.get(url + "?more=1").context["lines"]
    new = next(line.form.prefix for line in more if line.opening is None)
    browser.post(url + "?more=1", {f"{new}-kind": "cm", f"{new}-wait": "week"})
    with world.acting("A"):
        assert {one.kind for one in availability.ours()} == {"shel_em", "cm"}
        down = Opening.objects.get(kind="cm")
    assert world.browser("B").post(url, {"down": str(down.pk)}).status_code == 404
    assert browser.post(url, {"down": str(down.pk)}).status_code == 302
    with world.acting("B"):
        assert [one.kind for one in availability.openings()] == ["shel_em"]


def test_stale_full_and_not_reported_never_look_alike(world):
    project = world.project("A", "Safe house")
    world.agency("B"), world.agency("C")
    with world.acting("A"):
        old = timezone.now() - timedelta(hours=30)
        availability.post_opening(project=project, kind="shel_em", free=5, posted_at=old)
        availability.post_opening(project=project, kind="cm", free=0)
        availability.post_opening(project=project, kind="legal_civ", wait="month")
    page = world.browser("B", "partner_viewer").get(reverse("reporting:free"))
    text = page.content.decode()
    assert (page.context["free"], page.context["fresh"], page.context["stale"]) == (0, 2, 1)
    assert "stale since" in text and 'class="cellnr"' in text and "Agency C" in text
    kinds = {title: lines[0].free for title, lines in page.context["groups"]}
    assert kinds["Legal help: civil"] == {"kind": "missing"} != kinds["Ongoing case management"]


def test_an_agency_that_left_is_on_no_page(world):
    project = world.project("A", "Safe house")
    with world.acting("A"):
        availability.post_opening(project=project, kind="shel_em", free=1)
    Agency.objects.filter(pk=world.agency("A").pk).update(left_on="2025-01-01")
    page = world.browser("B").get(reverse("reporting:free"))
    assert page.context["groups"] == [] and "Agency A" not in page.content.decode()


def test_the_api_posts_ones_own_and_no_others(world):
    mine, theirs = world.project("A", "Safe house"), world.project("B", "Legal")
    caller = Caller(world, "A")
    assert (
        caller.post("openings/", {"project": str(mine.pk), "kind": "shel_em", "free": 1}).status_code == 201
    )
    for wrong in (
        {"project": str(theirs.pk), "kind": "shel_em", "free": 1},
        {"project": str(mine.pk), "kind": "shel_em", "free": 3, "places": 2},
        {"project": str(mine.pk), "kind": "shel_em", "phone": "1 Elm Road"},
        {"project": str(mine.pk), "kind": "shel_em", "county": "99001"},
    ):
        assert caller.post("openings/", wrong).status_code == 400
    (seen,) = Caller(world, "B", "partner_viewer").get("openings/").json()["results"]
    assert (seen["agency"], seen["free"], seen["county"]) == ("Agency A", 1, None)
    assert "places" not in seen and "project" not in seen
    assert Caller(world, "B", "partner_viewer").post("openings/", {}).status_code == 404


def test_our_agency_says_how_fast_we_answer(world):
    client = world.client("A")
    world.touchpoint("A", client)
    world.response(world.offer(sender="B", receiver="A"), by="A")
    text = world.browser("A").get(reverse("reporting:numbers_own")).content.decode()
    assert "How fast are referrals answered?" in text and "We answer others" in text
    assert (
        "How fast are referrals" not in world.browser("B", "partner_viewer").get("/numbers/").content.decode()
    )


def test_more_posts_ask_no_more(world):
    browser = world.browser("A")

    def asked(url):
        with CaptureQueriesContext(connection) as found:
            assert browser.get(url).status_code == 200
        return len(found)

    pages = [reverse("reporting:free"), reverse("referrals:openings")]
    cost = []
    for count in (1, 6):
        for number in range(count):
            project = world.project("A", f"House {count} {number}")
            with world.acting("A"):
                availability.post_opening(project=project, kind="shel_em", free=1, languages=["spa"])
        [asked(url) for url in pages]  # what a session asks only once
        cost.append([asked(url) for url in pages])
    assert cost[0] == cost[1] and max(cost[0]) <= 22, cost
