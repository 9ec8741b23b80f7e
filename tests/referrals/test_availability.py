"""What is free: an agency's own word, what of it others may read, and how fast it answers."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from agencies.models import Agency, Project
from agencies.scope import NotAllowed
from referrals import availability
from referrals.models import Opening, OpeningPost


@pytest.fixture
def shelter(world):
    """A's project in Alder, where A is too."""
    county = world.county("Alder")
    agency = world.agency("A")
    Agency.objects.filter(pk=agency.pk).update(county=county)
    world.agency("B")
    return world.project("A", "Night shelter")


def post(world, project, letter="A", **said):
    said = {"kind": "shel_em", "free": 1, "is_confidential": False, **said}
    with world.acting(letter):
        return availability.post_opening(project=project, **said)


def read(world, letter="B"):
    with world.acting(letter):
        return list(availability.openings())


def test_everybody_reads_the_latest_post_and_the_agency_keeps_them_all(world, shelter):
    post(world, shelter, free=3, places=20)
    post(world, shelter, free=1, places=20, phone="555-0100 x12", languages=["spa"], accepts=["women"])
    (seen,) = read(world)
    assert (seen.free, seen.phone, seen.languages, seen.accepts) == (1, "555-0100 x12", ["spa"], ["women"])
    assert seen.county.name == "Alder"
    assert seen.stale_at - seen.posted_at == timedelta(hours=24)
    with world.acting("A"):
        assert [(one.free, one.taken) for one in availability.history()] == [(1, 19), (3, 17)]
    with world.acting("B"):
        assert not OpeningPost.objects.exists()


@pytest.mark.parametrize("who", ["project", "post"])
def test_a_confidential_site_is_nowhere_whoever_calls_it_so(world, shelter, who):
    if who == "project":
        with world.acting("A"):
            Project.objects.update(is_confidential_site=True)
    post(world, shelter, places=40, free=1, is_confidential=who == "post")
    (seen,) = read(world)
    assert (seen.county_id, seen.taken_tenths, seen.is_confidential) == (None, None, True)


def test_a_post_is_about_a_confidential_site_unless_somebody_says_that_it_is_not(world, shelter):
    with world.acting("A"):
        availability.post_opening(project=shelter, kind="shel_em", free=1)
    assert read(world)[0].county_id is None


def test_a_site_that_becomes_confidential_is_nowhere_at_once(world, shelter):
    post(world, shelter, places=40, free=1)
    assert read(world)[0].county_id == "99001"
    with world.acting("A"):
        Project.objects.filter(pk=shelter.pk).update(is_confidential_site=True)
    assert read(world)[0].county_id is None


@pytest.mark.parametrize(
    ("places", "free", "told"),
    [(20, 9, 6), (20, 10, None), (12, 1, 9), (11, 0, 10), (10, 0, None), (40, None, None), (None, 3, None)],
)
def test_the_share_taken_is_rounded_and_never_of_fewer_than_eleven(world, shelter, places, free, told):
    """A free bed says how many are taken to whoever knows the share: so a small number has none."""
    post(world, shelter, places=places, free=free, wait="week")
    assert read(world)[0].taken_tenths == told


def test_nobody_posts_for_another_agency(world, shelter):
    post(world, shelter)
    with world.acting("B"):
        with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic():
            availability.post_opening(project=shelter, kind="shel_em", free=9)
        assert Opening.objects.filter(is_published=True).update(free=9) == 0
        assert Opening.objects.filter(is_published=True).delete()[0] == 0
    assert read(world)[0].free == 1


def test_what_is_written_by_hand_says_only_what_was_posted(world, shelter):
    made = post(world, shelter, free=1, is_confidential=True)
    with world.acting("A"):
        Opening.objects.filter(post=made).update(free=9, county_id="99001", is_confidential=False)
    (seen,) = read(world)
    assert (seen.free, seen.county_id, seen.is_confidential) == (1, None, True)


def test_what_is_taken_down_nobody_else_reads(world, shelter):
    post(world, shelter, places=20)
    with world.acting("A"):
        (own,) = availability.ours()
        availability.withdraw_opening(own)
    assert read(world) == []
    with world.acting("B"):
        assert not Opening.objects.exists()
    post(world, shelter, free=2)
    assert read(world)[0].free == 2


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"free": 3, "places": 2}, "free"),
        ({"phone": "12 Alder Road"}, "phone"),
        ({"stale_hours": 0}, "stale_hours"),
        ({"kind": "no_such_help"}, "kind"),
    ],
)
def test_what_can_not_be_is_refused_by_column(world, shelter, said, where):
    with pytest.raises(ValidationError) as caught:
        post(world, shelter, **said)
    assert list(caught.value.message_dict) == [where]


def test_the_database_lets_no_address_stand_as_a_number(world, shelter):
    with world.acting("A"), pytest.raises(IntegrityError, match="a_post_says_a_number_to_call"):
        OpeningPost.objects.create(
            agency=world.agency("A"), project=shelter, kind="shel_em", phone="12 Alder Road"
        )


@pytest.mark.parametrize(("role", "may"), [("caseworker", True), ("data_lead", True), ("hotline", False)])
def test_who_answers_referrals_or_settles_affairs_posts(world, shelter, role, may):
    with world.acting("A", role):
        if may:
            availability.post_opening(project=shelter, kind="shel_em", free=1)
        else:
            with pytest.raises(NotAllowed):
                availability.post_opening(project=shelter, kind="shel_em", free=1)


def test_each_post_enters_the_ledger_once(world, shelter):
    post(world, shelter)
    with world.acting("A"):
        availability.withdraw_opening(availability.ours()[0])
    with world.acting("A"), connection.cursor() as cursor:
        cursor.execute("SELECT verb FROM agencies_ledgerentry WHERE verb LIKE 'opening%' ORDER BY id")
        assert [verb for (verb,) in cursor.fetchall()] == ["opening.posted", "opening.withdrawn"]


def test_a_question_never_leaves_out_what_a_post_does_not_say(world, shelter):
    post(world, shelter, accepts=["all_genders"], languages=["spa"])
    (open_site,) = read(world)
    assert availability.fits(open_site, county="99001", accepts="men", language="spa")
    assert not availability.fits(open_site, county="99003")
    assert not availability.fits(open_site, accepts="pets")
    assert not availability.fits(open_site, language="fra")
    post(world, shelter, is_confidential=True)
    (closed_site,) = read(world)
    assert availability.fits(closed_site, county="99003", accepts="pets", language="fra")


def test_the_clocks_are_the_agencys_own(world):
    now = timezone.now()
    for outcome in ("accepted", "declined"):
        world.response(world.offer(sender="B", receiver="A"), by="A", outcome=outcome)
    world.offer(sender="B", receiver="A")
    world.offer(sender="B", receiver="C")
    with world.acting("A"):
        we = availability.clocks(now + timedelta(hours=49))
        assert (we.we.answered, we.we.median_hours, we.we.waiting, we.we.late) == (2, 0.0, 1, 1)
        assert we.others.answered == we.others.waiting == 0 and we.others.median_hours is None
    with world.acting("B"):
        asked = availability.clocks(now + timedelta(hours=1))
        assert (asked.others.answered, asked.others.waiting, asked.others.late) == (2, 2, 0)
    with world.acting("A", "hotline"), pytest.raises(NotAllowed):
        availability.clocks()
