"""Reading through the API: who gets what, what everybody else is told, and that reading is entered."""

import uuid
from datetime import date, datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.utils import timezone

from agencies.api import PerPerson, PerToken
from agencies.jobs import enqueue, job, registered
from agencies.models import ApiToken, LedgerEntry, SharingAgreement
from agencies.roles import Permission
from agencies.scope import acting_as
from referrals import actions
from referrals.api.views import ClientViewSet
from reporting.measures import Period
from tests.casehub.api import Caller
from tests.reporting.releasing import released

NOTHING = b'{"detail":"Not found."}'
WORKERS = {"caseworker", "supervisor", "data_lead"}
EVERY_ROLE = ("caseworker", "supervisor", "data_lead", "hotline", "partner_viewer", "auditor", "hub_operator")
# What a role may read; everybody else gets the one answer.
READS = {
    "clients": WORKERS,
    "touchpoints": WORKERS,
    "services": WORKERS,
    "enrollments": WORKERS,
    "screenings": WORKERS,
    "referrals": WORKERS,
    "projects": WORKERS,
    "offers": {"caseworker", "supervisor"},
    "jobs": {"data_lead"},
    "releases": {"caseworker", "supervisor", "data_lead", "partner_viewer", "auditor"},
    "pipeline": WORKERS,
    "picklists": set(EVERY_ROLE),
}
ROWS = [noun for noun in READS if noun not in ("releases", "pipeline", "picklists")]


@pytest.fixture(autouse=True)
def _fresh_limits():
    cache.clear()


if "api_test" not in registered():

    @job("api_test")
    def _nothing(run):
        return {}


def row_of(world, noun):
    """One row of the noun that agency A may read."""
    if noun == "offers":
        return world.offer(sender="B", receiver="A")
    if noun == "projects":
        return world.project("A")
    if noun == "jobs":
        with world.acting("A", "data_lead"):
            return enqueue("api_test")
    client = world.client("A", code="KH-1")
    if noun == "clients":
        return client
    if noun == "touchpoints":
        return world.touchpoint("A", client)
    return getattr(world, noun.removesuffix("s"))(client)


@pytest.mark.parametrize("noun", ROWS)
def test_rows_are_read_by_their_agency_and_by_nobody_else(world, noun):
    row = row_of(world, noun)
    role = "data_lead" if noun == "jobs" else "caseworker"
    world.agency("C")
    owner, other = Caller(world, "A", role), Caller(world, "C", role)
    listed = owner.get(f"{noun}/").json()
    assert [one["id"] for one in listed["results"]] == [str(row.pk)]
    assert owner.get(f"{noun}/{row.pk}/").json()["id"] == str(row.pk)
    assert other.get(f"{noun}/").json() == {"count": 0, "next": None, "previous": None, "results": []}
    foreign, missing, no_id = (other.get(f"{noun}/{pk}/") for pk in (row.pk, uuid.uuid4(), "not-an-id"))
    assert {answer.status_code for answer in (foreign, missing, no_id)} == {404}
    assert foreign.content == missing.content == no_id.content == NOTHING
    assert dict(foreign.headers) == dict(missing.headers)


@pytest.mark.parametrize("noun", READS)
@pytest.mark.parametrize("role", EVERY_ROLE)
def test_a_role_reads_what_it_may_and_learns_nothing_of_the_rest(world, noun, role):
    row = row_of(world, noun) if noun in ROWS else None
    caller = Caller(world, "A", role)
    answer = caller.get(f"{noun}/")
    if role in READS[noun]:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.content) == (404, NOTHING)
        if row is not None:
            assert caller.get(f"{noun}/{row.pk}/").content == NOTHING


@pytest.mark.parametrize("noun", [*READS, "schema"])
def test_nobody_signed_in_gets_401(world, noun):
    answer = Browser().get(f"/api/v1/{noun}/")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Token")


@pytest.mark.parametrize("wrong", ["no-such-token", "over", "left", "no second factor"])
def test_a_token_that_does_not_hold_opens_nothing(world, wrong):
    world.client("A")
    caller = Caller(world, "A")
    if wrong == "no-such-token":
        caller.secret = wrong
    elif wrong == "over":
        ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif wrong == "left":
        world.person("A").memberships.all().delete()
    else:
        world.person("A").authenticator_set.all().delete()
    refused = caller.get("clients/")
    assert refused.status_code == (401 if wrong in ("no-such-token", "over") else 404)
    assert b"results" not in refused.content


def test_a_browser_session_reads_too(world):
    world.client("A")
    assert world.browser("A").get("/api/v1/clients/").json()["count"] == 1


def test_a_client_shows_its_code_and_every_missing_answer_as_its_own_value(world):
    client = world.client("A", code="KH-7", age_band="declined", gender="unknown")
    one = Caller(world, "A").get(f"clients/{client.pk}/").json()
    assert one["code"] == "KH-7"
    assert (one["age_band"], one["gender"], one["trafficking_status"]) == ("declined", "unknown", "not_asked")
    assert one["races"] == ["not_asked"]
    assert not {
        name for name in one if "sealed" in name or "token" in name or name in ("agency", "source_key")
    }


def test_an_answer_that_does_not_apply_yet_is_null(world):
    enrollment = world.enrollment(world.client("A"), destination="", exit_reason="")
    one = Caller(world, "A").get(f"enrollments/{enrollment.pk}/").json()
    assert (one["exit_on"], one["destination"], one["exit_reason"]) == (None, None, None)


def test_reading_clients_is_entered_in_the_ledger(world):
    for code in ("KH-1", "KH-2", "KH-3"):
        client = world.client("A", code=code)
    caller = Caller(world, "A")
    caller.get("clients/", limit=2)
    caller.get(f"clients/{client.pk}/")
    with world.acting("A"):
        entered = LedgerEntry.objects.filter(verb__in=("clients.listed", "client.viewed")).order_by("id")
        assert [(one.verb, one.rows, one.target_id) for one in entered] == [
            ("clients.listed", 2, ""),
            ("client.viewed", 1, str(client.pk)),
        ]


def test_a_refused_reading_is_not_entered(world):
    client = world.client("A")
    world.agency("B")
    Caller(world, "B").get(f"clients/{client.pk}/")
    with world.acting("B"):
        assert not LedgerEntry.objects.filter(verb__startswith="client.").exists()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, {"mine", "theirs"}),
        ({"enrolled": "true"}, {"mine"}),
        ({"enrolled": "false"}, {"theirs"}),
        ({"status": "possible"}, {"theirs"}),
        ({"changed_since": "2100-01-01T00:00:00Z"}, set()),
    ],
)
def test_clients_are_filtered(world, asked, found):
    mine = world.client("A", code="mine", worker=world.person("A"))
    world.client("A", code="theirs", trafficking_status="possible")
    world.enrollment(mine)
    listed = Caller(world, "A").get("clients/", **asked).json()["results"]
    assert {one["code"] for one in listed} == found


def test_clients_are_filtered_by_worker(world):
    world.client("A", code="mine", worker=world.person("A"))
    world.client("A", code="theirs", worker=world.person("A", "supervisor"))
    listed = Caller(world, "A").get("clients/", worker=world.person("A").pk).json()["results"]
    assert [one["code"] for one in listed] == ["mine"]


@pytest.mark.parametrize(
    "asked",
    [
        {"enroled": "true"},
        {"enrolled": "maybe"},
        {"enrolled": ""},
        {"status": "maria.lopez@example.org"},
        {"worker": "99999999999999999999"},
        {"worker": "1e9999999"},
        {"limit": "0"},
        {"limit": "many"},
        {"offset": "-1"},
        {"offset": "99999999999999999999"},
        {"changed_since": "yesterday"},
        {"client": "not-an-id"},
    ],
)
def test_a_question_that_is_not_understood_is_refused_and_not_repeated(world, asked):
    world.client("A")
    answer = Caller(world, "A").get("touchpoints/" if "client" in asked else "clients/", **asked)
    assert answer.status_code == 400
    (name, value) = next(iter(asked.items()))
    assert list(answer.json()) == [name]
    assert not value or value not in answer.content.decode().replace(name, "")


@pytest.mark.parametrize("at", ["7518-02-06T22:07:26-21:52", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_postgresql_would_not_read_is_asked_in_utc(world, at):
    assert Caller(world, "A").get("services/", changed_since=at).status_code == 200


def test_pages_are_at_most_200_long_and_neither_skip_nor_double(world):
    day = timezone.now() - timedelta(days=3)
    made = {str(world.touchpoint("A", occurred_at=day).pk) for _one in range(7)}
    caller = Caller(world, "A")
    seen = []
    for offset in (0, 3, 6):
        seen += [one["id"] for one in caller.get("touchpoints/", limit=3, offset=offset).json()["results"]]
    assert len(seen) == 7 and set(seen) == made
    assert "limit=200" in (caller.get("touchpoints/", limit=5000, offset=1).json()["previous"] or "")


def test_a_note_is_opened_for_one_touchpoint_and_not_for_lists(world):
    caller = Caller(world, "A")
    client = world.client("A")
    made = caller.post(
        "touchpoints/", {"sector": "shelter", "client": str(client.pk), "note": "Asked for a ride"}
    ).json()
    assert caller.get(f"touchpoints/{made['id']}/").json()["note"] == "Asked for a ride"
    listed = caller.get("touchpoints/").json()["results"][0]
    assert listed["has_note"] is True and "note" not in listed


@pytest.mark.parametrize("noun", ROWS)
def test_a_list_costs_the_same_queries_however_long(world, noun, django_assert_max_num_queries):
    row_of(world, noun)
    caller = Caller(world, "A", "data_lead" if noun == "jobs" else "caseworker")
    caller.get(f"{noun}/")
    with django_assert_max_num_queries(18):
        caller.get(f"{noun}/")


def test_limits_are_counted_by_person_and_by_token(world, monkeypatch):
    caller, colleague = Caller(world, "A"), Caller(world, "A", "supervisor")
    monkeypatch.setattr(PerToken, "THROTTLE_RATES", {"user": "1000/min", "token": "3/min"})
    answers = [caller.get("picklists/").status_code for _one in range(4)]
    assert answers == [200, 200, 200, 429]
    assert "Retry-After" in caller.get("picklists/")
    assert colleague.get("picklists/").status_code == 200
    monkeypatch.setattr(PerPerson, "THROTTLE_RATES", {"user": "2/min", "token": "3/min"})
    browser = world.browser("A", "auditor")
    assert [browser.get("/api/v1/picklists/").status_code for _one in range(3)] == [200, 200, 429]


def test_limits_let_casework_through_while_they_cannot_be_counted(world, monkeypatch):
    caller = Caller(world, "A")

    def away(*arguments, **options):
        raise ConnectionError

    monkeypatch.setattr(PerPerson.cache, "get", away)
    assert caller.get("picklists/").status_code == 200


def test_own_figures_are_exact_and_ones_own(world):
    for _one in range(3):
        world.touchpoint("A", world.client("A"), trafficking_status="possible")
    world.touchpoint("B", world.client("B"), trafficking_status="possible")
    figures = Caller(world, "A").get("pipeline/").json()
    stages = {one["stage"]: one for one in figures["stages"]}
    assert stages["identified"]["now"] == 3
    assert figures["digest"] is None and figures["caveats"]


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({"start": "2025-01-01"}, "end"),
        ({"start": "2025-02-01", "end": "2025-01-01"}, "end"),
        ({"start": "0001-01-01", "end": "9999-12-31"}, "end"),
        ({"start": "soon", "end": "2025-01-01"}, "start"),
        ({"from": "2025-01-01"}, "from"),
    ],
)
def test_a_period_that_makes_no_sense_is_refused(world, asked, wrong):
    answer = Caller(world, "A").get("pipeline/", **asked)
    assert answer.status_code == 400 and list(answer.json()) == [wrong]


def test_a_release_is_read_protected_and_its_showing_kept(world):
    for letter in ("A", "B", "C"):
        agency = world.agency(letter)
        with world.acting(letter):
            SharingAgreement.objects.create(
                agency=agency, version=1, text_digest="0" * 64, signed_at=timezone.now()
            )
        for _one in range(2):
            world.touchpoint(
                letter,
                world.client(letter),
                trafficking_status="possible",
                occurred_at=timezone.make_aware(datetime(2025, 3, 5)),
            )
    made = released(world, "pipeline", Period(date(2025, 3, 1), date(2025, 4, 1)))
    caller = Caller(world, "A", "partner_viewer")
    assert [one["label"] for one in caller.get("releases/").json()["results"]] == [made.label]
    figures = caller.get(f"releases/{made.pk}/").json()
    assert figures["digest"] == made.digest and figures["release"] == made.label
    stages = {one["stage"]: one for one in figures["stages"]}
    assert stages["identified"]["entered"] is None  # six people are fewer than eleven
    shown = made.showings.get()
    assert (shown.channel, shown.user_id) == ("api", world.person("A", "partner_viewer").pk)
    assert caller.get(f"releases/{uuid.uuid4()}/").content == NOTHING


def test_code_lists_say_their_codes_in_the_standards_and_the_callers_language(world):
    lists = {one["name"]: one for one in Caller(world, "A", "hotline").get("picklists/").json()}
    declined = next(value for value in lists["AgeBand"]["values"] if value["value"] == "declined")
    assert declined["is_missing"] and declined["codes"] == {
        "hmis": "9",
        "htcds": None,
        "voca": "Not Reported",
        "otip": None,
    }


def test_a_closed_record_is_missing_for_colleagues(world):
    client = world.client("A")
    touchpoint = world.touchpoint("A", client)
    with world.acting("A", "supervisor"):
        actions.restrict_client(client=client, openers=[])
    caller, opener = Caller(world, "A"), Caller(world, "A", "supervisor")
    assert caller.get(f"clients/{client.pk}/").content == NOTHING
    assert caller.get(f"touchpoints/{touchpoint.pk}/").content == NOTHING
    assert caller.post("touchpoints/", {"sector": "shelter", "client": str(client.pk)}).status_code == 400
    assert opener.get(f"clients/{client.pk}/").status_code == 200


def test_a_loosened_need_would_be_noticed(world, monkeypatch):
    """Sabotage: were clients opened to whoever records contacts, the hotline would read them."""
    world.client("A", code="KH-1")
    hotline = Caller(world, "A", "hotline")
    assert hotline.get("clients/").content == NOTHING
    monkeypatch.setattr(ClientViewSet, "needs", {"list": Permission.CONTACT_RECORD})
    assert hotline.get("clients/").json()["count"] == 1


def test_a_question_holds_no_agency_the_wall_does(world):
    """Were row security off, the view would find another agency's client: nothing else stands between."""
    with acting_as(world.actor("A")):
        condition = str(ClientViewSet().rows().query).rpartition(" WHERE ")[2]
    assert "agency_id" not in condition
