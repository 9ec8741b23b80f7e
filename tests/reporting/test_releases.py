"""Releases on a real database: two persons, the sealed ledger, corrections, the nation's word, one at a time."""

import threading
import uuid
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from agencies import vault
from agencies.models import Agency, LedgerEntry, SharingAgreement
from agencies.scope import NotAllowed
from reporting import releases, tasks
from reporting.measures import Period
from reporting.models import (
    Grid,
    LinkedStep,
    Mode,
    Proposal,
    Release,
    Scope,
    SealedCounts,
    Specification,
    TribalAnswer,
)
from reporting.releases import publishing, sealed
from reporting.sdc import Hidden, Shown, ledger
from tests.reporting import cubes
from tests.reporting.releasing import approved, released

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
QUARTER = Period(date(2025, 1, 1), date(2025, 4, 1))
BEFORE = Period(date(2024, 1, 1), date(2025, 1, 1))
ZONE = ZoneInfo("America/Chicago")
ENTERED = ("identified", "entered")
State = Proposal.State


def sign(world, letter, **facts):
    agency = world.agency(letter, **facts)
    with world.acting(letter):
        SharingAgreement.objects.create(
            agency=agency, version=1, text_digest="0" * 64, signed_at=timezone.now()
        )


def identify(world, letter, number, *, month=1, year=2025):
    for _one in range(number):
        world.touchpoint(
            letter,
            world.client(letter),
            occurred_at=datetime(year, month, 5, 12, tzinfo=ZONE),
            trafficking_status="possible",
        )


def network(world, *, people=15):
    """Three agencies with as many identified people each."""
    for letter in "ABC":
        sign(world, letter)
        identify(world, letter, people)
    world.agency("HUB")
    releases.choose_grid(Grid.YEAR)


def wanted(world, **how):
    """A table that a coordinator wants, drawn."""
    how = {"measure": "pipeline", "period": YEAR, "grid": Grid.YEAR, **how}
    with world.acting("HUB", "coordinator"):
        made = releases.request(**how)
    releases.draw_proposal(made.pk)
    return Proposal.objects.get(pk=made.pk)


def asked(world, proposal):
    with world.acting("HUB", "coordinator"):
        releases.ask(proposal)
    return Proposal.objects.get(pk=proposal.pk)


def decided(world, proposal, *, publish=True, reason=""):
    with world.acting("HUB", "output_checker"):
        return releases.decide(proposal, publish=publish, reason=reason)


def table(release):
    return releases.read(release, user=None, channel="test")


def entries(world, letter, verb):
    with world.acting(letter, "supervisor"):
        return LedgerEntry.objects.filter(agency=world.agency(letter), verb=verb).count()


def test_a_table_goes_out_by_two_people_exactly_as_it_was_drawn(world):
    network(world)
    drawn = wanted(world)
    assert drawn.state == State.DRAWN and not Release.objects.exists()
    done = decided(world, asked(world, drawn))
    made = done.release
    assert done.state == State.PUBLISHED and made.digest == drawn.drawn["digest"]
    assert table(made)[ENTERED] == Shown(45)
    assert made.requested_by == world.person("HUB", "coordinator")
    assert made.decided_by == world.person("HUB", "output_checker")
    assert len(made.seed_commitment) == 64 and made.engine_version
    assert [entries(world, "HUB", f"table.{act}") for act in ("wanted", "asked", "released")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("letter", "role"), [("A", "data_lead"), ("HUB", "output_checker"), ("A", "coordinator")]
)
def test_only_a_coordinator_of_the_office_asks(world, letter, role):
    network(world)
    with world.acting(letter, role), pytest.raises(NotAllowed):
        releases.request(measure="pipeline", period=YEAR, grid=Grid.YEAR)
    with world.acting(letter, role), pytest.raises(NotAllowed):
        releases.specify(measure="pipeline", grid=Grid.YEAR)


@pytest.mark.parametrize("role", ["coordinator", "auditor"])
def test_only_an_output_checker_decides(world, role):
    network(world)
    waiting = asked(world, wanted(world))
    with world.acting("HUB", role), pytest.raises(NotAllowed):
        releases.decide(waiting, publish=True)


def test_a_checker_who_asked_decides_about_neither(world):
    """One person may hold both roles, and is still one person."""
    from agencies import actions

    network(world)
    both = world.person("HUB", "coordinator")
    actions.grant_role(both, world.agency("HUB"), "output_checker")
    waiting = asked(world, wanted(world))
    with world.acting("HUB", "coordinator"), pytest.raises(releases.SamePerson):
        releases.decide(waiting, publish=True)
    with world.acting("HUB", "coordinator"):
        plan = releases.specify(measure="pipeline", grid=Grid.YEAR)
    with world.acting("HUB", "coordinator"), pytest.raises(releases.SamePerson):
        releases.approve_specification(plan)
    assert not Release.objects.exists()


@pytest.mark.parametrize("what", ["specification", "proposal", "release"])
def test_the_database_itself_wants_two_people(world, what):
    """Sabotage of the code above it: the rows are written past every action."""
    network(world)
    one, now = world.person("HUB", "coordinator"), timezone.now()
    waiting, made = asked(world, wanted(world)), released(world, "anonymous_contacts", YEAR)
    with pytest.raises(IntegrityError, match=r"second_person|two_people"), transaction.atomic():
        if what == "specification":
            Specification.objects.create(
                measure="who",
                scope="partners",
                mode="suppressed",
                grid="year",
                asked_by=one,
                decided_by=one,
                decided_at=now,
                is_approved=True,
            )
        elif what == "proposal":
            Proposal.objects.filter(pk=waiting.pk).update(state="refused", decided_by=one, decided_at=now)
        else:
            facts = {f.attname: getattr(made, f.attname) for f in Release._meta.concrete_fields}
            facts |= {"id": uuid.uuid4(), "label": "another", "period_start": date(2024, 1, 1)}
            Release.objects.create(**facts | {"decided_by_id": made.requested_by_id})


def test_nothing_is_released_that_nobody_approved(world):
    network(world)
    with world.acting("HUB", "coordinator"):
        plan = releases.specify(measure="pipeline", grid=Grid.YEAR)
    with pytest.raises(releases.NotApproved):
        releases.publish(plan, YEAR)
    with world.acting("HUB", "output_checker"):
        releases.approve_specification(plan, approve=False, reason="too fine")
    with pytest.raises(releases.NotApproved):
        releases.publish(plan, YEAR)
    assert tasks.snapshot() == 0 and not Release.objects.exists()


def test_a_withdrawn_or_ended_plan_releases_nothing_more(world):
    network(world)
    plan = approved(world)
    with world.acting("HUB", "output_checker"):
        releases.withdraw_specification(plan)
    with pytest.raises(releases.NotApproved):
        releases.publish(plan, YEAR)
    with world.acting("HUB", "coordinator"):
        ended = releases.specify(
            measure="pipeline", grid=Grid.YEAR, ends_at=datetime(2026, 1, 1, tzinfo=ZONE)
        )
    with world.acting("HUB", "output_checker"):
        releases.approve_specification(ended)
    with pytest.raises(releases.NotApproved):
        releases.publish(ended, YEAR)


def test_a_run_of_another_version_than_was_approved_takes_a_decision(world, monkeypatch):
    network(world)
    plan = approved(world)
    Specification.objects.filter(pk=plan.pk).update(measure_version=plan.measure_version)
    definition = publishing.definition("pipeline")
    newer = type("Newer", (), {"version": definition.version + 1, "title": definition.title})()
    monkeypatch.setattr(publishing, "definition", lambda name: newer)
    waiting = releases.publish(plan, YEAR)
    assert isinstance(waiting, Proposal) and waiting.state == State.ASKED
    assert decided(world, waiting).release.measure_version == definition.version + 1


def test_a_period_is_released_once_and_a_second_ask_is_told(world):
    network(world)
    made = released(world, "pipeline", YEAR)
    assert released(world, "pipeline", YEAR) == made
    with world.acting("HUB", "coordinator"), pytest.raises(releases.AlreadyThere, match="released"):
        releases.request(measure="pipeline", period=YEAR, grid=Grid.YEAR)


@pytest.mark.parametrize(("grid", "period"), [
    (Grid.YEAR, Period(date(2025, 1, 1), date(2025, 4, 1))),
    (Grid.MONTH, Period(date(2025, 1, 2), date(2025, 2, 2))),
    (Grid.YEAR, releases.period_of(Grid.YEAR, timezone.localdate())),
])  # fmt: skip
def test_only_a_closed_period_of_the_grid_is_asked_for(world, grid, period):
    network(world)
    with world.acting("HUB", "coordinator"), pytest.raises(releases.NotAPeriod):
        releases.request(measure="pipeline", period=period, grid=grid)


def test_what_anybody_may_read_is_strict_or_rounded(world):
    network(world)
    with world.acting("HUB", "coordinator"), pytest.raises(ValueError, match="strict or rounded"):
        releases.request(
            measure="pipeline", period=YEAR, grid=Grid.YEAR, scope=Scope.PUBLIC, mode=Mode.SUPPRESSED
        )


def test_a_table_lapses_that_was_drawn_before_a_release_it_hangs_together_with(world):
    """It was protected without knowing of that one."""
    network(world)
    waiting = asked(world, wanted(world))
    made = released(world, "stages_by_place", YEAR)
    assert publishing.beside("pipeline", sealed.counts_of(waiting).said) == [made.label]
    done = decided(world, waiting)
    assert done.state == State.LAPSED and done.release is None
    assert not Release.objects.filter(measure="pipeline").exists()


@pytest.mark.parametrize(("measure", "period"), [("anonymous_contacts", YEAR), ("stages_by_place", BEFORE)])
def test_a_table_goes_out_that_shares_nothing_with_what_was_released_since(world, measure, period):
    """Other units, or other days: the same test says so that decides what a new table is protected with."""
    network(world)
    for letter in "ABC":
        identify(world, letter, 15, year=2024)
    waiting = asked(world, wanted(world))
    other = asked(world, wanted(world, measure=measure, period=period))
    page = world.browser("HUB", "output_checker").get(reverse("reporting:release_proposal", args=[other.pk]))
    assert "What an attacker finds" in page.content.decode() and "lapse" not in page.content.decode()
    assert decided(world, other).state == State.PUBLISHED
    assert not releases.has_moved(waiting)
    assert decided(world, waiting).state == State.PUBLISHED


def test_two_quarters_hang_together_once_their_year_is_released(world):
    """Neither holds a day of the other; the year between them holds both."""
    network(world)
    second = Period(QUARTER.end, date(2025, 7, 1))
    for letter in "ABC":
        identify(world, letter, 15, month=5)
    how = {"measure": "stages_by_place", "grid": Grid.QUARTER}
    first, then = (asked(world, wanted(world, period=one, **how)) for one in (QUARTER, second))
    with world.acting("HUB", "output_checker"):
        assert releases.would_lapse(first) == []
    released(world, "pipeline", YEAR)
    assert releases.has_moved(first) and releases.has_moved(then)
    with world.acting("HUB", "output_checker"):
        assert releases.would_lapse(first) == [then]


def test_sabotage_where_nothing_hangs_together_a_stale_table_goes_out(world, monkeypatch):
    """What lapses above lapses by that test alone."""
    network(world)
    monkeypatch.setattr(publishing, "connected", lambda earlier, new: [])
    waiting = asked(world, wanted(world))
    released(world, "stages_by_place", YEAR)
    assert decided(world, waiting).state == State.PUBLISHED


def test_a_table_lapses_whose_linked_people_would_go_on_from_another_release(world):
    """Of other days, and in no system with it; but what linking took off moves in steps over all releases."""
    network(world)
    for letter in "ABC":
        identify(world, letter, 15, month=7, year=2024)
    waiting = asked(world, wanted(world, period=QUARTER, grid=Grid.QUARTER))
    made = released(world, "pipeline", Period(date(2024, 7, 1), date(2024, 10, 1)))
    assert not releases.has_moved(waiting)
    LinkedStep.objects.create(release=made, merged={})
    assert releases.has_moved(waiting)


def test_a_table_that_nobody_reported_for_is_never_drawn(world):
    network(world, people=0)
    found = wanted(world)
    assert (found.state, found.reason, found.drawn) == (State.BLOCKED, "no agency reported", None)
    page = world.browser("HUB", "coordinator").get(reverse("reporting:release_proposal", args=[found.pk]))
    assert "nobody reported for these days" in page.content.decode()
    assert "give people away" not in page.content.decode()


def test_a_table_in_which_all_is_hidden_has_no_figure(world):
    hidden = cubes.one_axis("who", "age_band", {"13_17": 2, "18_24": 1, "25_59": 3})
    some = cubes.one_axis("services", "service_group", {"housing": 140, "legal": 66, "health": 3})
    assert [publishing.why_empty(table(one)) for one in (hidden, some)] == ["no figure shown", ""]


def test_what_would_lapse_is_said_and_what_lapsed_is_asked_for_anew(world):
    network(world)
    first, second = asked(world, wanted(world)), asked(world, wanted(world, measure="stages_by_place"))
    page = world.browser("HUB", "output_checker").get(reverse("reporting:release_proposal", args=[first.pk]))
    assert "1 other table that waits lapses" in page.content.decode()
    coordinator, where = (
        world.browser("HUB", "coordinator"), reverse("reporting:release_proposal", args=[second.pk])
    )  # fmt: skip
    assert "Ask anew" not in coordinator.get(where).content.decode()
    decided(world, first)
    assert "Ask anew" in coordinator.get(where).content.decode()
    assert decided(world, second).state == State.LAPSED
    assert "Ask anew" in coordinator.get(where).content.decode()
    again = Proposal.objects.get(pk=coordinator.post(where, {"act": "renew"})["Location"].split("/")[-2])
    assert (again.measure, again.state, again.views) == (second.measure, State.WAITING, second.views)
    refused = coordinator.post(where, {"act": "renew"})
    assert refused.status_code == 400 and "being prepared already" in refused.content.decode()


def test_a_refusal_says_why_and_is_for_good(world):
    network(world)
    waiting = asked(world, wanted(world))
    with pytest.raises(releases.NotOpen):
        decided(world, waiting, publish=False)
    assert decided(world, waiting, publish=False, reason="too fine").state == State.REFUSED
    with pytest.raises(releases.NotOpen):
        decided(world, waiting)


# The ledger.


def test_what_was_counted_is_sealed_and_what_is_drawn_next_reads_it(world):
    network(world)
    made = released(world, "pipeline", YEAR)
    row = SealedCounts.objects.get(release=made)
    said = sealed.counts_of(made).said
    assert said.release == made.label and said.period == (YEAR.start, YEAR.end)
    assert b"pipeline" not in bytes(row.counts_sealed)
    assert [one.release for one in sealed.said_before(YEAR)] == [made.label]
    assert sealed.certificate_of(made)


@pytest.mark.parametrize("how", ["missing", "of another row", "altered"])
def test_sabotage_without_the_sealed_counts_nothing_more_is_released(lasting_world, how):
    world = lasting_world
    network(world)
    made = released(world, "pipeline", YEAR)
    owner_says(
        {
            "missing": "DELETE FROM reporting_sealedcounts",
            "of another row": "UPDATE reporting_sealedcounts SET counts_sealed = certificate_sealed",
            "altered": "UPDATE reporting_sealedcounts SET counts_sealed = set_byte(counts_sealed, 40, 7)",
        }[how]
    )
    with pytest.raises(releases.LedgerIncomplete, match=made.label):
        released(world, "anonymous_contacts", YEAR)
    assert Release.objects.count() == 1
    blocked = wanted(world, measure="anonymous_contacts")
    assert blocked.state == State.BLOCKED and blocked.blocking == [made.label]


def owner_says(sql):
    """As nobody can but who holds the database."""
    from tests.attacks import postgres

    with postgres.bench() as bench:
        bench.run(sql)
        bench.cursor.connection.commit()


def test_sabotage_an_altered_certificate_is_not_written(world, monkeypatch):
    network(world)
    run = publishing.engine.run_network

    def altered(*args, **how):
        from dataclasses import replace

        made = run(*args, **how)
        certificate = dict(made.certificate)
        inner = dict(certificate.get("certificate", certificate))
        inner["table"] = "0" * 64
        certificate = {**certificate, "certificate": inner} if "certificate" in certificate else inner
        return replace(made, certificate=certificate)

    monkeypatch.setattr(publishing.engine, "run_network", altered)
    with pytest.raises(releases.NotCertified):
        released(world, "pipeline", YEAR)
    assert not Release.objects.exists() and not SealedCounts.objects.exists()


def test_a_late_handful_is_not_readable_from_old_and_new(world):
    """Of 45 identified, 4 more are entered late: the corrected table does not say 49 beside 45."""
    network(world)
    first = released(world, "pipeline", QUARTER)
    assert table(first)[ENTERED] == Shown(45)
    identify(world, "A", 4)
    second = corrected(world, first)
    assert second.replaces == first and table(first)[ENTERED] == Shown(45)
    assert table(second)[ENTERED] in (Hidden(), Shown(45))
    for at, cell in table(second).cells.items():
        before = table(first).cells.get(at)
        if isinstance(cell, Shown) and isinstance(before, Shown):
            assert not 0 < abs(cell.value - before.value) < 11, at


def test_a_correction_that_can_hide_nothing_more_is_refused_by_name(world):
    """At the end of a year the pipeline adds up to everybody, whom other tables tell: that can't be hidden."""
    network(world)
    first = released(world, "pipeline", YEAR)
    identify(world, "A", 4)
    with world.acting("HUB", "coordinator"):
        made = releases.correct(first)
    releases.draw_proposal(made.pk)
    made.refresh_from_db()
    assert made.state == State.BLOCKED and made.blocking == [first.label]


def test_sabotage_without_the_ledger_row_the_late_handful_is_read(world, monkeypatch):
    """The tests above bite: where the earlier release is forgotten, the difference says four."""
    network(world)
    first = released(world, "pipeline", QUARTER)
    identify(world, "A", 4)
    monkeypatch.setattr(sealed, "said_before", lambda period: [])
    second = corrected(world, first)
    assert table(second)[ENTERED] == Shown(49)


def corrected(world, release):
    with world.acting("HUB", "coordinator"):
        made = releases.correct(release)
    releases.draw_proposal(made.pk)
    drawn = Proposal.objects.get(pk=made.pk)
    assert drawn.state == State.DRAWN, drawn.blocking
    return decided(world, asked(world, drawn)).release


LOST = ("lost", "now")


def two_year_ends(world):
    """45 people by the end of 2024, 6 more by the end of 2025; all of them are lost by then."""
    for letter in "ABC":
        sign(world, letter)
        identify(world, letter, 15, year=2024)
        identify(world, letter, 2, year=2025)
    world.agency("HUB")
    releases.choose_grid(Grid.YEAR)
    return [table(released(world, "pipeline", one)) for one in (BEFORE, YEAR)]


def test_who_came_is_not_read_from_two_year_ends(world):
    before, after = two_year_ends(world)
    assert (before[LOST], after[LOST]) == (Shown(45), Hidden())
    assert after[ENTERED] == Hidden()


def test_sabotage_without_everybody_the_six_are_read(world, monkeypatch):
    monkeypatch.setattr(ledger._Build, "_newcomers", lambda self, total, first_time: [])
    before, after = two_year_ends(world)
    assert after[LOST].value - before[LOST].value == 6


def quarters_and_their_three_years(world):
    """What is read of the quarter with 6 people: the three years less all the others."""
    for letter in "ABC":
        sign(world, letter)
        identify(world, letter, 2, month=1, year=2023)
        for year in (2023, 2024, 2025):
            for month in (1, 4, 7, 10)[year == 2023 :]:
                identify(world, letter, 6, month=month, year=year)
    world.agency("HUB")
    starts = [date(year, month, 1) for year in (2023, 2024, 2025) for month in (1, 4, 7, 10)]
    quarters = [releases.period_of(Grid.QUARTER, day) for day in starts]
    whole = releases.period_of(Grid.THREE_YEARS, starts[0])
    # The last quarter comes after the three years.
    said = [table(released(world, "pipeline", one))[ENTERED] for one in (*quarters[:-1], whole, quarters[-1])]
    return [one.value if isinstance(one, Shown) else None for one in said]


def test_three_years_are_remembered_to_their_last_quarter(world):
    first, *others, whole, last = quarters_and_their_three_years(world)
    assert first is None and None in (*others, whole, last)


def test_sabotage_with_a_shorter_memory_the_quarter_is_read(world, monkeypatch):
    monkeypatch.setattr(ledger, "_LONG", timedelta(days=731))
    _first, *others, whole, last = quarters_and_their_three_years(world)
    assert whole - sum(others) - last == 6


def test_a_correction_of_last_year_is_asked_for_anew_in_january(world, monkeypatch):
    """It would have another name than its sealed counts, which nobody could match ever after."""
    network(world)
    first = released(world, "pipeline", YEAR)
    with world.acting("HUB", "coordinator"):
        made = releases.correct(first)
    releases.draw_proposal(made.pk)
    waiting = asked(world, Proposal.objects.get(pk=made.pk))
    with monkeypatch.context() as january:
        new_year = timezone.localdate().replace(month=1, day=5) + timedelta(days=366)
        january.setattr(timezone, "localdate", lambda *args, **how: new_year)
        assert decided(world, waiting).state == State.LAPSED
        with pytest.raises(releases.NotCertified, match="another name"):
            publishing.check(publishing.Wanted.of(waiting), publishing.drawn_of(waiting))
    assert not hasattr(first, "replaced_by")


def test_a_page_offers_the_correction_and_says_so_under_the_old_address(world):
    network(world)
    first = released(world, "pipeline", YEAR)
    for letter in "ABC":
        identify(world, letter, 20)
    second = corrected(world, first)
    browser = world.browser("P", "partner_viewer")
    page = browser.get("/numbers/").content.decode()
    assert f'value="{second.label}"' in page and f'value="{first.label}"' not in page
    assert "A correction has replaced this table." not in page
    old = browser.get("/numbers/", {"period": first.label}).content.decode()
    assert "A correction has replaced this table." in old and second.label in old


def test_a_correction_comes_once_a_year_and_says_what_changes(world):
    network(world)
    first = released(world, "pipeline", YEAR)
    identify(world, "A", 20)
    identify(world, "B", 20)
    identify(world, "C", 20)
    second = corrected(world, first)
    changes = second.proposal.drawn["changes"]
    assert [list(ENTERED), 45, 105] in changes
    assert releases.latest("pipeline") == second and releases.of("pipeline") == [second]
    assert second.restated_in == timezone.localdate().year and second.label.startswith(first.label)
    with world.acting("HUB", "coordinator"):
        with pytest.raises(releases.AlreadyThere, match="replaced"):
            releases.correct(first)
        with pytest.raises(releases.AlreadyThere, match="restated"):
            releases.correct(second)
    Release.objects.get(label=first.label)  # a label never dies


# The nation's word.


def nation(world):
    network(world)
    sign(world, "T", is_tribal=True, tribal_owner="An invented nation")
    identify(world, "T", 15)


def answers(world, is_allowed, **about):
    with world.acting("T", "data_lead"):
        releases.answer_for_nation(is_allowed=is_allowed, **about)


def test_a_nations_rows_are_left_out_until_it_allows_them(world):
    nation(world)
    plan = approved(world)
    with world.acting("T", "data_lead"):
        assert [(one[0], one[3]) for one in releases.asked_of_nation()] == [(plan, None)]
    assert world.agency("T").pk in publishing.left_out(publishing.Wanted.under(plan, YEAR))
    made = released(world, "pipeline", YEAR)
    assert world.agency("T").pk not in made.agencies and table(made)[ENTERED] == Shown(45)


def test_a_nation_that_allows_is_counted_and_both_ledgers_say_so(world):
    nation(world)
    plan = approved(world)
    answers(world, True, specification=plan)
    assert table(released(world, "pipeline", YEAR))[ENTERED] == Shown(60)
    assert entries(world, "T", "table.allowed") == 1 and entries(world, "HUB", "table.allowed_there") == 1


def test_a_nation_is_in_the_correction_of_what_it_allowed(world):
    nation(world)
    plan = approved(world, grid=Grid.QUARTER)
    answers(world, True, specification=plan)
    first = released(world, "pipeline", QUARTER)
    for letter in "ABCT":
        identify(world, letter, 20)
    second = corrected(world, first)
    assert world.agency("T").pk in second.agencies and table(second)[ENTERED] == Shown(140)


def test_a_rounded_table_for_anybody_says_multiples_of_five_and_nothing_else(world):
    network(world, people=43)
    made = released(world, "pipeline", QUARTER, scope=Scope.PUBLIC, mode=Mode.ROUNDED)
    counts = [cell.value for cell in table(made).cells.values() if isinstance(cell, Shown)]
    assert any(counts) and all(count % 5 == 0 for count in counts)


def test_sabotage_a_table_protected_in_another_way_is_not_written(world, monkeypatch):
    network(world)
    run = publishing.engine.run_network
    suppressed = lambda *args, **how: run(*args, **how | {"mode": publishing.Mode.SUPPRESSED})  # noqa: E731
    monkeypatch.setattr(publishing.engine, "run_network", suppressed)
    with pytest.raises(releases.NotCertified):
        released(world, "pipeline", YEAR, scope=Scope.PUBLIC, mode=Mode.STRICT)


def test_a_nation_takes_its_word_back_before_the_decision(world):
    nation(world)
    answers(world, True, measure="pipeline", scope=Scope.PARTNERS)
    waiting = asked(world, wanted(world))
    assert world.agency("T").pk in waiting.drawn["agencies"]
    answers(world, False, measure="pipeline", scope=Scope.PARTNERS)
    assert decided(world, waiting).state == State.LAPSED
    assert entries(world, "HUB", "table.vetoed_there") == 1


def test_a_later_no_to_a_measure_ends_an_older_yes_to_a_plan(world):
    nation(world)
    plan = approved(world)
    answers(world, True, specification=plan)
    answers(world, False, measure="pipeline", scope=Scope.PARTNERS)
    assert world.agency("T").pk in publishing.left_out(publishing.Wanted.under(plan, YEAR))
    answers(world, True, measure="pipeline", scope=Scope.PARTNERS)
    assert world.agency("T").pk in publishing.left_out(publishing.Wanted.under(plan, YEAR))
    answers(world, True, specification=plan)
    assert not publishing.left_out(publishing.Wanted.under(plan, YEAR))


@pytest.mark.parametrize("gone", [{"left_on": YEAR.start}, {"is_expected_to_report": False}])
def test_who_leaves_before_the_decision_takes_its_rows_along(world, gone):
    network(world)
    waiting = asked(world, wanted(world))
    assert not releases.has_moved(waiting)
    Agency.objects.filter(slug="agency-a").update(**gone)
    assert decided(world, waiting).state == State.LAPSED


def test_a_correction_says_no_agencys_own_count_anew(world):
    network(world)
    first = released(world, "pipeline", QUARTER)
    people = ("identified", "people")
    before = table(first)[people]
    for _ in range(2):
        identify(world, "A", 20)
    for letter in "BC":
        identify(world, letter, 20)
    after = table(corrected(world, first))[people]
    assert after.low == before.low and after.high > before.high


@pytest.mark.parametrize(("letter", "role"), [("A", "data_lead"), ("T", "caseworker")])
def test_only_who_manages_a_tribal_agency_answers(world, letter, role):
    nation(world)
    with world.acting(letter, role), pytest.raises(NotAllowed):
        releases.answer_for_nation(is_allowed=True, measure="pipeline", scope="partners")
    assert not TribalAnswer.objects.exists()


def test_the_blanket_veto_stands_over_every_answer(world):
    nation(world)
    plan = approved(world)
    answers(world, True, specification=plan)
    Agency.objects.filter(slug="agency-t").update(sharing_vetoed=True)
    assert table(released(world, "pipeline", YEAR))[ENTERED] == Shown(45)


# One after the other.


def test_two_at_once_make_one_release_and_read_one_moment(lasting_world):
    network(lasting_world)
    plan = approved(lasting_world)
    made, wrong = [], []

    def publish():
        try:
            made.append(releases.publish(plan, YEAR).pk)
        except Exception as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=publish) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong and len(made) == 2 and len(set(made)) == 1
    assert Release.objects.count() == SealedCounts.objects.count() == 1
    assert LinkedStep.objects.count() == 0


def test_what_is_counted_is_of_one_moment(lasting_world):
    from agencies.scope import acting_as
    from reporting.models import Calendar

    network(lasting_world)
    releases.calendar()
    with acting_as(publishing.hand(), in_turn=Calendar), connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("repeatable read",)


def test_nobody_is_identified_twice_and_every_reader_knows(world):
    """A hidden month is its quarter less the other two, though people as a rule do not add up so."""
    for letter in "ABC":
        sign(world, letter)
        for month, number in ((1, 2), (2, 15), (3, 15)):
            identify(world, letter, number, month=month)
    world.agency("HUB")
    releases.choose_grid(Grid.MONTH)
    months = [Period(date(2025, n, 1), date(2025, n + 1, 1)) for n in (1, 2, 3)]
    january, february, march = (table(released(world, "pipeline", one))[ENTERED] for one in months)
    assert (january, february, march) == (Hidden(), Shown(45), Shown(45))
    assert table(released(world, "pipeline", QUARTER))[ENTERED] == Hidden()


def test_what_was_counted_opens_after_the_keys_are_new(world):
    network(world)
    made = released(world, "pipeline", YEAR)
    vault.rotate_data_key(world.agency("HUB").pk)
    for _ in vault.rotate_key_encryption_key():
        pass
    assert sealed.counts_of(made).said.release == made.label
