"""Cubes on small worlds whose answer can be seen by eye, counted as casehub_reporter."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.utils import timezone

from agencies.roles import Permission
from agencies.scope import Actor
from agencies.scope.counting import counting
from referrals.picklists import ServiceType
from reporting import engine
from reporting.measures import Period, contacts, cube, cubes, flows, offers, services
from reporting.measures.dimensions import GROUPS_OF_SERVICES, dimensions, view_of
from reporting.measures.stages import one_race
from reporting.sdc import Shown, Unprotectable
from tests.reporting.test_pipeline import network, sign

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
ZONE = ZoneInfo("America/Chicago")


def at(month: int, day: int, hour: int = 12) -> datetime:
    return datetime(2025, month, day, hour, tzinfo=ZONE)


class Counted:
    """One cube over agencies of a world, rolled up to whatever view is asked."""

    def __init__(self, world, name, letters="A", period=YEAR, as_of=None):
        agencies = [world.agency(letter).pk for letter in letters]
        actor = Actor.hub(world.agency("HUB"), Permission.REPORT_NETWORK)
        self.cube = cubes()[name]
        with counting(actor, network=True) as cursor:
            self.known = dimensions(cursor)
            self.rows = list(self.cube.find(cursor, period, as_of or period.ends_at, agencies))

    def __call__(self, *view):
        """The counts of a view over all agencies, by value or by values."""
        found = view_of(self.cube, self.known, self.rows, view)
        return {
            at[0] if len(at) == 1 else at: sum(by_agency.values())
            for at, by_agency in found.items()
            if sum(by_agency.values())
        }


@pytest.mark.parametrize("name", sorted(cubes()))
def test_a_cube_cuts_by_what_there_is(world, name):
    counted = Counted(world, name)
    assert counted.rows == []
    menus = [counted.cube.views, *counted.cube.coarser]
    for view in {view for menu in menus for view in menu}:
        assert counted(*view) == {}
    for text in ("title", "source", "unit", "counts", "does_not_show"):
        assert str(getattr(counted.cube, text)).strip()
    assert counted.cube.find.__doc__


def test_each_stage_is_entered_where_the_client_lives(world):
    client = world.client("A")
    world.touchpoint("A", client, occurred_at=at(1, 5), trafficking_status="possible", sector="shelter")
    counted = Counted(world, "stages_by_place")
    assert counted("stage", "county") == {("identified", "unknown"): 1, ("lost", "unknown"): 1}
    assert counted("stage", "sector_family") == {
        ("identified", "shelter_and_legal"): 1,
        ("lost", "shelter_and_legal"): 1,
    }


def test_a_total_has_the_pipelines_own_name():
    """The same count is the same figure, wherever it stands."""
    identified = ("stage_entries", (("stage", "identified"),))
    assert cubes()["stages_by_place"].key(("stage",), ("identified",), YEAR) == identified
    assert cubes()["who"].key((), (), YEAR) == identified
    assert cubes()["who"].key(("gender", "age_band"), ("female", "13_17"), YEAR) == (
        "stage_entries",
        (("age_band", "13_17"), ("gender", "female"), ("stage", "identified")),
    )


def test_what_is_true_of_one_period_only_says_which():
    unmet = cubes()["unmet_need"]
    quarter = Period(date(2025, 1, 1), date(2025, 4, 1))
    assert unmet.key((), (), YEAR) == unmet.key((), (), quarter)
    assert unmet.key(("met",), ("unmet",), YEAR) != unmet.key(("met",), ("unmet",), quarter)
    assert unmet.periods_apart and not cubes()["services"].periods_apart


@pytest.mark.parametrize(("name", "fact"), [("stages_by_place", "stage"), ("who", "gender")])
def test_stage_figures_are_the_pipelines(world, name, fact):
    """One rule: the cube says of each stage what the pipeline's table says."""
    for day in (3, 4, 5):
        client = world.client("A", gender="female")
        world.touchpoint("A", client, occurred_at=at(2, day), trafficking_status="possible", sector="court")
        world.screening(client, at(2, day + 1))
    world.touchpoint("A", occurred_at=at(2, 5), trafficking_status="possible")
    with world.acting("A") as actor:
        own = engine.run_own("pipeline", YEAR, actor, as_of=YEAR.ends_at)
    counted = Counted(world, name)
    if name == "who":
        assert own["identified", "entered"] == Shown(counted()[()]) == Shown(counted(fact)["female"])
        return
    for stage in ("identified", "screened", "referred", "lost"):
        assert own[stage, "entered"] == Shown(counted("stage").get(stage, 0))
        assert own[stage, "systems"] == Shown(counted("stage", "sector_family").get((stage, "systems"), 0))


@pytest.mark.parametrize(("races", "value"), [
    (["asian"], "asian"),
    (["asian", "white"], "more_than_one"),
    ([], "none_of_these"),
    (["not_asked"], "not_asked"),
    (["declined"], "declined"),
    (["a_word_of_an_old_file"], "unknown"),
    (None, "unknown"),
])  # fmt: skip
def test_several_answers_are_one_value(races, value):
    assert one_race(races) == value


def test_who_adds_up_to_the_clients(world):
    """Also those not asked, and those with several answers."""
    for races in (["asian"], ["black", "white"], ["not_asked"], []):
        client = world.client("A", races=races, trafficking_type="labor")
        world.touchpoint("A", client, occurred_at=at(3, 1), trafficking_status="actual")
    who = Counted(world, "who")
    assert who() == {(): 4}
    for dimension in who.cube.dimensions:
        assert sum(who(dimension).values()) == 4
    assert who("race") == {"asian": 1, "more_than_one": 1, "not_asked": 1, "none_of_these": 1}
    assert who("trafficking_type", "age_band") == {("labor", "not_asked"): 4}


def test_services_add_up_by_type_and_group(world):
    client = world.client("A", county=world.county("Cedar"))
    for type_, day in (("cm", 2), ("cm", 3), ("shel_em", 3)):
        world.service(client, type=type_, provided_on=date(2025, 5, day))
    services, served = Counted(world, "services"), Counted(world, "served")
    assert services("service") == {"cm": 2, "shel_em": 1}
    assert services("service_group", "county") == {("advocacy", "99005"): 2, ("housing", "99005"): 1}
    assert services("sector_group") == {"shelter": 3} and services("region") == {"TR": 3}
    assert served("service_group") == {"advocacy": 1, "housing": 1}


def test_every_service_stands_in_one_group():
    grouped = [type_ for _title, types in GROUPS_OF_SERVICES.values() for type_ in types]
    assert sorted(grouped) == sorted(one.value for one in ServiceType)


def test_new_came_back_or_continuing(world):
    new, known, back, gone = (world.client("A") for _ in range(4))
    world.touchpoint("A", new, occurred_at=at(4, 1))
    world.enrollment(known, date(2024, 11, 1))
    world.enrollment(back, date(2024, 1, 1), exit_on=date(2024, 3, 1))
    world.enrollment(back, date(2025, 6, 1), is_reopened=True)
    world.enrollment(gone, date(2024, 1, 1), exit_on=date(2024, 3, 1))
    counted = Counted(world, "new_and_continuing")
    assert counted("arrival") == {"new": 1, "continuing": 1, "reopened": 1}


def test_contacts_by_sector_kind_place_and_whose(world):
    client = world.client("A", county=world.county("Birch"))
    world.touchpoint("A", client, occurred_at=at(2, 1), sector="court")
    world.touchpoint("A", client, occurred_at=at(2, 2), sector="court", county=world.county("Alder"))
    world.touchpoint("A", occurred_at=at(2, 3), sector="hotline", kind="referral")
    contacts = Counted(world, "contacts_by_sector")
    assert contacts("sector_group", "contact_of") == {("justice", "client"): 2, ("hotline", "anonymous"): 1}
    assert contacts("county") == {"99003": 1, "99001": 1, "unknown": 1}
    assert contacts("contact_kind") == {"contact": 2, "referral": 1}


def test_what_became_of_each_referral(world):
    for outcome, reason in (("accepted", ""), ("declined", "no_capacity"), ("declined", ""), ("", "")):
        world.referral(
            world.client("A"),
            sent_at=at(3, 1),
            reported_outcome=outcome,
            decline_reason=reason,
            reported_outcome_at=at(3, 5) if outcome else None,
        )
    world.referral(
        world.client("A"), sent_at=at(3, 1), reported_outcome="declined", decline_reason="client_declined"
    )
    late = {"reported_outcome": "accepted", "reported_outcome_at": at(12, 31) + timedelta(days=3)}
    world.referral(world.client("A"), sent_at=at(12, 30), **late)
    world.referral(world.client("A"), sent_at=None)
    offers = Counted(world, "offers")
    assert offers("fate") == {
        "accepted": 1,
        "declined_no_capacity": 1,
        "declined_unsaid": 1,
        "declined_client_declined": 1,
        "open": 2,
    }
    assert offers("answer")["declined_by_provider"] == offers("answer")["declined_by_client"] == 1
    assert offers("outcome") == {"accepted": 1, "declined": 3, "open": 2}
    assert offers() == {(): 6}


def test_answers_on_the_hub_are_the_receivers(world):
    """Accepted by one wins over declined by another; nobody answered and time ran out is expired."""
    now = timezone.now()
    period = Period(now.date() - timedelta(days=1), now.date() + timedelta(days=2))
    accepted = world.offer(sender="A", receiver="B")
    world.response(accepted, by="B", outcome="accepted")
    world.offer(sender="A", receiver="B")
    waiting = world.offer(sender="A", receiver="C")
    world.response(waiting, by="C", outcome="waitlisted")
    soon, later = now + timedelta(hours=1), now + timedelta(days=5)
    assert Counted(world, "offers", period=period, as_of=soon)("fate") == {
        "accepted": 1, "open": 1, "waitlisted": 1
    }  # fmt: skip
    assert Counted(world, "offers", period=period, as_of=later)("fate")["expired"] == 1
    assert Counted(world, "unmet_need", period=period, as_of=soon)("met") == {"met": 1, "unmet": 2}


def test_a_need_is_met_by_one_of_its_referrals(world):
    client = world.client("A")
    for outcome in ("declined", "accepted"):
        world.referral(client, sent_at=at(3, 1), reported_outcome=outcome, reported_outcome_at=at(3, 2))
    world.referral(client, sent_at=at(3, 1), needed="legal_imm")
    unmet = Counted(world, "unmet_need")
    assert unmet("met", "need") == {("met", "shel_em"): 1, ("unmet", "legal_imm"): 1}
    assert unmet("need_group") == {"housing": 1, "legal": 1}


def test_where_a_client_comes_from_and_goes_next(world):
    met, sent, alone, before = (world.client("A") for _ in range(4))
    for client in (met, sent, alone):
        world.touchpoint("A", client, occurred_at=at(3, 1), sector="shelter")
    world.touchpoint("A", met, occurred_at=at(3, 2), sector="housing")
    world.touchpoint("A", met, occurred_at=at(4, 1), sector="court")
    world.referral(met, sent_at=at(5, 1), receiver_sector="legal_services")
    world.referral(sent, sent_at=at(3, 1), receiver_sector="mental_health")
    world.touchpoint("A", before, occurred_at=at(1, 1) - timedelta(days=40), sector="shelter")
    world.touchpoint("A", before, occurred_at=at(4, 1), sector="court")
    flows = Counted(world, "flows")
    assert flows("origin", "next") == {
        ("shelter", "justice"): 1,
        ("shelter", "health_care"): 1,
        ("shelter", "no_step"): 1,
    }
    assert flows("next_node") == {"justice": 1, "health": 1, "no_step": 1}
    assert flows("origin_family", "next_family")["shelter_and_legal", "no_step"] == 1


def half_open_and_twice(world, name):
    """The first moment counts, the first moment after does not. Nobody knows who is the same at two agencies."""
    zone = ZoneInfo(settings.TIME_ZONE)
    for letter in "AB":
        for day in (date(2024, 12, 31), date(2025, 1, 1), date(2025, 12, 31), date(2026, 1, 1)):
            last = day.month == 12
            moment = datetime.combine(day, time(23, 59, 59) if last else time(), zone)
            client = world.client(letter)
            world.touchpoint(letter, client, occurred_at=moment, trafficking_status="possible")
            world.service(client, provided_on=day)
            world.referral(client, sent_at=moment)
    later = YEAR.ends_at + timedelta(days=30)
    assert Counted(world, name, letters="A", as_of=later)()[()] == 2
    both = Counted(world, name, letters="AB", as_of=later)
    assert both()[()] == 4
    by_agency = view_of(both.cube, both.known, both.rows, ())[()]
    assert set(by_agency.values()) == {2}


@pytest.mark.parametrize("name", [
    "services", "served", "contacts_by_sector", "new_and_continuing", "flows", "who", "offers", "unmet_need"
])  # fmt: skip
def test_a_period_is_half_open_and_two_agencies_count_twice(world, name):
    half_open_and_twice(world, name)


@pytest.mark.parametrize(("module", "name", "statement", "was", "becomes"), [
    (services, "services", "GIVEN", "provided_on < %(after)s", "provided_on <= %(after)s"),
    (services, "services", "GIVEN", "provided_on >= %(first)s", "provided_on > %(first)s"),
    (services, "services", "GIVEN", "service.agency_id = ANY(%(agencies)s)", "true"),
    (contacts, "contacts_by_sector", "CONTACTS", "occurred_at >= %(start)s", "occurred_at > %(start)s"),
    (offers, "offers", "SENT", "sent_at >= %(start)s", "sent_at > %(start)s"),
    (flows, "flows", "MOVES", "began >= %(start)s", "began > %(start)s"),
])  # fmt: skip
def test_the_ends_and_the_agencies_are_seen_where_they_are_wrong(
    world, monkeypatch, module, name, statement, was, becomes
):
    sound = getattr(module, statement)
    assert was in sound
    monkeypatch.setattr(module, statement, sound.replace(was, becomes))
    with pytest.raises(AssertionError):
        half_open_and_twice(world, name)


def one_atom_each(cube, known, rows):
    """Raises where atoms are named twice, have values of no dimension, or do not add up along a path."""
    atoms = [tuple(row[:-1]) for row in rows]
    assert len(set(atoms)) == len(atoms)
    total = sum(row[-1] for row in rows)
    for position, name in enumerate(cube.dimensions):
        at = known[name]
        assert {atom[position] for atom in atoms} <= {value for value, _title in at.values}
        while True:
            rolled = view_of(cube, known, rows, (at.name,))
            assert sum(n for by_agency in rolled.values() for n in by_agency.values()) == total
            if not at.into:
                break
            assert set(at.rolls_up) == {value for value, _title in at.values}
            groups = known[at.into]
            assert set(at.rolls_up.values()) <= {value for value, _title in groups.values}
            at = groups


@pytest.mark.parametrize("name", sorted(cubes()))
def test_each_unit_stands_in_one_atom(world, name):
    a_little_of_everything(world)
    counted = Counted(world, name, letters="AB")
    assert counted.rows
    one_atom_each(counted.cube, counted.known, counted.rows)


@pytest.mark.parametrize("broken", [
    [("met", "cm", "unknown", 1, 2), ("met", "cm", "unknown", 1, 1)],
    [("met", "no_such_need", "unknown", 1, 2)],
    [("met", "cm", "00000", 1, 2)],
])  # fmt: skip
def test_an_atom_named_twice_or_nowhere_is_seen(world, broken):
    known = Counted(world, "unmet_need").known
    good = [("met", "cm", "unknown", 1, 2), ("met", "cm", "unknown", 2, 1)]
    one_atom_each(cubes()["unmet_need"], known, good)
    with pytest.raises((AssertionError, KeyError)):
        one_atom_each(cubes()["unmet_need"], known, broken)


def a_little_of_everything(world):
    for letter in "AB":
        for county in (None, world.county("Cedar"), world.county("Alder")):
            client = world.client(letter, county=county, races=["asian", "white"], age_band="18_24")
            world.touchpoint(letter, client, occurred_at=at(2, 1), trafficking_status="possible")
            world.touchpoint(letter, client, occurred_at=at(2, 9), sector="court")
            world.screening(client, at(2, 3))
            enrollment = world.enrollment(client, date(2025, 3, 1), exit_on=date(2025, 4, 1))
            world.service(client, enrollment=enrollment, provided_on=date(2025, 3, 2))
            world.service(client, type="legal_imm", provided_on=date(2025, 3, 2))
            world.referral(client, sent_at=at(2, 3), reported_outcome="declined", decline_reason="unsafe")
        world.touchpoint(letter, occurred_at=at(2, 1), sector="hotline")


def test_a_view_of_what_a_cube_has_not_is_refused(world):
    with pytest.raises(KeyError):
        Counted(world, "served")("gender")


@pytest.mark.parametrize("view", [("a", "b", "c", "d"), ("a", "a")])
def test_a_view_has_at_most_three_dimensions(view):
    with pytest.raises(ValueError, match="at most three"):
        cube(name="x", title="", universe="", counts="", does_not_show="", dimensions=("a",), views=(view,))(
            lambda *_: []
        )


@pytest.mark.parametrize("name", sorted(cubes()))
def test_a_cube_is_counted_through_the_counting_door_of_one_agency_too(world, name):
    a_little_of_everything(world)
    agency = world.agency("A")
    with world.acting("A") as actor, counting(actor, network=False) as cursor:
        rows = list(cubes()[name].find(cursor, YEAR, YEAR.ends_at, [agency.pk]))
    assert rows and {row[-2] for row in rows} == {agency.pk}


def test_periods_of_a_cube_with_values_of_one_period_never_overlap(world):
    """Unmet by March may be met by December: the two tables are about the same needs and no sum joins them."""
    for letter in "ABC":
        sign(world, letter)
        for _ in range(12):
            client = world.client(letter)
            world.touchpoint(letter, client, occurred_at=at(2, 1))
            world.referral(client, sent_at=at(2, 1))
    spring = Period(date(2025, 1, 1), date(2025, 4, 1))
    actor = network(world)
    said = engine.run_network("unmet_need", spring, actor, release="spring").said
    with pytest.raises(Unprotectable) as refused:
        engine.run_network("unmet_need", YEAR, actor, earlier=[said])
    assert refused.value.blocking == ("spring",)
    summer = Period(date(2025, 4, 1), date(2025, 7, 1))
    assert engine.run_network("unmet_need", summer, actor, earlier=[said])
    assert engine.run_network("unmet_need", spring, actor, earlier=[said])
    assert engine.run_network("contacts_by_sector", YEAR, actor, earlier=[said])
