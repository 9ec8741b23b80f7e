"""The pages of tables on their way out: who sees which, the whole way by two people, and the public's pages."""

import html
import json
import re
from datetime import date

import pytest
from django.test import Client as Browser
from django.urls import reverse

from agencies import actions
from agencies.scope import NotAllowed
from reporting import releases
from reporting.engine import PeriodsOverlap
from reporting.measures import Period, cubes, small
from reporting.models import Grid, Mode, Proposal, Release, Scope, Showing, Specification
from reporting.releases import publishing, sealed
from reporting.sdc import Unprotectable
from tests.reporting.releasing import approved, drawn, released, waiting
from tests.reporting.test_releases import identify, network, sign

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
PUBLIC = {"scope": Scope.PUBLIC, "mode": Mode.STRICT}


def said(response):
    return " ".join(response.content.decode().split())


def cells(response):
    """What stands in the cells of its tables."""
    found = re.findall(r'<td role="cell"[^>]*>(.*?)</td>', response.content.decode(), re.DOTALL)
    return [re.sub(r"<[^>]*>", "", one).strip() for one in found]


def test_the_whole_way_by_two_people(world):
    network(world)
    coordinator = world.browser("HUB", "coordinator")
    checker = world.browser("HUB", "output_checker")
    assert "Nothing is agreed on" in said(coordinator.get(reverse("reporting:releases")))
    sent = coordinator.post(
        reverse("reporting:release_ask"),
        {"what": "pipeline", "who": "partners", "when": "once year 2025-01-01"},
    )
    proposal = Proposal.objects.get()
    where = reverse("reporting:release_proposal", args=[proposal.pk])
    assert sent["Location"] == where and "Load this page again" in said(coordinator.get(where))
    releases.draw_proposal(proposal.pk)
    assert "Ask the output checker" in said(coordinator.get(where))
    assert "Ask the output checker" not in said(checker.get(where))
    coordinator.post(where, {"act": "ask"})
    assert "Somebody else decides" in said(coordinator.get(where))
    assert coordinator.post(where, {"act": "publish"}).status_code == 404
    queue = said(checker.get(reverse("reporting:releases")))
    assert where in queue and "asked by coordinator of HUB" in queue
    page = said(checker.get(where))
    assert "What an attacker finds" in page and "Figures hidden" in page
    assert checker.post(where, {"act": "publish"}).status_code == 302
    made = Release.objects.get()
    assert made.digest == proposal.__class__.objects.get().drawn["digest"]
    assert made.label in said(coordinator.get(reverse("reporting:releases")))


def test_a_plan_is_asked_for_approved_and_ended(world):
    network(world)
    coordinator, checker = world.browser("HUB", "coordinator"), world.browser("HUB", "output_checker")
    coordinator.post(
        reverse("reporting:release_ask"), {"what": "pipeline", "who": "partners", "when": "each year"}
    )
    plan = Specification.objects.get()
    where = reverse("reporting:release_plan", args=[plan.pk])
    assert coordinator.post(where, {"act": "approve"}).status_code == 404
    assert "Decide once" in said(checker.get(where))
    assert "Say why not" in said(checker.post(where, {"act": "refuse"}))
    checker.post(where, {"act": "approve"})
    assert isinstance(releases.publish(plan, YEAR), Release)
    checker.post(where, {"act": "withdraw"})
    with pytest.raises(releases.NotApproved):
        releases.publish(plan, YEAR)


@pytest.mark.parametrize(
    ("letter", "role"), [("P", "partner_viewer"), ("A", "data_lead"), ("HUB", "auditor")]
)
@pytest.mark.parametrize("route", ["releases", "release_ask", "release_proposal", "release_plan"])
def test_what_is_not_out_yet_is_nobody_elses(world, letter, role, route):
    network(world)
    given = {
        "release_proposal": lambda: [waiting(world, "pipeline", YEAR).pk],
        "release_plan": lambda: [approved(world).pk],
    }.get(route, list)()
    where = reverse(f"reporting:{route}", args=given)
    assert world.browser(letter, role).get(where).status_code == 404
    assert world.browser("HUB", "coordinator").get(where).status_code == 200


@pytest.mark.parametrize(("role", "status"), [("output_checker", 200), ("coordinator", 404)])
def test_the_certificate_is_the_checkers_alone(world, role, status):
    network(world)
    found = waiting(world, "pipeline", YEAR)
    page = world.browser("HUB", role).get(reverse("reporting:release_certificate", args=[found.pk]))
    assert page.status_code == status
    if status == 200:
        assert json.loads(page.content)


def test_a_wrong_word_releases_nothing(world):
    network(world)
    found = waiting(world, "pipeline", YEAR)
    where = reverse("reporting:release_proposal", args=[found.pk])
    checker = world.browser("HUB", "output_checker")
    assert checker.post(where, {"act": "frob"}).status_code == 400
    assert checker.post(where, {"act": "refuse"}).status_code == 400
    again = waiting(world, "anonymous_contacts", YEAR)
    ask = {"what": "anonymous_contacts", "who": "partners", "when": "once year 2025-01-01"}
    asked = world.browser("HUB", "coordinator").post(reverse("reporting:release_ask"), ask)
    assert asked.status_code == 400 and "being prepared already" in said(asked)
    assert again.state == Proposal.State.ASKED and not Release.objects.exists()


def test_a_correction_is_asked_for_from_the_list(world):
    network(world)
    made = released(world, "pipeline", YEAR)
    coordinator = world.browser("HUB", "coordinator")
    sent = coordinator.post(reverse("reporting:release_correct", args=[made.pk]))
    proposal = Proposal.objects.get()
    assert proposal.replaces == made and sent.status_code == 302
    releases.draw_proposal(proposal.pk)
    where = reverse("reporting:release_proposal", args=[proposal.pk])
    assert "What changes" in said(world.browser("HUB", "output_checker").get(where))
    assert "What changes" not in said(coordinator.get(where))


@pytest.mark.parametrize("is_checker_too", [False, True])
def test_who_asks_reads_no_figure_of_a_draft(world, is_checker_too):
    """Two drafts are not protected beside each other: their difference is a small count."""
    network(world)
    if is_checker_too:
        actions.grant_role(world.person("HUB", "coordinator"), world.agency("HUB"), "output_checker")
    coordinator, checker = world.browser("HUB", "coordinator"), world.browser("HUB", "output_checker")
    found = drawn(world, "pipeline", YEAR)
    where = reverse("reporting:release_proposal", args=[found.pk])
    assert "45" in cells(checker.get(where)) and "What an attacker finds" in said(checker.get(where))
    page = said(coordinator.get(where))
    assert (
        "45" not in cells(coordinator.get(where))
        and "What an attacker finds" not in page
        and "Small counts" not in page
    )
    assert "Figures hidden" in page and "Ask the output checker" in page
    proof = coordinator.get(reverse("reporting:release_certificate", args=[found.pk]))
    assert proof.status_code == 404
    with world.acting("HUB", "coordinator"), pytest.raises(NotAllowed):
        releases.seen(found)


def test_what_was_released_is_read_from_where_it_was_asked_for(world):
    """Each line of the list, and the page of what was asked for, leads to where its readers read it."""
    network(world)
    found = waiting(world, "stages_by_place", YEAR)
    with world.acting("HUB", "output_checker"):
        releases.decide(found, publish=True)
    for measure in ("pipeline", "anonymous_contacts"):
        released(world, measure, YEAR)
    released(world, "stages_by_place", YEAR, **PUBLIC)
    coordinator = world.browser("HUB", "coordinator")
    page = said(coordinator.get(reverse("reporting:release_proposal", args=[found.pk])))
    assert "Should this go out?" not in page and "Read it as its readers do" in page
    listed = said(coordinator.get(reverse("reporting:releases"))).split('id="h-made"')[1]
    links = [html.unescape(link) for link in re.findall(r'<a class="go" href="([^"]+)"', listed)]
    assert len(links) == Release.objects.count() == 4
    assert all(coordinator.get(link).status_code == 200 for link in links)
    assert html.unescape(page.split("Read it as")[0].rpartition('href="')[2].rstrip('">')) in links


def test_a_refusal_is_seen_by_who_asked(world):
    network(world)
    found = waiting(world, "pipeline", YEAR)
    with world.acting("HUB", "output_checker"):
        releases.decide(found, publish=False, reason="Too fine for a year")
    coordinator = world.browser("HUB", "coordinator")
    assert "Too fine for a year" in said(coordinator.get(reverse("reporting:releases")))
    page = said(coordinator.get(reverse("reporting:release_proposal", args=[found.pk])))
    assert "refused it: Too fine for a year" in page and "Nothing of it was released" in page


def test_the_networks_usual_periods_are_offered_first(world):
    network(world)
    releases.choose_grid(Grid.QUARTER)
    page = said(world.browser("HUB", "coordinator").get(reverse("reporting:release_ask")))
    assert '<option value="each quarter" selected>' in page


# What can't be released.


def blocked(world, monkeypatch, error):
    network(world)

    def refuses(*_args, **_how):
        raise error

    monkeypatch.setattr(publishing.engine, "run_network", refuses)
    found = drawn(world, "pipeline", YEAR)
    assert found.state == Proposal.State.BLOCKED
    where = reverse("reporting:release_proposal", args=[found.pk])
    return found, where, said(world.browser("HUB", "coordinator").get(where))


@pytest.mark.parametrize(("error", "words", "labels"), [
    (Unprotectable("at a", ["who-2024-01-year"]), "beside these releases", ["who-2024-01-year"]),
    (Unprotectable("at a"), "No earlier release is in the way", []),
    (PeriodsOverlap("both", ["unmet_need-2025-01-month"]), "share days", ["unmet_need-2025-01-month"]),
    (releases.LedgerIncomplete(["who-2024-01-year"]), "keys restored", ["who-2024-01-year"]),
    (releases.NotCertified("wrong"), "Tell whoever runs the hub", []),
])  # fmt: skip
def test_what_blocks_is_named_with_a_next_step(world, monkeypatch, error, words, labels):
    found, where, page = blocked(world, monkeypatch, error)
    assert found.blocking == labels and all(label in page for label in labels)
    is_passing = isinstance(error, releases.LedgerIncomplete | releases.NotCertified)
    assert words in page and ("Ask anew" in page) == is_passing
    assert reverse("reporting:release_ask") in page
    monkeypatch.undo()
    sent = world.browser("HUB", "coordinator").post(where, {"act": "renew"})
    again = Proposal.objects.exclude(pk=found.pk).get()
    assert sent["Location"] == reverse("reporting:release_proposal", args=[again.pk])


def test_each_view_that_was_tried_names_what_blocks_it(world, monkeypatch):
    named = iter([["one"], [], ["two"]] * 9)

    def refuses(*_args, **_how):
        raise Unprotectable("at a", next(named))

    network(world)
    monkeypatch.setattr(publishing.engine, "run_network", refuses)
    assert drawn(world, "stages_by_place", YEAR).blocking == ["one", "two"]


def test_a_run_of_a_plan_that_is_blocked_is_drawn_anew_by_the_schedule(world, monkeypatch):
    network(world)
    plan = approved(world)
    monkeypatch.setattr(publishing, "due", lambda: [(plan, YEAR)])

    def refuses(*_args, **_how):
        raise Unprotectable("at a")

    with monkeypatch.context() as held:
        held.setattr(publishing.engine, "run_network", refuses)
        assert releases.publish_due() == 0
    found = Proposal.objects.get()
    where = reverse("reporting:release_proposal", args=[found.pk])
    coordinator = world.browser("HUB", "coordinator")
    page = said(coordinator.get(where))
    assert "Let the schedule draw it anew" in page and "Ask anew" not in page
    coordinator.post(where, {"act": "drop"})
    monkeypatch.undo()
    assert (plan, YEAR) in releases.due()


def test_a_table_beside_releases_that_cant_be_read_waits_and_says_so(world, monkeypatch):
    network(world)
    found = waiting(world, "pipeline", YEAR)

    def unread(_period):
        raise releases.LedgerIncomplete(["who-2024-01-year"])

    monkeypatch.setattr(sealed, "said_before", unread)
    where = reverse("reporting:release_proposal", args=[found.pk])
    for role in ("coordinator", "output_checker"):
        page = world.browser("HUB", role).get(where)
        assert page.status_code == 200 and "who-2024-01-year" in said(page) and "Release it" not in said(page)


# A nation's own page.


def test_a_nation_answers_on_its_own_page(world):
    network(world)
    sign(world, "T", is_tribal=True, tribal_owner="An invented nation")
    identify(world, "T", 12)
    plan = approved(world)
    lead = world.browser("T", "data_lead")
    where = reverse("reporting:nation")
    assert "Left out until you answer" in said(lead.get(where))
    assert lead.post(where, {"act": "allow", "key": str(plan.pk)}).status_code == 302
    assert "Allowed" in said(lead.get(where))
    assert lead.post(where, {"act": "allow", "key": "nothing"}).status_code == 404
    assert world.browser("A", "data_lead").get(where).status_code == 404
    assert world.browser("T", "supervisor").get(where).status_code == 404


# What anybody can read.


def test_a_public_table_has_a_page_for_good_without_sign_in_or_cookie(world):
    network(world, people=40)
    made = released(world, "pipeline", YEAR, **PUBLIC)
    anybody = Browser()
    assert made.label in said(anybody.get(reverse("reporting:published")))
    page = anybody.get(reverse("reporting:published_table", args=[made.label]))
    assert page.status_code == 200 and made.digest in said(page) and not page.cookies
    assert not Showing.objects.exists(), "everybody was shown it when it was released"
    for shape in ("csv", "json", "xlsx", "svg"):
        file = anybody.get(reverse("reporting:published_file", args=[made.label, shape]))
        assert file.status_code == 200 and file["Content-Disposition"].endswith(f'{made.label}.{shape}"')
    told = anybody.get(reverse("reporting:published_file", args=[made.label, "json"])).json()
    assert told["digest"] == made.digest


def test_a_replaced_public_table_stays_and_both_say_so(world):
    network(world, people=40)
    first = released(world, "pipeline", YEAR, **PUBLIC)
    for letter in "ABC":
        identify(world, letter, 20)
    with world.acting("HUB", "coordinator"):
        proposal = releases.correct(first)
    releases.draw_proposal(proposal.pk)
    with world.acting("HUB", "coordinator"):
        releases.ask(proposal)
    with world.acting("HUB", "output_checker"):
        second = releases.decide(proposal, publish=True).release
    old = said(Browser().get(reverse("reporting:published_table", args=[first.label])))
    new = said(Browser().get(reverse("reporting:published_table", args=[second.label])))
    assert second.label in old and "A correction has replaced this table" in old
    assert first.label in new and "corrects an earlier table" in new


def test_a_partners_table_is_no_public_page(world):
    network(world)
    made = released(world, "pipeline", YEAR)
    anybody = Browser()
    assert made.label not in said(anybody.get(reverse("reporting:published")))
    here = anybody.get(reverse("reporting:published_table", args=[made.label]))
    nowhere = anybody.get(reverse("reporting:published_table", args=["no-such-table"]))
    assert here.status_code == nowhere.status_code == 404 and here.content == nowhere.content
    assert anybody.get(reverse("reporting:published_file", args=[made.label, "csv"])).status_code == 404
    assert drawn(world, "anonymous_contacts", YEAR).state == Proposal.State.DRAWN
    assert Grid.YEAR in made.label


def test_every_table_and_time_that_can_be_chosen_can_be_asked_for(world):
    """Also views with the total and with groups, and all that `Which days` offers."""
    network(world)
    coordinator = world.browser("HUB", "coordinator")
    page = said(coordinator.get(reverse("reporting:release_ask")))
    chosen = re.findall(r'<option value="([a-z_]+ ?\d?)"', page)
    wanted = [what for what in chosen if what in cubes() or what.partition(" ")[0] in cubes()]
    assert len(wanted) == sum(1 + len(cube.coarser) for cube in cubes().values())
    for what in wanted:
        sent = coordinator.post(
            reverse("reporting:release_ask"), {"what": what, "who": "partners", "when": "each year"}
        )
        assert sent.status_code == 302, what
    assert "2023 to 2025" in page and "Small network" in page


def test_a_small_network_asks_for_years_and_for_three_years(world):
    network(world)
    coordinator = world.browser("HUB", "coordinator")

    def ask(what):
        return coordinator.post(
            reverse("reporting:release_ask"), {"what": what, "who": "partners", "when": "small"}
        )

    assert ask("who 0").status_code == ask("unmet_need 0").status_code == 302
    plans = Specification.objects.filter(measure="who")
    assert {one.grid for one in plans} == {Grid.YEAR, Grid.THREE_YEARS}
    assert {releases.views_of(one.views) for one in plans} == {small.preset(cubes()["who"])}
    assert [one.grid for one in Specification.objects.filter(measure="unmet_need")] == [Grid.YEAR]
    assert "one view only" in said(ask("pipeline")) and ask("who 0").status_code == 400


def test_a_year_that_says_too_little_proposes_three(world):
    """The coordinator reads that it does, and not one figure of it."""
    network(world)
    found = drawn(world, "who", YEAR)
    assert found.drawn["useful"] < small.ENOUGH
    coordinator, checker = world.browser("HUB", "coordinator"), world.browser("HUB", "output_checker")
    where = reverse("reporting:release_proposal", args=[found.pk])
    assert "Ask for three years together" in said(coordinator.get(where))
    assert "Ask for three years together" not in said(checker.get(where))
    sent = coordinator.post(where, {"act": "pool"})
    pooled = Proposal.objects.exclude(pk=found.pk).get()
    assert sent["Location"] == reverse("reporting:release_proposal", args=[pooled.pk])
    assert (pooled.period_start, pooled.period_end) == (date(2023, 1, 1), date(2026, 1, 1))
    assert pooled.label.startswith("who-2023-01-3years")
    releases.draw_proposal(pooled.pk)
    assert Proposal.objects.get(pk=pooled.pk).state == Proposal.State.DRAWN
    assert "Ask for three years together" not in said(coordinator.get(sent["Location"]))
    assert "prepared already" in said(coordinator.post(where, {"act": "pool"}))


@pytest.mark.parametrize(("year", "first"), [(2023, 2023), (2025, 2023), (2026, 2026), (2028, 2026)])
def test_three_years_are_fixed_windows(year, first):
    assert releases.period_of(Grid.THREE_YEARS, date(year, 7, 1)) == Period(
        date(first, 1, 1), date(first + 3, 1, 1)
    )


def test_no_two_tables_that_can_be_asked_for_read_alike(world):
    page = said(world.browser("HUB", "coordinator").get(reverse("reporting:release_ask")))
    offered = re.findall(r"<option[^>]*>(.*?)</option>", page.split('name="who"')[0])
    assert len(offered) > 9 and len(offered) == len(set(offered))
