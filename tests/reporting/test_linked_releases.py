"""A release's people with links: tokens, the linker and the engine through real tables, and what moves it."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from agencies.roles import Permission
from agencies.scope import Actor, NotAllowed
from referrals import linking
from referrals.models import ReleaseOfInformation
from reporting import engine, releases, render, tasks
from reporting.measures import Period, links
from reporting.models import Grid, LinkedStep, Release, Showing
from reporting.sdc import LINKED, NOBODY, RELEASED, Hidden, Range, Share
from tests.referrals.linking.network import Network, rows
from tests.reporting.releasing import approved
from tests.reporting.releasing import released as released_once
from tests.reporting.test_grant_pages import opened, page

ZONE = ZoneInfo("America/Chicago")
AT, SHARE_AT, BESIDE = ("identified", LINKED), ("identified", RELEASED), ("identified", "people")
FIRST = [
    "Aster",
    "Briar",
    "Clover",
    "Dunlin",
    "Elder",
    "Fennel",
    "Gentian",
    "Harrier",
    "Iris",
    "Juniper",
    "Kestrel",
    "Larkspur",
    "Merlin",
    "Nettle",
]
LAST = [
    "Bank_Bay",
    "Beck_Bend",
    "Bluff_Bog",
    "Brae_Burn",
    "Cairn_Cape",
    "Cliff_Combe",
    "Copse_Cove",
    "Crag_Creek",
    "Dale_Dell",
]


@pytest.fixture
def network(world):
    made = Network(world, "A", "B", "C", "D")
    world.agency("HUB")
    return made


def person(number: int) -> dict[str, str]:
    """Somebody invented, unlike all others."""
    return {
        "first": FIRST[number % len(FIRST)],
        "last": LAST[number // 3 % len(LAST)] + ("_Weir" if number % 2 else "_Wold"),
        "dob": f"{1960 + number * 7 % 45}{1 + number % 12:02}{1 + number * 5 % 27:02}",
        "ssn4": f"{1000 + number * 37 % 8900:04}",
        "zip5": f"{30001 + number * 13:05}",
    }


def meets(network, letter, number, month, *, signs=True, partners=""):
    """The agency identifies the person in that month; with a release and tokens, or without."""
    world = network.world
    client = world.client(letter)
    world.touchpoint(
        letter, client, occurred_at=datetime(2025, month, 9, 12, tzinfo=ZONE), trafficking_status="possible"
    )
    if signs:
        network.release(client, partners=partners)
        who = person(number)
        network.store(client, who.pop("first"), who.pop("last"), who.pop("dob"), **who)
    return client


def month_of(number: int) -> Period:
    return Period(date(2025, number, 1), date(2025, number + 1, 1) if number < 12 else date(2026, 1, 1))


def released(network, month):
    linking.bulk()
    return released_once(network.world, "pipeline", month_of(month))


def table(release):
    return releases.read(release, user=None, channel="test")


def fourteen_everywhere(network, month=1, *, known="ABC", signs=True, begin=0):
    """14 people known to three agencies, and seven at each of the four whom nobody else knows and who have
    not signed: 70 records, 42 people."""
    for number in range(begin, begin + 14):
        for letter in known:
            meets(network, letter, number, month, signs=signs)
    for at, letter in enumerate("ABCD"):
        for number in range(7):
            meets(network, letter, begin + 100 + 10 * at + number, month, signs=False)


def test_a_release_says_people_without_links_and_with_them(network):
    releases.choose_grid(Grid.MONTH)
    fourteen_everywhere(network)
    made = released(network, 1)
    assert table(made)[BESIDE] == Range(20, 70)
    assert table(made)[AT] == Range(20, 45)
    assert table(made)[SHARE_AT] == Share(60)
    assert render.data(table(made))["people_linked"] == {"low": 20, "high": 45, "released_share": 0.6}
    step = LinkedStep.objects.get(release=made)
    assert step.merged[NOBODY] == [28, 28] and step.merged[str(network.world.agency("A").pk)] == [14, 14]


def test_a_release_that_ends_moves_nothing_shown_and_is_out_of_the_next(network):
    releases.choose_grid(Grid.MONTH)
    fourteen_everywhere(network)
    made = released(network, 1)
    before = table(made).to_data()
    for letter in "ABC":
        with network.world.acting(letter):
            found = list(ReleaseOfInformation.objects.all())
        for one in found:
            network.revoke(one)
    assert table(released(network, 1)).to_data() == before
    assert rows("SELECT count(*) FROM referrals_linkrecord") == [(0,)]
    fourteen_everywhere(network, 2, signs=False, begin=200)
    assert AT not in table(released(network, 2)).cells, "nobody may be counted once: nothing is said of it"


@pytest.mark.parametrize("swept", [False, True], ids=["before the sweep", "after it"])
def test_a_release_taken_back_leaves_a_true_range_before_the_sweep_too(network, swept):
    """The others of its component stand alone until they are settled, so the higher end is no lower for it, and
    the lower end says nothing of them. Forty-two people are there, and the step is the same in between."""
    releases.choose_grid(Grid.MONTH)
    fourteen_everywhere(network)
    linking.bulk()
    with network.world.acting("C"):
        one = ReleaseOfInformation.objects.first()
    network.revoke(one)
    unsettled = rows("SELECT count(*) FROM referrals_linkedperson WHERE ring IS NULL")
    assert unsettled == [(2,)]
    if swept:
        linking.sweep()
    made = released_once(network.world, "pipeline", month_of(1))
    assert table(made)[AT] == Range(20, 45)
    assert LinkedStep.objects.get(release=made).merged[NOBODY] == [27, 27], (
        "whoever leaves takes no other pair"
    )


def test_a_release_over_by_the_clock_counts_no_more_without_a_sweep(network):
    """The engine reads while it lives; no job has to have run."""
    releases.choose_grid(Grid.MONTH)
    fourteen_everywhere(network)
    linking.bulk()
    with network.world.acting("A"):
        found = list(ReleaseOfInformation.objects.all())
    for one in found:
        network.revoke(one)
    made = released_once(network.world, "pipeline", month_of(1))
    # Without A's rows 14 pairs of B and C are left, none of which touches any other pair: not shown, since
    # without B's rows nothing is left at all.
    assert table(made)[AT] == Hidden()
    assert not LinkedStep.objects.exists()


def test_while_the_others_stand_still_it_is_said_once(network):
    releases.choose_grid(Grid.MONTH)
    fourteen_everywhere(network, 1)
    fourteen_everywhere(network, 2, begin=300)
    assert isinstance(table(released(network, 1))[AT], Range)
    second = table(released(network, 2))
    assert second[AT] == Hidden() and second[BESIDE] == Range(20, 70)
    assert "Not shown. It is shown when" in " ".join(render.text(second).split())
    assert LinkedStep.objects.count() == 1


def test_it_is_said_again_when_the_others_moved(network):
    releases.choose_grid(Grid.MONTH)
    fourteen_everywhere(network, 1)
    fourteen_everywhere(network, 2, known="ABCD", begin=300)
    for number in range(400, 412):
        for letter in "ABCD":
            meets(network, letter, number, 2)
    assert isinstance(table(released(network, 1))[AT], Range)
    assert isinstance(table(released(network, 2))[AT], Range)
    assert LinkedStep.objects.count() == 2


def test_an_agency_s_own_figures_use_no_link(network):
    fourteen_everywhere(network)
    linking.bulk()
    with network.world.acting("A") as actor:
        own = engine.run_own("pipeline", month_of(1), actor)
    assert own["identified", "people"] == Range(21, 21)
    assert AT not in own.cells and render.data(own)["people_linked"] is None


def test_the_page_and_the_files_say_both(network):
    releases.choose_grid(Grid.MONTH)
    fourteen_everywhere(network)
    made = released(network, 1)
    browser = network.world.browser("P", "partner_viewer")
    body = " ".join(browser.get("/numbers/").content.decode().split())
    assert "20 to 70" in body and "20 to 45" in body and "60 %" in body
    assert "whichever one agency's clients are left out" in body.replace("&#x27;", "'")
    for shape in ("csv", "json", "svg"):
        said = b"".join(browser.get(f"/numbers/{made.pk}.{shape}")).decode("utf-8-sig")
        assert ("20 to 45" in said) or ('"high": 45' in said)


def test_the_nightly_job_settles_before_it_counts(network, monkeypatch):
    """A record that has just come is compared first: what is counted stays for good."""
    releases.choose_grid(Grid.MONTH)
    fourteen_everywhere(network)
    linking.bulk()
    approved(network.world, "pipeline", Grid.MONTH)
    asked = []
    monkeypatch.setattr(linking, "sweep", lambda: asked.append("sweep"))
    monkeypatch.setattr(linking, "link_new", lambda: asked.append("new"))
    assert tasks.snapshot() > 0
    assert asked == ["sweep", "new"]
    assert Release.objects.filter(measure="pipeline").exists()


def test_links_are_read_through_the_counting_door_only(network):
    with pytest.raises(NotAllowed):
        engine.run_network("pipeline", month_of(1), Actor.hub(network.world.agency("HUB")))


def test_a_grant_report_says_the_network_s_people_beside_its_own(network):
    releases.choose_grid(Grid.MONTH)
    fourteen_everywhere(network)
    report = opened(network.world)
    assert "In all of the network" not in page(network.world, report)
    made = released(network, 1)
    said = " ".join(page(network.world, report).split())
    assert "20 to 70 people identified if nobody is linked" in said
    assert "With links among those who signed for it: 20 to 45." in said and "60 %" in said
    assert Showing.objects.filter(release=made, channel="page").count() == 1


def test_sabotage_who_was_never_compared_would_raise_the_least_above_the_truth(network, monkeypatch):
    """B and D know the same fifteen, but D's clients let themselves be compared with A's alone: 45 people."""
    releases.choose_grid(Grid.MONTH)
    for number in range(45):
        for letter in "ABC" if number < 30 else "B":
            meets(network, letter, number, 1)
    for number in range(30, 45):
        meets(network, "D", number, 1, partners="A")
    linking.bulk()
    actor = Actor.hub(network.world.agency("HUB"), Permission.REPORT_NETWORK)
    assert engine.run_network("pipeline", month_of(1), actor).table[AT] == Range(45, 60)
    monkeypatch.setattr(links, "_compared", lambda records: frozenset(row[0] for row in records))
    assert engine.run_network("pipeline", month_of(1), actor).table[AT] == Range(60, 60)
