"""Writing through the API: contacts and services once, nothing that is not asked for, no echo."""

import json
import logging
import threading
import uuid
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection, connections
from django.utils import timezone

from agencies.api import Resource
from agencies.models import IdempotencyKey
from referrals import queries
from referrals.models import Response, Service, Touchpoint
from tests.casehub.api import Caller

NOTHING = b'{"detail":"Not found."}'
DAY = "2025-02-03"


@pytest.fixture(autouse=True)
def _fresh_limits():
    cache.clear()


def touchpoints(world, letter="A"):
    with world.acting(letter):
        return list(Touchpoint.objects.all())


def test_a_contact_with_a_client_is_recorded_through_the_action(world):
    client = world.client("A")
    caller = Caller(world, "A")
    answer = caller.post(
        "touchpoints/",
        {
            "sector": "outreach",
            "client": str(client.pk),
            "given": ["food_or_clothes", "ride"],
            "trafficking_status": "possible",
            "status_decided_by": "not_asked",
            "note": "Wants to talk again on Friday",
        },
    )
    assert answer.status_code == 201 and list(answer.json()) == ["id"]
    assert answer["Location"] == f"/api/v1/touchpoints/{answer.json()['id']}/"
    (made,) = touchpoints(world)
    assert (str(made.pk), made.client_id, made.worker_id) == (
        answer.json()["id"],
        client.pk,
        world.person("A").pk,
    )
    with world.acting("A"):
        assert queries.note_of(made) == "Wants to talk again on Friday"
        client.refresh_from_db()
        assert client.trafficking_status == "possible"


@pytest.mark.parametrize(
    ("role", "status"), [("caseworker", 201), ("hotline", 201), ("data_lead", 404), ("partner_viewer", 404)]
)
def test_who_records_contacts_records_anonymous_ones(world, role, status):
    answer = Caller(world, "A", role).post("touchpoints/", {"sector": "hotline"})
    assert answer.status_code == status
    assert len(touchpoints(world)) == (status == 201)


def test_the_hotline_writes_and_reads_nothing_back(world):
    hotline = Caller(world, "A", "hotline")
    made = hotline.post("touchpoints/", {"sector": "hotline", "note": "Called at two"}).json()
    assert list(made) == ["id"]
    assert hotline.get(f"touchpoints/{made['id']}/").content == NOTHING


def test_the_hotline_cannot_find_out_whether_a_client_exists(world):
    own, foreign = world.client("A"), world.client("B")
    hotline = Caller(world, "A", "hotline")
    answers = {
        hotline.post("touchpoints/", {"sector": "hotline", "client": str(pk)}).content
        for pk in (own.pk, foreign.pk, uuid.uuid4())
    }
    assert answers == {NOTHING}


@pytest.mark.parametrize("whose", ["A", "B", "nobody"])
def test_a_row_points_at_ones_own_client_only(world, whose):
    world.client("A")
    pk = uuid.uuid4() if whose == "nobody" else world.client(whose).pk
    answer = Caller(world, "A").post("services/", {"client": str(pk), "type": "cm", "provided_on": DAY})
    if whose == "A":
        assert answer.status_code == 201
    else:
        assert (answer.status_code, answer.json()) == (400, {"client": ["Nothing here has this id."]})


def test_an_enrollment_of_another_client_is_refused(world):
    one, other = world.client("A"), world.client("A")
    enrollment = world.enrollment(other)
    sent = {"client": str(one.pk), "type": "cm", "provided_on": DAY, "enrollment": str(enrollment.pk)}
    assert list(Caller(world, "A").post("services/", sent).json()) == ["enrollment"]


def test_a_service_takes_the_units_of_its_type(world):
    client = world.client("A")
    caller = Caller(world, "A")
    sent = {"client": str(client.pk), "type": "shel_em", "provided_on": DAY, "quantity": "3"}
    assert caller.post("services/", sent).status_code == 201
    assert caller.post("services/", {**sent, "unit": "dollars"}).json() == {
        "unit": ["This service is not counted in that unit."]
    }
    assert list(caller.post("services/", {**sent, "quantity": "0"}).json()) == ["quantity"]
    assert list(caller.post("services/", {**sent, "provided_on": "2999-01-01"}).json()) == ["provided_on"]
    with world.acting("A"):
        assert [(one.quantity, one.unit) for one in Service.objects.all()] == [(3, "nights")]


@pytest.mark.parametrize(
    "extra",
    [
        {"agency": 2},
        {"id": str(uuid.uuid4())},
        {"worker": 1},
        {"recorded_at": "2020-01-01T00:00:00Z"},
        {"note_sealed": "x"},
        {"source_key": "x"},
        {"name": "Maria"},
    ],
)
@pytest.mark.parametrize("noun", ["touchpoints", "services"])
def test_owner_fields_and_unknown_ones_are_refused_by_name(world, noun, extra):
    client = world.client("A")
    sent = {"client": str(client.pk), "type": "cm", "provided_on": DAY}
    sent = {"sector": "shelter"} if noun == "touchpoints" else sent
    answer = Caller(world, "A").post(f"{noun}/", {**sent, **extra})
    assert (answer.status_code, list(answer.json())) == (400, list(extra))
    with world.acting("A"):
        assert not Touchpoint.objects.exists() and not Service.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("occurred_at", "2999-01-01T00:00:00Z"),
        ("occurred_at", "0001-01-01T00:00:00+14:00"),
        ("occurred_at", "last week"),
        ("sector", "castle"),
        ("sector", None),
        ("given", ["a hug"]),
        ("given", "ride"),
        ("county", "12345"),
        ("client", 7),
        ("client", {"id": 1}),
        ("project", "x"),
        ("note", "a\u0000b"),
        ("note", "x" * 5000),
        ("note", ["list"]),
    ],
)
def test_what_is_not_as_it_should_be_is_named(world, field, value):
    answer = Caller(world, "A").post("touchpoints/", {"sector": "shelter", field: value})
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert not touchpoints(world)


@pytest.mark.parametrize("body", ["", "{", "[]", "3", '"x"', "null", '{"sector": NaN}', "\x00"])
def test_a_body_that_is_no_object_is_refused(world, body):
    answer = Caller(world, "A").post("touchpoints/", body)
    assert answer.status_code == 400
    assert not touchpoints(world)


CANARIES = [
    "call her at 555-867-5309",
    "maria.lopez@example.org",
    "SSN 078-05-1120",
    "A 123456789",
    "lives at 1418 Alder Street",
]


@pytest.mark.parametrize("canary", CANARIES)
def test_identity_in_a_note_is_refused_and_never_said_again(world, canary, caplog):
    caplog.set_level(logging.DEBUG)
    client = world.client("A")
    caller = Caller(world, "A")
    for path, sent in (
        ("touchpoints/", {"sector": "shelter", "note": canary}),
        ("services/", {"client": str(client.pk), "type": "cm", "provided_on": DAY, "note": canary}),
    ):
        answer = caller.post(path, sent, key="canary-key-1" + path[0])
        assert (answer.status_code, list(answer.json())) == (400, ["note"])
        assert canary not in answer.content.decode()
    assert canary not in caplog.text
    assert not touchpoints(world)


@pytest.mark.parametrize(
    "field",
    [
        "sector",
        "occurred_at",
        "client",
        "enrollment",
        "project",
        "kind",
        "given",
        "trafficking_status",
        "age_band",
        "county",
        "Maria Lopez 555-867-5309",
    ],
)
def test_nothing_that_was_sent_comes_back_in_an_error(world, field, caplog):
    caplog.set_level(logging.DEBUG)
    canary = "maria.lopez@example.org"
    sent = {"sector": "shelter", field: [canary] if field == "given" else canary}
    answer = Caller(world, "A").post("touchpoints/", sent)
    assert answer.status_code == 400
    for said in (answer.content.decode(), caplog.text):
        assert "lopez" not in said.lower() and "867" not in said


# --- once


def test_a_repeated_write_is_answered_alike_and_written_once(world):
    caller = Caller(world, "A")
    first = caller.post("touchpoints/", {"sector": "shelter", "kind": "contact"}, key="once-upon-a-time")
    again = caller.post("touchpoints/", '{ "kind":"contact", "sector":"shelter" }', key="once-upon-a-time")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "Idempotency-Replayed" not in first and again["Idempotency-Replayed"] == "true"
    assert len(touchpoints(world)) == 1


def test_without_its_key_a_repeated_write_would_be_noticed(world, monkeypatch):
    """Sabotage: were the key not claimed, the same request would be written twice."""
    monkeypatch.setattr(Resource, "_claim", lambda self, request: None)
    caller = Caller(world, "A")
    for _one in range(2):
        caller.post("touchpoints/", {"sector": "shelter"}, key="once-upon-a-time")
    assert len(touchpoints(world)) == 2


def test_without_the_refusal_an_identity_would_be_taken(world, monkeypatch):
    """Sabotage: the form of a note is all that keeps a phone number out; the action holds it too."""
    monkeypatch.setattr("referrals.api.serializers.actions.IDENTITY_SHAPES", {})
    assert (
        Caller(world, "A").post("touchpoints/", {"sector": "shelter", "note": CANARIES[0]}).status_code == 201
    )


def test_a_key_stands_for_one_request(world):
    client = world.client("A")
    caller = Caller(world, "A")
    caller.post("touchpoints/", {"sector": "shelter"}, key="once-upon-a-time")
    for path, sent in (
        ("touchpoints/", {"sector": "outreach"}),
        ("services/", {"client": str(client.pk), "type": "cm", "provided_on": DAY}),
    ):
        assert caller.post(path, sent, key="once-upon-a-time").status_code == 409
    assert len(touchpoints(world)) == 1


def test_a_key_is_a_persons_own(world):
    for caller in (Caller(world, "A"), Caller(world, "A", "supervisor"), Caller(world, "B")):
        assert caller.post("touchpoints/", {"sector": "shelter"}, key="once-upon-a-time").status_code == 201
    assert (len(touchpoints(world)), len(touchpoints(world, "B"))) == (2, 1)


def test_a_refused_write_leaves_its_key_free(world):
    caller = Caller(world, "A")
    assert caller.post("touchpoints/", {"sector": "castle"}, key="once-upon-a-time").status_code == 400
    assert caller.post("touchpoints/", {"sector": "shelter"}, key="once-upon-a-time").status_code == 201


def test_a_key_is_forgotten_after_a_day(world):
    caller = Caller(world, "A")
    caller.post("touchpoints/", {"sector": "shelter"}, key="once-upon-a-time")
    with world.acting("A"):
        IdempotencyKey.objects.update(made_at=timezone.now() - timedelta(hours=25))
    caller.post("touchpoints/", {"sector": "outreach"}, key="once-upon-a-time")
    assert len(touchpoints(world)) == 2
    with world.acting("A"):
        assert IdempotencyKey.objects.count() == 1


@pytest.mark.parametrize("key", ["short", "x" * 65, "Maria Lopez 1990", "maria.lopez@example.org"])
def test_a_key_that_could_be_a_person_is_refused(world, key):
    answer = Caller(world, "A").post("touchpoints/", {"sector": "shelter"}, key=key)
    assert (answer.status_code, list(answer.json())) == (400, ["idempotency_key"])
    assert key not in answer.content.decode()


def test_what_is_kept_of_a_write_holds_nothing_of_it(world):
    caller = Caller(world, "A")
    caller.post("touchpoints/", {"sector": "shelter", "note": "Likes oranges"}, key="likes-oranges")
    with world.acting("A"), connection.cursor() as cursor:
        cursor.execute("SELECT kept::text FROM agencies_idempotencykey kept")
        (kept,) = cursor.fetchone()
    for said in ("oranges", b"oranges".hex(), b"likes-oranges".hex(), "shelter"):
        assert said not in kept


def test_keys_stand_behind_the_wall(world):
    Caller(world, "A").post("touchpoints/", {"sector": "shelter"}, key="once-upon-a-time")
    world.agency("B")
    with world.acting("B"):
        assert not IdempotencyKey.objects.exists()


def at_once(calls):
    """What each call gave, all of them made at the same moment."""
    start, given = threading.Barrier(len(calls)), []

    def make(call) -> None:
        try:
            start.wait()
            given.append(call())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=make, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


def test_two_at_once_write_once(lasting_world):
    caller = Caller(lasting_world, "A")
    answers = at_once([lambda: caller.post("touchpoints/", {"sector": "shelter"}, key="four-at-once")] * 4)
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.content for answer in answers}) == 1
    assert len(touchpoints(lasting_world)) == 1


# --- offers


@pytest.mark.parametrize(("answerer", "status"), [("B", 201), ("A", 404), ("C", 404)])
def test_only_the_receiver_answers_an_offer(world, answerer, status):
    offer = world.offer(sender="A", receiver="B")
    answer = Caller(world, answerer).post(f"offers/{offer.pk}/respond/", {"outcome": "accepted"})
    assert answer.status_code == status
    if status == 404:
        assert answer.content == NOTHING


def test_an_answer_may_be_repeated_with_its_key_and_not_changed(world):
    offer = world.offer(sender="A", receiver="B")
    caller = Caller(world, "B")
    path = f"offers/{offer.pk}/respond/"
    first = caller.post(path, {"outcome": "accepted"}, key="answer-once-1")
    again = caller.post(path, {"outcome": "accepted"}, key="answer-once-1")
    assert (first.status_code, again.content) == (201, first.content)
    assert caller.post(path, {"outcome": "declined", "reason": "other"}).status_code == 404
    with world.acting("B"):
        assert Response.objects.get().outcome == "accepted"


def test_a_refusal_says_why(world):
    offer = world.offer(sender="A", receiver="B")
    caller = Caller(world, "B")
    path = f"offers/{offer.pk}/respond/"
    assert list(caller.post(path, {"outcome": "declined"}).json()) == ["reason"]
    assert caller.post(path, {"outcome": "declined", "reason": "no_capacity"}).status_code == 201


def test_the_second_acceptance_of_a_referral_is_told_so(world):
    """Two receivers were asked; the first has accepted, which the second can't see."""
    first = world.offer(sender="A", receiver="B")
    with world.acting("A"):
        second = type(first).objects.create(
            agency_id=first.agency_id,
            referral_id=first.referral_id,
            receiver=world.agency("C"),
            needed=first.needed,
            handover_code="0F0F",
            expires_at=first.expires_at,
        )
    assert Caller(world, "B").post(f"offers/{first.pk}/respond/", {"outcome": "accepted"}).status_code == 201
    answer = Caller(world, "C").post(f"offers/{second.pk}/respond/", {"outcome": "accepted"})
    assert (answer.status_code, list(answer.json())) == (400, ["outcome"])


def test_colleagues_who_answer_at_once_answer_once(lasting_world):
    offer = lasting_world.offer(sender="A", receiver="B")
    callers = [Caller(lasting_world, "B", role) for role in ("caseworker", "supervisor")]
    path = f"offers/{offer.pk}/respond/"
    answers = at_once(
        [lambda caller=caller: caller.post(path, {"outcome": "accepted"}) for caller in callers]
    )
    won, lost = sorted(answer.status_code for answer in answers)
    assert won == 201 and lost in (404, 409)
    with lasting_world.acting("B"):
        assert Response.objects.count() == 1


def test_a_session_writes_only_with_the_pages_own_token(world):
    browser = world.browser("A", enforce_csrf_checks=True)
    answer = browser.post(
        "/api/v1/touchpoints/", json.dumps({"sector": "shelter"}), content_type="application/json"
    )
    assert answer.status_code == 401
    assert not touchpoints(world)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_nothing_is_changed_or_deleted(world, method):
    touchpoint = world.touchpoint("A", world.client("A"))
    caller = Caller(world, "A")
    answer = getattr(caller.browser, method)(
        f"/api/v1/touchpoints/{touchpoint.pk}/",
        "{}",
        content_type="application/json",
        headers=caller._headers(),
    )
    assert answer.status_code == 405
    assert len(touchpoints(world)) == 1
