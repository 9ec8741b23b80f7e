"""The casework's pages through real requests: what each role gets, what is kept, what a stranger learns."""

import re
import uuid
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from agencies.models import LedgerEntry
from referrals import actions, queries
from referrals.models import (
    Client,
    Draft,
    Enrollment,
    FollowUp,
    Offer,
    Referral,
    Response,
    Screening,
    Service,
    Touchpoint,
)


def at(name, *arguments):
    return reverse(f"referrals:{name}", args=arguments)


def text(response):
    return response.content.decode()


def once(response):
    return re.search(r'name="once" value="([^"]+)"', text(response)).group(1)


def seen(response):
    """What a reader sees of a page, without its tags."""
    return re.sub(r"<[^>]+>", " ", text(response)).lower()


@pytest.fixture
def kit(world):
    """A client with one row of everything, and an offer each way."""
    world.county()
    client = world.client("A", "KH-2214", worker=world.person("A"))
    world.enrollment(client)
    world.touchpoint("A", client, given=["listened"])
    world.service(client, provided_on=timezone.localdate())
    world.screening(client)
    offer = world.offer(sender="B", receiver="A")
    return client, offer


OF_A_CLIENT = [
    "client",
    "client_edit",
    "contact_new",
    "enroll",
    "service_new",
    "screening_new",
    "follow_up_new",
    "referral_new",
]
OF_NOBODY = ["caseload", "clients", "find", "client_new", "contact_new", "services_day", "referrals"]


@pytest.mark.parametrize("name", OF_A_CLIENT)
def test_a_page_of_a_client_opens_and_is_entered_in_the_ledger(world, kit, name):
    client, _offer = kit
    page = world.browser("A").get(at(name, client.pk))
    assert page.status_code == 200
    assert "KH-2214" in text(page)
    assert "KH-2214" not in re.search(r"<title>(.*?)</title>", text(page)).group(1)
    assert "victim" not in seen(page)
    with world.acting("A"):
        views = LedgerEntry.objects.filter(verb="client.viewed", target_id=str(client.pk))
        assert views.count() == 1


@pytest.mark.parametrize("name", OF_NOBODY)
def test_a_page_of_nobody_opens(world, kit, name):
    page = world.browser("A").get(at(name))
    assert page.status_code == 200
    assert "victim" not in seen(page)


@pytest.mark.parametrize("name", OF_NOBODY)
def test_a_page_opens_in_an_agency_that_has_nothing(world, name):
    assert world.browser("A").get(at(name)).status_code == 200


@pytest.mark.parametrize("name", [*OF_A_CLIENT, "client_restrict"])
def test_another_agencys_client_and_a_missing_one_look_alike(world, kit, name):
    client, _offer = kit
    stranger = world.browser("C", "supervisor")
    foreign, missing = stranger.get(at(name, client.pk)), stranger.get(at(name, uuid.uuid4()))
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content
    assert foreign.headers.items() == missing.headers.items()
    assert world.browser("A", "supervisor").get(at(name, client.pk)).status_code == 200


def test_a_signed_out_reader_is_led_to_the_door(world, kit, client):
    page = client.get(at("client", kit[0].pk))
    assert page.status_code == 302
    assert page.url.startswith("/account/login/")


# --- the quick contact


def test_a_contact_needs_one_answer_and_is_anonymous(world):
    browser = world.browser("A")
    page = browser.post(at("contact_new"), {"sector": "hotline"}, follow=True)
    assert "Counted" in text(page)
    with world.acting("A"):
        touchpoint = Touchpoint.objects.get()
    assert touchpoint.client_id is None
    assert (touchpoint.sector, touchpoint.age_band, touchpoint.given) == ("hotline", "not_asked", [])


def test_help_stands_before_the_first_question(world):
    page = text(world.browser("A", "hotline").get(at("contact_new")))
    assert page.index("Call 911") < page.index("How did it reach you")


def test_the_hotline_writes_and_reads_nothing_back(world, kit):
    browser = world.browser("A", "hotline")
    answer = browser.post(at("contact_new"), {"sector": "outreach", "given": ["listened", "ride"]})
    assert answer.url == at("contact_new")
    page = text(browser.get(answer.url))
    assert "Counted: 1 anonymous contact" in page
    assert "checked" not in page
    for name in ("caseload", "clients", "find", "referrals", "client_new", "services_day"):
        assert browser.get(at(name)).status_code == 404
    for name in OF_A_CLIENT:
        assert browser.get(at(name, kit[0].pk)).status_code == 404
    with world.acting("A"):
        assert Touchpoint.objects.get(client=None).given == ["listened", "ride"]


def test_the_same_contact_sent_twice_counts_once(world):
    browser = world.browser("A")
    token = once(browser.get(at("contact_new")))
    for _ in range(2):
        answer = browser.post(at("contact_new"), {"sector": "school", "once": token})
        assert answer.status_code == 302
    with world.acting("A"):
        assert Touchpoint.objects.count() == 1


def test_an_id_of_the_senders_own_choosing_is_not_taken(world):
    wish = uuid.uuid4()
    world.browser("A").post(at("contact_new"), {"sector": "school", "once": str(wish)})
    with world.acting("A"):
        assert Touchpoint.objects.get().pk != wish


def test_somewhere_else_may_say_where(world):
    world.browser("A").post(at("contact_new"), {"sector": "other", "elsewhere": "court"})
    with world.acting("A"):
        assert Touchpoint.objects.get().sector == "court"


def test_a_contact_with_a_client_carries_its_status_and_a_sealed_note(world, kit):
    client, _offer = kit
    answers = {
        "sector": "shelter",
        "trafficking_status": "possible",
        "status_decided_by": "self_identified",
        "trafficking_type": "uncertain",
        "note": "Slept better",
    }
    browser = world.browser("A")
    answer = browser.post(at("contact_new", client.pk), {**answers, "sector": "community"})
    assert answer.url == at("client", client.pk)
    page = text(browser.get(answer.url))
    assert "Slept better" in page
    with world.acting("A"):
        client.refresh_from_db()
        assert (client.trafficking_status, client.trafficking_type) == ("possible", "uncertain")
        newest = Touchpoint.objects.filter(client=client).first()
        assert b"Slept" not in bytes(newest.note_sealed)


@pytest.mark.parametrize(
    "note", ["call 555-555-0142", "linnet@example.org", "at 12 Mill Street", "A 123456789"]
)
def test_a_note_that_looks_like_an_identity_is_refused_and_kept_on_the_page(world, kit, note):
    page = world.browser("A").post(at("contact_new", kit[0].pk), {"sector": "outreach", "note": note})
    assert page.status_code == 200
    assert "does not belong on the hub" in text(page)
    assert 'href="#id_note"' in text(page)
    assert note in text(page)
    with world.acting("A"):
        assert Touchpoint.objects.filter(client=kit[0]).count() == 1


def test_a_contact_without_a_sector_says_so_and_keeps_the_rest(world):
    page = text(world.browser("A").post(at("contact_new"), {"given": ["ride"], "age_band": "18_24"}))
    assert "data-error-summary" in page
    assert re.search(r'value="ride" id="id_given_\d" checked', page)
    assert '<option value="18_24" selected>' in page


# --- drafts


def test_a_draft_is_kept_sealed_and_taken_up_again_by_its_worker_alone(world):
    browser = world.browser("A")
    kept = browser.post(at("draft", "client_new"), {"code": "KH-9", "age_band": "25_59", "races": ["asian"]})
    assert kept.status_code == 204
    page = text(browser.get(at("client_new")))
    assert 'value="KH-9"' in page
    assert '<option value="25_59" selected>' in page
    assert re.search(r'value="asian" id="\w+" checked', page)
    assert "Your draft, not saved yet" in page
    assert "KH-9" not in text(world.browser("A", "supervisor").get(at("client_new")))
    with world.acting("A"):
        assert b"KH-9" not in bytes(Draft.objects.get().body_sealed)


def test_a_saved_form_leaves_no_draft_and_a_late_one_is_not_kept(world):
    browser = world.browser("A")
    token = once(browser.get(at("contact_new")))
    browser.post(at("draft", "contact_new"), {"sector": "school", "once": token})
    browser.post(at("contact_new"), {"sector": "school", "once": token})
    browser.post(at("draft", "contact_new"), {"sector": "school", "once": token})
    with world.acting("A"):
        assert not Draft.objects.exists()
        assert Touchpoint.objects.count() == 1


def test_a_draft_can_be_thrown_away(world):
    browser = world.browser("A")
    browser.post(at("draft", "client_new"), {"code": "KH-9"})
    browser.post(at("draft", "client_new"), {"throw_away": "1"})
    with world.acting("A"):
        assert not Draft.objects.exists()


@pytest.mark.parametrize(
    ("role", "form", "kept"),
    [
        ("caseworker", "client_new", 204),
        ("caseworker", "contact_new", 204),
        ("caseworker", "nothing_like_it", 404),
        ("hotline", "contact_new", 204),
        ("hotline", "client_new", 404),
        ("data_lead", "client_new", 404),
        ("partner_viewer", "contact_new", 404),
    ],
)
def test_only_those_who_may_fill_in_a_form_keep_its_draft(world, role, form, kept):
    assert world.browser("A", role).post(at("draft", form), {"code": "x"}).status_code == kept


def test_a_draft_for_another_agencys_client_is_not_kept(world, kit):
    answer = world.browser("C").post(at("draft", "contact_new", kit[0].pk), {"note": "x"})
    assert answer.status_code == 404


# --- clients


def test_intake_needs_no_answer_at_all(world):
    answer = world.browser("A").post(at("client_new"), {})
    with world.acting("A"):
        client = Client.objects.get()
    assert answer.url == at("client", client.pk)
    assert client.age_band == client.citizenship == "not_asked"
    assert client.races == ["not_asked"]
    assert client.worker_id == world.person("A").pk


@pytest.mark.parametrize(
    ("ticked", "stored"),
    [
        (["asian", "not_asked"], ["asian"]),
        (["asian", "white"], ["asian", "white"]),
        (["declined", "not_asked"], ["declined"]),
        (["unknown"], ["unknown"]),
        (["none", "not_asked"], []),
        ([], ["not_asked"]),
    ],
)
def test_not_asked_declined_unknown_and_none_stay_different_answers(world, ticked, stored):
    browser = world.browser("A")
    browser.post(at("client_new"), {"races": ticked, "age_band": "declined", "gender": "unknown"})
    with world.acting("A"):
        client = Client.objects.get()
    assert (client.races, client.age_band, client.gender) == (stored, "declined", "unknown")
    page = browser.post(at("client_edit", client.pk), {})
    page = text(browser.get(at("client_edit", client.pk)))
    assert "checked" in page


def test_changing_a_client_shows_what_is_held_and_keeps_it(world):
    client = world.client("A", "KH-1", worker=world.person("A"), races=["asian"], citizenship="us_citizen")
    browser = world.browser("A")
    page = text(browser.get(at("client_edit", client.pk)))
    assert 'value="KH-1"' in page
    assert re.search(r'value="asian" id="\w+" checked', page)
    answers = {"code": "KH-1", "races": ["asian"], "citizenship": "us_citizen", "worker": client.worker_id}
    browser.post(at("client_edit", client.pk), {**answers, "age_band": "18_24"})
    with world.acting("A"):
        client = Client.objects.get()
        assert (client.age_band, client.races, client.citizenship) == ("18_24", ["asian"], "us_citizen")
        assert queries.code_of(client) == "KH-1"


def test_the_immigration_panel_is_closed_and_says_why(world):
    page = text(world.browser("A").get(at("client_new")))
    panel = page[page.index('id="panel-immigration"') :]
    assert panel.startswith('id="panel-immigration">')  # no `open`
    assert panel.index("optional") < panel.index('name="citizenship"')


def test_a_code_in_use_is_refused_kindly_with_the_way_to_its_client(world):
    other = world.client("A", "KH-1")
    page = text(world.browser("A").post(at("client_new"), {"code": "kh-1", "age_band": "60_over"}))
    assert at("client", other.pk) in page
    assert 'value="kh-1"' in page
    assert '<option value="60_over" selected>' in page
    assert world.browser("B").post(at("client_new"), {"code": "KH-1"}).status_code == 302


def test_the_code_of_a_closed_record_is_refused_without_showing_it(world):
    other = world.client("A", "KH-1")
    with world.acting("A", "supervisor"):
        actions.restrict_client(client=other, openers=[])
    page = world.browser("A").post(at("client_new"), {"code": "KH-1"})
    assert page.status_code == 200
    assert str(other.pk) not in text(page)
    assert "has this code" in text(page)


def test_a_client_is_found_by_code_and_the_code_is_in_no_address(world):
    client = world.client("A", "KH-2214")
    browser = world.browser("A")
    answer = browser.post(at("find"), {"code": "kh-2214"})
    assert answer.url == at("client", client.pk)
    missing = browser.post(at("find"), {"code": "KH-1"})
    assert missing.status_code == 200
    assert "No client that you may open" in text(missing)
    assert world.browser("B").post(at("find"), {"code": "KH-2214"}).status_code == 200


@pytest.mark.parametrize(
    ("choice", "codes"),
    [
        ({}, {"KH-1", "KH-2", "KH-3"}),
        ({"worker": "me"}, {"KH-1"}),
        ({"worker": "nobody"}, {"KH-2", "KH-3"}),
        ({"enrolled": "yes"}, {"KH-2"}),
        ({"status": "possible"}, {"KH-3"}),
        ({"silent": "yes", "enrolled": "yes"}, {"KH-2"}),
        ({"worker": "12345678"}, {"KH-1", "KH-2", "KH-3"}),
        ({"page": "99"}, {"KH-1", "KH-2", "KH-3"}),
    ],
)
def test_the_list_is_filtered(world, choice, codes):
    world.client("A", "KH-1", worker=world.person("A"))
    world.enrollment(world.client("A", "KH-2"))
    world.client("A", "KH-3", trafficking_status="possible")
    world.client("B", "KH-4")
    page = text(world.browser("A").get(at("clients"), choice))
    assert set(re.findall(r"KH-\d", page)) == codes


def test_who_looked_is_for_those_who_may_read_the_ledger(world, kit):
    client, _offer = kit
    assert "Who looked" not in text(world.browser("A").get(at("client", client.pk)))
    page = text(world.browser("A", "supervisor").get(at("client", client.pk)))
    assert "Who looked" in page
    assert "caseworker of A" in page


def test_a_supervisor_closes_a_record_and_opens_it_again(world, kit):
    client, _offer = kit
    boss, worker = world.browser("A", "supervisor"), world.browser("A")
    assert worker.get(at("client_restrict", client.pk)).status_code == 404
    boss.post(at("client_restrict", client.pk), {})
    assert worker.get(at("client", client.pk)).status_code == 404
    boss.post(at("client_restrict", client.pk), {"openers": [world.person("A").pk]})
    assert worker.get(at("client", client.pk)).status_code == 200
    boss.post(at("client_restrict", client.pk), {})
    assert worker.get(at("client", client.pk)).status_code == 404
    boss.post(at("client_restrict", client.pk), {"open": "1"})
    assert worker.get(at("client", client.pk)).status_code == 200


def test_a_data_lead_sees_a_client_and_changes_nothing(world, kit):
    client, _offer = kit
    browser = world.browser("A", "data_lead")
    page = text(browser.get(at("client", client.pk)))
    for name in OF_A_CLIENT[1:]:
        assert f'href="{at(name, client.pk)}"' not in page
        assert browser.get(at(name, client.pk)).status_code == 404
        assert browser.post(at(name, client.pk), {"sector": "hotline"}).status_code == 404


# --- enrollments, services, screenings, follow-ups


def test_entering_leaving_and_following_up(world):
    client = world.client("A", "KH-1")
    project = world.project("A")
    browser, today = world.browser("A"), timezone.localdate()
    start = today - timedelta(days=9)
    browser.post(at("enroll", client.pk), {"project": project.pk, "entry_on": start.isoformat()})
    again = browser.post(at("enroll", client.pk), {"project": project.pk, "entry_on": start.isoformat()})
    assert "enrolled there already" in text(again)
    with world.acting("A"):
        enrollment = Enrollment.objects.get()
    early = (start - timedelta(days=1)).isoformat()
    assert "before the entry" in text(browser.post(at("enrollment_exit", enrollment.pk), {"exit_on": early}))
    browser.post(
        at("enrollment_exit", enrollment.pk),
        {"exit_on": today.isoformat(), "destination": "family_permanent", "exit_reason": "goals_met"},
    )
    browser.post(
        at("follow_up_new", client.pk),
        {"outcome": "reached_doing_well", "enrollment": enrollment.pk, "on": today.isoformat()},
    )
    with world.acting("A"):
        enrollment.refresh_from_db()
        assert (enrollment.exit_on, enrollment.destination) == (today, "family_permanent")
        assert FollowUp.objects.get().enrollment_id == enrollment.pk
    assert browser.get(at("enrollment_exit", enrollment.pk)).status_code == 404
    page = text(browser.get(at("client", client.pk)))
    assert "Left Safe house" in page


def test_another_agencys_enrollment_can_not_be_ended(world):
    enrollment = world.enrollment(world.client("A"))
    stranger = world.browser("B")
    foreign, missing = (stranger.get(at("enrollment_exit", pk)) for pk in (enrollment.pk, uuid.uuid4()))
    assert foreign.status_code == 404
    assert foreign.content == missing.content


def test_a_service_is_counted_in_its_own_unit(world, kit):
    client, _offer = kit
    browser, today = world.browser("A"), timezone.localdate().isoformat()
    wrong = browser.post(
        at("service_new", client.pk),
        {"type": "shel_em", "provided_on": today, "quantity": "2", "unit": "hours"},
    )
    assert "counted in: Nights" in text(wrong)
    browser.post(at("service_new", client.pk), {"type": "shel_em", "provided_on": today, "quantity": "2"})
    with world.acting("A"):
        service = Service.objects.get(type="shel_em")
        assert (service.unit, service.quantity, service.mode) == ("nights", Decimal("2"), "direct")
        assert service.enrollment is not None


def test_a_screening_records_what_was_asked_and_denies_nothing(world, kit):
    client, _offer = kit
    browser = world.browser("A")
    answers = {"result": "no_indicators_today", "tool": "qyit", "sex_asked": "yes", "labor_asked": "no"}
    assert browser.post(at("screening_new", client.pk), answers).status_code == 302
    with world.acting("A"):
        screening = Screening.objects.filter(tool="qyit").get()
        assert (screening.sex_asked, screening.labor_asked, screening.language) == (True, False, "not_asked")
    for name in ("enroll", "service_new", "referral_new", "screening_new"):
        assert browser.get(at(name, client.pk)).status_code == 200


@pytest.mark.parametrize(("sent", "status"), [("maria", 200), ("555-014-7788", 200), ("v2", 302), ("", 302)])
def test_a_screenings_version_is_a_number_and_no_word(world, kit, sent, status):
    client, _offer = kit
    answers = {"result": "stopped", "tool": "qyit", "tool_version": sent}
    assert world.browser("A").post(at("screening_new", client.pk), answers).status_code == status


def test_a_days_services_go_in_by_one_grid(world):
    clients = [world.client("A", f"KH-{n}", worker=world.person("A")) for n in range(3)]
    browser, today = world.browser("A"), timezone.localdate().isoformat()
    token = once(browser.get(at("services_day")))
    body = {"type": "group", "provided_on": today, "once": token}
    body |= {f"q_{clients[0].pk.hex}-quantity": "1", f"q_{clients[2].pk.hex}-quantity": "2"}
    answer = browser.post(at("services_day"), body, follow=True)
    assert "2 services recorded" in text(answer)
    browser.post(at("services_day"), body)
    with world.acting("A"):
        assert Service.objects.count() == 2
        assert Service.objects.get(client=clients[2]).quantity == 2
    body["once"] = once(browser.get(at("services_day")))
    body |= {f"q_{clients[1].pk.hex}-quantity": "much"}
    wrong = text(browser.post(at("services_day"), body))
    assert "not a number" in wrong
    assert 'value="much"' in wrong
    with world.acting("A"):
        assert Service.objects.count() == 2


def test_the_grid_takes_no_amount_for_another_agencys_client(world):
    mine, other = world.client("A", worker=world.person("A")), world.client("B")
    body = {"type": "group", "provided_on": timezone.localdate().isoformat()}
    body |= {f"q_{mine.pk.hex}-quantity": "1", f"q_{other.pk.hex}-quantity": "1"}
    world.browser("A").post(at("services_day"), body)
    with world.acting("A"):
        assert [service.client_id for service in Service.objects.all()] == [mine.pk]
    with world.acting("B"):
        assert not Service.objects.exists()


# --- handing over


def test_a_referral_goes_with_a_code_and_comes_back_with_an_answer(world):
    client = world.client("A", "KH-2214")
    receiver = world.agency("B")
    sender = world.browser("A")
    answer = sender.post(at("referral_new", client.pk), {"needed": "legal_imm", "receivers": [receiver.pk]})
    with world.acting("A"):
        referral, offer = Referral.objects.get(), Offer.objects.get()
    assert answer.url == at("referral", referral.pk)
    assert offer.handover_code in text(sender.get(answer.url))
    other = world.browser("B")
    page = text(other.get(at("offer", offer.pk)))
    assert offer.handover_code in page
    assert "KH-2214" not in page
    assert str(client.pk) not in page
    assert "Legal help: immigration" in text(other.get(at("caseload")))
    refused = text(other.post(at("offer", offer.pk), {"outcome": "declined"}))
    assert "Say why" in refused
    other.post(at("offer", offer.pk), {"outcome": "accepted"})
    other.post(at("offer", offer.pk), {"outcome": "declined", "reason": "no_capacity"})
    with world.acting("B"):
        assert Response.objects.get().outcome == "accepted"
    assert "Accepted" in text(sender.get(at("referral", referral.pk)))
    assert "Accepted" in text(sender.get(at("client", client.pk)))


def test_the_second_to_accept_is_told_kindly(world):
    client = world.client("A")
    with world.acting("A"):
        receivers = [world.agency("B"), world.agency("C")]
        actions.send_referral(client=client, needed="dental", receivers=receivers)
        offers = {offer.receiver_id: offer.pk for offer in Offer.objects.all()}
    world.browser("B").post(at("offer", offers[receivers[0].pk]), {"outcome": "accepted"})
    page = world.browser("C").post(at("offer", offers[receivers[1].pk]), {"outcome": "accepted"})
    assert page.status_code == 200
    assert "accepted a moment ago" in text(page)


@pytest.mark.parametrize(("letter", "status"), [("B", 200), ("A", 404), ("C", 404)])
def test_an_offer_is_answered_by_its_receiver_alone(world, letter, status):
    offer = world.offer(sender="A", receiver="B")
    browser = world.browser(letter)
    page = browser.get(at("offer", offer.pk))
    assert page.status_code == status
    if status == 404:
        assert page.content == browser.get(at("offer", uuid.uuid4())).content
        assert browser.post(at("offer", offer.pk), {"outcome": "accepted"}).status_code == 404


def test_a_referral_is_read_by_its_sender_alone(world):
    referral = world.referral(world.client("A"))
    assert world.browser("A").get(at("referral", referral.pk)).status_code == 200
    assert world.browser("B").get(at("referral", referral.pk)).status_code == 404


# --- my day


def test_my_day_flags_those_nobody_has_met(world):
    met, silent = (world.client("A", code, worker=world.person("A")) for code in ("KH-1", "KH-2"))
    for client in (met, silent):
        world.enrollment(client, entry_on=date(2025, 1, 10))
    world.touchpoint("A", met)
    world.touchpoint("A", silent, occurred_at=timezone.localtime() - timedelta(days=75))
    page = text(world.browser("A").get(at("caseload")))
    assert "75 days without contact" in page
    assert page.index("KH-2") < page.index("KH-1")


def test_my_day_keeps_drafts_and_what_was_seen(world):
    client = world.client("A", "KH-7")
    browser = world.browser("A")
    browser.get(at("client", client.pk))
    browser.post(at("draft", "contact_new", client.pk), {"note": "half"})
    page = text(browser.get(at("caseload")))
    assert "New contact, KH-7" in page
    assert "Recently seen" in page


def test_an_offer_whose_time_is_over_is_not_answered(world):
    offer = world.offer(sender="A", receiver="B")
    with world.acting("A"):
        Offer.objects.filter(pk=offer.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    page = text(world.browser("B").post(at("offer", offer.pk), {"outcome": "accepted"}))
    assert "The time to answer is over" in page
    with world.acting("B"):
        assert not Response.objects.exists()
        late = Offer.objects.get(pk=offer.pk)
        with pytest.raises(ValidationError, match="over"):
            actions.answer_offer(offer=late, outcome="accepted")


@pytest.mark.parametrize(("days_ago", "carried"), [(0, True), (5, True), (40, False)])
def test_a_contact_entered_late_leaves_a_newer_decision(world, days_ago, carried):
    today = timezone.localdate()
    client = world.client(
        "A",
        trafficking_status="possible",
        status_decided_by="ngo",
        status_decided_on=today - timedelta(days=5),
    )
    with world.acting("A"):
        actions.record_touchpoint(
            sector="shelter",
            client=client,
            occurred_at=timezone.now() - timedelta(days=days_ago),
            facts={"trafficking_status": "actual", "status_decided_by": "police"},
        )
        client.refresh_from_db()
    assert client.trafficking_status == ("actual" if carried else "possible")
    assert client.status_decided_on == today - timedelta(days=days_ago if carried else 5)
