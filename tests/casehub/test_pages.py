"""The front door's pages: who sees which, what they do, what they refuse, and what every answer carries."""

import re
from datetime import date

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import connection
from django.test import Client as Browser
from django.urls import get_resolver, reverse

from agencies import actions, affairs, ledger
from agencies.admin import operations
from agencies.models import (
    Agency,
    ApiToken,
    Award,
    AwardProject,
    Invitation,
    LedgerEntry,
    Membership,
    Project,
    SharingAgreement,
    User,
)
from agencies.roles import ROLES
from agencies.scope import Actor, acting_as
from casehub import vault_files
from casehub.pages import joining, network
from casehub.pages import ledger as ledger_page
from referrals import actions as casework
from referrals.models import Client
from tests.world import PASSWORD

OFFICE = {"coordinator", "output_checker", "hub_operator"}
# Which page is open to which role; all others get the 404 of what does not exist.
OPEN = {
    "agency": {"data_lead"},
    "sharing": {"data_lead"},
    "people": {"data_lead", "coordinator"},
    "ledger": {"data_lead", "supervisor"},
    "tokens": set(ROLES) - {"hotline", "hub_operator"},
    "network": {"coordinator"},
    "jobs": {"hub_operator"},
}


def at(role):
    return "HUB" if role in OFFICE else "A"


def proven(world, letter, role):
    """A browser whose person has just given the password."""
    browser = world.browser(letter, role)
    assert browser.post(reverse("account_reauthenticate"), {"password": PASSWORD}).status_code == 302
    return browser


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_its_own_pages_and_no_others(world, role):
    browser = world.browser(at(role), role)
    missing = browser.get("/nothing-here/").content
    for name, roles in OPEN.items():
        response = browser.get(reverse(name))
        assert response.status_code == (200 if role in roles else 404), name
        if role not in roles:
            assert response.content == missing


@pytest.mark.parametrize("name", OPEN)
def test_a_stranger_is_sent_to_sign_in(world, name):
    world.agency("A")
    assert Browser().get(reverse(name))["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("role", ROLES)
def test_home_leads_to_a_place_that_opens(world, role):
    browser = world.browser(at(role), role)
    response = browser.get("/", follow=True)
    assert response.status_code == 200
    for url in re.findall(r'<li><a href="(/[^"]*)"', response.content.decode()):
        assert browser.get(url).status_code == 200, url


def test_the_bar_shows_the_places_of_the_role(world):
    page = world.browser("A", "data_lead").get(reverse("agency")).content.decode()
    assert f'<a href="{reverse("agency")}" aria-current="page">' in page
    assert "Agency A" in page and "Agency data lead" in page
    assert reverse("network") not in page
    assert reverse("network") in world.browser("HUB", "coordinator").get(reverse("network")).content.decode()


# An agency's affairs


def test_projects_awards_and_their_ties(world):
    browser = world.browser("A", "data_lead")
    url = reverse("agency")
    browser.post(url, {"act": "add_project", "project-name": "Night desk"})
    award = {
        "act": "add_award",
        "award-funder": "VOCA",
        "award-number": "X-1",
        "award-starts_on": "2025-10-01",
        "award-ends_on": "2026-10-01",
        "award-regimes": ["voca"],
    }
    assert browser.post(url, award).status_code == 302
    assert b"stands already" in browser.post(url, award).content
    wrong = {**award, "award-number": "X-2", "award-ends_on": "2025-10-01"}
    assert b"after the first day" in browser.post(url, wrong).content
    with world.acting("A", "data_lead"):
        project, kept = Project.objects.get(), Award.objects.get()
        assert kept.regimes == ["voca"]
    tie = {
        "act": "pay_for",
        "link-award": kept.pk,
        "link-project": project.pk,
        "link-starts_on": "2025-10-01",
    }
    assert browser.post(url, tie).status_code == 302
    with world.acting("A", "data_lead"):
        assert AwardProject.objects.get().project_id == project.pk
    # Another agency's award can't be named.
    other = world.browser("B", "data_lead")
    assert other.post(url, tie).status_code == 200
    with world.acting("B", "data_lead"):
        assert not AwardProject.objects.exists()
    assert browser.post(url, {"act": "facts"}).status_code == 400


def test_an_agreement_is_signed_by_who_proves_it_and_a_new_version_ends_the_old(world):
    url, unproven = reverse("sharing"), world.browser("A", "data_lead")
    sign = {"act": "sign", "shares_totals": "on", "agreed": "on"}
    response = unproven.post(url, sign)
    assert response["Location"].startswith(reverse("account_reauthenticate"))
    with world.acting("A", "data_lead"):
        assert affairs.agreement_in_force() is None
    # The password given, what was sent goes on by itself.
    unproven.post(response["Location"], {"password": PASSWORD, "next": url})
    with world.acting("A", "data_lead"):
        assert affairs.agreement_in_force().version == 1
    browser = proven(world, "A", "data_lead")
    assert browser.post(url, {"act": "sign", "shares_totals": "on"}).status_code == 200
    browser.post(url, {"act": "sign", "agreed": "on"})
    with world.acting("A", "data_lead"):
        first, second = SharingAgreement.objects.order_by("version")
        assert first.ended_at is not None and second.ended_at is None
        assert (first.shares_totals, second.shares_totals) == (True, False)
        assert affairs.agreement_in_force() == second
        assert affairs.agreement_in_force(first.signed_at) == first


def test_tokens_are_shared_only_where_the_agreement_says_so(world):
    url, browser = reverse("sharing"), proven(world, "A", "data_lead")
    for sent, shares in (
        ({}, (False, False)),
        ({"shares_tokens_under_release": "on"}, (True, False)),
        ({"shares_tokens_without_release": "on"}, (False, True)),
    ):
        browser.post(url, {"act": "sign", "agreed": "on", **sent})
        with world.acting("A", "data_lead"):
            now = affairs.agreement_in_force()
        assert (now.shares_tokens_under_release, now.shares_tokens_without_release) == shares
    assert "tokens without a release" in browser.get(url).content.decode()
    # A new version begins with what holds now.
    form = browser.get(url).context["form"]
    assert [form[name].value() for name in form.fields] == [False, False, True, None]


@pytest.mark.parametrize(
    ("regimes", "may"), [([], False), (["none"], True), (["none", "voca"], False)], ids=str
)
def test_a_covered_agency_cannot_sign_to_do_without_releases(world, regimes, may):
    url, browser = reverse("sharing"), proven(world, "A", "data_lead")
    with world.acting("A", "data_lead"):
        affairs.add_award(
            funder="An invented fund",
            number="1",
            starts_on=date(2025, 1, 1),
            ends_on=date(2026, 1, 1),
            regimes=regimes,
        )
    assert ("shares_tokens_without_release" in browser.get(url).content.decode()) is may
    browser.post(url, {"act": "sign", "agreed": "on", "shares_tokens_without_release": "on"})
    with world.acting("A", "data_lead"):
        assert affairs.agreement_in_force().shares_tokens_without_release is may
        if not may:
            with pytest.raises(affairs.Unwise, match="regimes"):
                affairs.sign_agreement(
                    shares_totals=True, text_digest="0" * 64, shares_tokens_without_release=True
                )


@pytest.mark.parametrize("is_tribal", [True, False])
def test_only_a_tribal_owner_has_a_veto(world, is_tribal):
    world.agency("A", is_tribal=is_tribal, tribal_owner="Cedar Bend Nation (invented)" if is_tribal else "")
    browser = proven(world, "A", "data_lead")
    response = browser.post(reverse("sharing"), {"act": "veto"})
    assert response.status_code == (302 if is_tribal else 404)
    assert Agency.objects.get(slug="agency-a").sharing_vetoed is is_tribal
    if is_tribal:
        browser.post(reverse("sharing"), {"act": "allow"})
        assert not Agency.objects.get(slug="agency-a").sharing_vetoed


def test_people_are_invited_shown_their_link_once_and_entered(world):
    browser, url = proven(world, "A", "data_lead"), reverse("people")
    response = browser.post(
        url, {"act": "invite", "name": "Wren Alder", "email": "wren@a.example", "role": "caseworker"}
    )
    link = re.search(r'value="http://testserver(/join/[^"]+)"', response.content.decode()).group(1)
    assert link.encode() not in browser.get(url).content
    assert Browser().get(link).status_code == 200
    with world.acting("A", "data_lead"):
        assert LedgerEntry.objects.get(verb="member.invited").why == "caseworker"
    browser.post(url, {"act": "take_back", "invitation": Invitation.objects.get().pk})
    assert Browser().get(link).status_code == 404


@pytest.mark.parametrize("role", ["coordinator", "hub_operator", "output_checker", "nothing"])
def test_an_agency_gives_no_role_of_the_office(world, role):
    browser = proven(world, "A", "data_lead")
    browser.post(reverse("people"), {"act": "invite", "name": "X", "email": "x@a.example", "role": role})
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("role", ["caseworker", "data_lead", "supervisor"])
def test_the_office_gives_no_role_that_sees_a_client(world, role):
    browser = proven(world, "HUB", "coordinator")
    browser.post(reverse("people"), {"act": "invite", "name": "X", "email": "x@a.example", "role": role})
    assert not Invitation.objects.exists()


def test_ending_a_role_needs_proof_and_stops_at_the_last_who_can_invite(world):
    worker, lead = world.person("A"), world.person("A", "data_lead")
    held = Membership.objects.get(user=worker)
    url, end = reverse("people"), {"act": "end", "membership": held.pk}
    assert world.browser("A", "data_lead").post(url, end)["Location"].startswith("/account/reauthenticate/")
    assert Membership.objects.filter(pk=held.pk).exists()
    browser = proven(world, "A", "data_lead")
    browser.post(url, end)
    assert not Membership.objects.filter(pk=held.pk).exists()
    browser.post(url, {"act": "end", "membership": Membership.objects.get(user=lead).pk})
    assert Membership.objects.filter(user=lead).exists()
    elsewhere = world.person("B")
    response = browser.post(url, {"act": "end", "membership": Membership.objects.get(user=elsewhere).pk})
    assert response.status_code == 404 and Membership.objects.filter(user=elsewhere).exists()


@pytest.mark.parametrize("is_supervisor", [False, True])
def test_people_keep_a_role_while_only_they_open_a_closed_record(world, is_supervisor):
    client, supervisor = world.client("A"), world.person("A", "supervisor")
    with world.acting("A", "supervisor"):
        casework.restrict_client(client=client, openers=[])
    if is_supervisor:
        actions.grant_role(world.person("A", "data_lead"), world.agency("A"), "supervisor")
    browser, url = proven(world, "A", "data_lead"), reverse("people")
    held = Membership.objects.get(user=supervisor)
    page = browser.post(url, {"act": "end", "membership": held.pk}).content.decode()
    assert "opens 1 record that is closed" in page and Membership.objects.filter(pk=held.pk).exists()
    assert ("Open them to me" in page, "a supervisor must take" in page) == (is_supervisor, not is_supervisor)
    browser.post(url, {"act": "end", "membership": held.pk, "take_over": "1"})
    assert Membership.objects.filter(pk=held.pk).exists() is not is_supervisor
    with world.acting("A", "data_lead"):
        assert Client.objects.filter(pk=client.pk).exists() is is_supervisor
        taken = LedgerEntry.objects.filter(verb="client.taken_over").values_list("rows", flat=True)
        assert list(taken) == ([1] if is_supervisor else [])


def test_people_leave_when_an_active_colleague_opens_their_closed_records(world):
    client, worker = world.client("A"), world.person("A")
    with world.acting("A", "supervisor"):
        casework.restrict_client(client=client, openers=[worker])
    browser, url = proven(world, "A", "data_lead"), reverse("people")
    held = Membership.objects.get(user=world.person("A", "supervisor"))
    User.objects.filter(pk=worker.pk).update(is_active=False)
    browser.post(url, {"act": "end", "membership": held.pk})
    assert Membership.objects.filter(pk=held.pk).exists()
    User.objects.filter(pk=worker.pk).update(is_active=True)
    browser.post(url, {"act": "end", "membership": held.pk})
    assert not Membership.objects.filter(pk=held.pk).exists()


@pytest.mark.parametrize(("also_at", "taken_off"), [(None, True), ("B", False)])
def test_a_lost_device_is_taken_off_by_the_persons_only_agency(world, also_at, taken_off):
    worker = world.person("A")
    if also_at:
        actions.grant_role(worker, world.agency(also_at), "caseworker")
    browser = proven(world, "A", "data_lead")
    response = browser.post(reverse("people"), {"act": "second_step_off", "user": worker.pk})
    assert response.status_code == (302 if taken_off else 404)
    assert Authenticator.objects.filter(user=worker).exists() is not taken_off


def test_tokens_are_shown_once_work_and_end(world):
    browser, url = proven(world, "A", "data_lead"), reverse("tokens")
    page = browser.post(url, {"act": "make", "title": "Notebook"}).content.decode()
    secret = re.search(r'id="secret" value="([^"]+)"', page).group(1)
    assert secret not in browser.get(url).content.decode()
    token = ApiToken.objects.get()
    assert secret.encode() not in bytes(token.digest)
    other = proven(world, "A", "supervisor")
    assert other.post(url, {"act": "revoke", "token": token.pk}).status_code == 404
    browser.post(url, {"act": "revoke", "token": token.pk})
    assert not ApiToken.objects.exists()


# The ledger


def test_the_ledger_is_the_agencys_own_filtered_and_checked(world):
    client = world.client("A")
    world.client("B")
    with world.acting("A"):
        ledger.record("client.viewed", client)
        ledger.seal()
    browser, url = world.browser("A", "data_lead"), reverse("ledger")
    page = browser.get(url).content.decode()
    assert page.count("Recorded: client") == 1 and "Looked at a client" in page
    with world.acting("A", "data_lead"):
        for verb in ("report.rows_viewed", "import.rows_exported", "client.opened"):
            ledger.record(verb)
    looked = browser.get(url, {"kind": "looked"}).content.decode()
    assert "Looked at who is counted" in looked and "Opened a client to colleagues again" not in looked
    assert "Exported the rows not taken in" in browser.get(url, {"kind": "left"}).content.decode()
    assert "Looked at a client" in looked and "Recorded: client" not in looked
    assert "Looked at a client" not in browser.get(url, {"end": "2001-01-01"}).content.decode()
    worker = world.person("A").pk
    assert "Looked at a client" in browser.get(url, {"person": worker}).content.decode()
    assert "The chain holds" in browser.get(url, {"verify": "1"}).content.decode()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "plain"])
def test_no_cell_of_the_csv_is_a_formula(world, text):
    with world.acting("A"):
        ledger.record("client.viewed", why=text)
    User.objects.filter(pk=world.person("A").pk).update(name=text)
    response = world.browser("A", "data_lead").get(reverse("ledger"), {"format": "csv"})
    import csv
    import io

    rows = list(csv.reader(io.StringIO(response.content.decode(), newline="")))
    seen = next(row for row in rows if row[2] == "client.viewed")
    expected = text if text == "plain" else "'" + text
    assert (seen[1], seen[6]) == (expected, expected)
    assert ledger_page.harmless(text) == expected and ledger_page.harmless(-1) == -1
    with world.acting("A"):
        assert LedgerEntry.objects.filter(verb="ledger.exported").exists()


# The office


def test_the_coordinator_adds_an_agency_and_invites_its_first_lead_only(world):
    browser, url = proven(world, "HUB", "coordinator"), reverse("network")
    new = {"act": "add", "add-name": "Agency New", "add-type": "legal", "add-sector": "legal_services"}
    assert browser.post(url, new).status_code == 302
    agency = Agency.objects.get(slug="agency-new")
    invite = {"act": "invite", "agency": agency.pk, "name": "Lead", "email": "lead@new.example"}
    page = browser.post(url, invite).content.decode()
    link = re.search(r'value="http://testserver(/join/[^"]+)"', page).group(1)
    with acting_as(Actor.hub(agency)):
        entries = set(LedgerEntry.objects.filter(agency=agency).values_list("verb", "user_id"))
    coordinator = world.person("HUB", "coordinator").pk
    assert {("agency.opened", coordinator), ("member.invited", coordinator)} <= entries
    own = {**invite, "email": world.person("HUB", "coordinator").email}
    assert b"another person" in browser.post(url, own).content
    Browser().post(link, {"password": PASSWORD, "again": PASSWORD})
    count = Invitation.objects.count()
    assert browser.post(url, invite).status_code == 200
    assert Invitation.objects.count() == count
    with acting_as(Actor.hub(agency)):
        assert LedgerEntry.objects.filter(agency=agency, verb="member.joined").exists()


@pytest.mark.parametrize("trace", ["at rest", "role ended"])
def test_the_network_office_invites_no_lead_to_an_agency_that_ever_had_one(world, trace):
    agency = world.agency("A")
    if trace == "at rest":
        lead = world.person("A", "data_lead")
        User.objects.filter(pk=lead.pk).update(is_active=False)
    else:
        _invitation, token = actions.invite(
            agency=agency, email="lead@a.example", name="Lead", role="data_lead", by=None
        )
        lead = actions.accept_invitation(token, password=PASSWORD)
        actions.end_role(lead, agency, "data_lead")
    before = Invitation.objects.count()
    browser, url = proven(world, "HUB", "coordinator"), reverse("network")
    assert "none yet" not in browser.get(url).content.decode()
    browser.post(url, {"act": "invite", "agency": agency.pk, "name": "Me", "email": "second@hub.example"})
    assert Invitation.objects.count() == before


def test_the_network_page_says_who_has_signed(world):
    world.agency("B")
    with world.acting("A", "data_lead"):
        affairs.sign_agreement(shares_totals=True, text_digest="0" * 64)
    page = world.browser("HUB", "coordinator").get(reverse("network")).content.decode()
    assert page.count("Signed, shares totals") == 1 and page.count("Not signed") == 1


def test_the_operator_sees_work_by_state_and_not_what_it_was_about(world):
    from agencies.models import Job

    with world.acting("A"):
        Job.objects.create(
            agency=world.agency("A"),
            name="import_bundle",
            state="failed",
            error="It broke.",
            arguments={"file": "canary-argument"},
            result={"rows": "canary-result"},
        )
    page = world.browser("HUB", "hub_operator").get(reverse("jobs")).content.decode()
    assert "Import of a bundle" in page and "It broke." in page and "canary" not in page


@pytest.mark.parametrize("page", [network.NetworkPage, network.JobsPage])
def test_an_office_page_shows_nothing_until_the_door_has_let_the_reader_in(world, page, monkeypatch):
    """Sabotage: were the door's answer not looked at, anyone signed in would be shown the page."""
    browser = world.browser("A")
    name = "network" if page is network.NetworkPage else "jobs"
    assert browser.get(reverse(name)).status_code == 404
    monkeypatch.setattr(
        page, "dispatch", lambda self, request: (setattr(self, "actor", None), self.show())[1]
    )
    assert browser.get(reverse(name)).status_code == 200


# The first run


FIRST = {
    "office": "Rivers office",
    "name": "Coordinator One",
    "email": "one@office.example",
    "password": PASSWORD,
    "agency": "Alder House",
    "agency_type": "shelter",
    "agency_sector": "shelter",
    "lead_name": "Lead One",
    "lead_email": "lead@alder.example",
}


def test_an_empty_hub_is_set_up_once_by_who_has_the_code(db):
    browser = Browser()
    assert browser.get("/")["Location"] == reverse("first_run")
    url = reverse("first_run")
    assert browser.post(url, {**FIRST, "code": ""}).status_code == 200
    assert browser.post(url, {**FIRST, "code": "guess"}).status_code == 200
    old, code = joining.make_first_run_code(), joining.make_first_run_code()
    assert joining._code_file().stat().st_mode & 0o777 == 0o600
    assert code not in joining._code_file().read_text()
    assert browser.post(url, {**FIRST, "code": old}).status_code == 200
    assert not Agency.objects.exists()
    for wrong in ({"password": "short"}, {"lead_email": FIRST["email"].upper()}):
        assert browser.post(url, {**FIRST, "code": code, **wrong}).status_code == 200
    page = browser.post(url, {**FIRST, "code": code})
    said = page.content.decode()
    assert "Lead One" in said and "Alder House" in said and PASSWORD not in said
    assert set(Agency.objects.values_list("slug", "type")) == {
        ("rivers-office", "hub_office"),
        ("alder-house", "shelter"),
    }
    user = User.objects.get()
    assert set(user.memberships.values_list("role", flat=True)) == {"coordinator", "hub_operator"}
    link = re.search(r'value="http://testserver(/join/[^"]+)"', page.content.decode()).group(1)
    assert Browser().get(link).status_code == 200
    assert browser.get(reverse("mfa_activate_totp")).status_code == 200
    assert browser.get(reverse("network"))["Location"] == reverse("mfa_activate_totp")
    assert Browser().get(url).status_code == 404
    assert Browser().post(url, {**FIRST, "code": code}).status_code == 404
    assert joining.make_first_run_code() is None and not joining._code_file().exists()


# The operator's side door


def test_the_admin_holds_no_table_with_row_security():
    guarded = set(walled())
    assert guarded
    registered = {model._meta.db_table for model in operations._registry}
    assert registered and not registered & guarded


def walled():
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity")
        return [name for (name,) in cursor.fetchall()]


test_the_admin_holds_no_table_with_row_security = pytest.mark.django_db(databases=["default", "owner"])(
    test_the_admin_holds_no_table_with_row_security
)


@pytest.mark.parametrize("role", ROLES)
def test_only_the_operator_opens_the_admin(world, role):
    browser = world.browser(at(role), role)
    response = browser.get(reverse("admin:index"))
    assert (response.status_code == 200) is (role == "hub_operator")


def test_staff_and_superuser_flags_open_nothing(world):
    user = world.person("A")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    browser = world.browser("A")
    assert browser.get(reverse("admin:index")).status_code == 302
    assert browser.get(reverse("network")).status_code == 404


def test_the_operator_needs_a_second_factor_for_the_admin(world):
    user = world.person("HUB", "hub_operator")
    browser = world.browser("HUB", "hub_operator")
    assert browser.get(reverse("admin:index")).status_code == 200
    Authenticator.objects.filter(user=user).delete()
    assert browser.get(reverse("admin:index")).status_code == 302


def test_the_operator_puts_an_account_at_rest_and_changes_nothing_else_of_it(world):
    user = world.person("A")
    browser = world.browser("HUB", "hub_operator")
    url = reverse("admin:agencies_user_change", args=[user.pk])
    assert browser.get(url).status_code == 200
    browser.post(url, {"name": user.name, "language": "en", "email": "x@x.example", "is_superuser": "on"})
    before, password = user.email, user.password
    user.refresh_from_db()
    assert (user.is_active, user.email, user.password, user.is_superuser) == (False, before, password, False)
    for name in ("agencies_membership_add", "agencies_invitation_add", "agencies_user_add"):
        assert browser.get(reverse(f"admin:{name}")).status_code in (403, 404)


def test_each_agency_of_the_person_reads_that_the_operator_put_them_at_rest(world):
    user, operator = world.person("A"), world.person("HUB", "hub_operator")
    actions.grant_role(user, world.agency("B"), "caseworker")
    browser = world.browser("HUB", "hub_operator")
    url, facts = reverse("admin:agencies_user_change", args=[user.pk]), {"name": user.name, "language": "en"}
    for more in ({}, {"is_active": "on"}, {"is_active": "on"}):
        assert browser.post(url, {**facts, **more}).status_code == 302
    for letter in "AB":
        with acting_as(Actor.hub(world.agency(letter))):
            entries = LedgerEntry.objects.filter(
                agency=world.agency(letter), target_type="user", target_id=str(user.pk)
            ).order_by("id")
            assert list(entries.values_list("verb", "user_id")) == [
                ("member.put_to_rest", operator.pk),
                ("member.brought_back", operator.pk),
            ]


def test_an_accepted_invitation_is_not_deleted_in_the_admin(world):
    invitation, token = actions.invite(
        agency=world.agency("A"), email="lead@a.example", name="Lead", role="data_lead", by=None
    )
    browser = world.browser("HUB", "hub_operator")
    delete = reverse("admin:agencies_invitation_delete", args=[invitation.pk])
    assert browser.get(delete).status_code == 200
    actions.accept_invitation(token, password=PASSWORD)
    assert browser.post(delete, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [invitation.pk], "post": "yes"}
    browser.post(reverse("admin:agencies_invitation_changelist"), chosen)
    assert Invitation.objects.filter(pk=invitation.pk).exists()


def test_every_admin_page_opens(world):
    browser = world.browser("HUB", "hub_operator")
    for model in operations._registry:
        assert (
            browser.get(
                reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            ).status_code
            == 200
        )


# What every answer carries


def pages_for(world):
    world.county()
    yield Browser(), ["/account/login/", "/account/signup/", "/nothing-here/", "/join/x/", "/livez", "/"]
    for role in ("data_lead", "coordinator", "hub_operator", "hotline"):
        browser = world.browser(at(role), role)
        yield (
            browser,
            [
                "/",
                "/keys/",
                "/choose-agency/",
                "/account/2fa/",
                "/account/password/change/",
                "/account/sessions/",
                "/account/logout/",
                *map(reverse, OPEN),
                "/nothing-here/",
            ],
        )
    yield browser, ["/admin/", "/lock/"]


def test_every_answer_carries_its_headers(world):
    checked = 0
    for browser, paths in pages_for(world):
        for path in paths:
            response = browser.get(path)
            assert response["Cache-Control"] == "no-store", path
            assert response["X-Content-Type-Options"] == "nosniff"
            assert response["Cross-Origin-Opener-Policy"] == "same-origin"
            assert response["Referrer-Policy"] == "same-origin"
            assert response["X-Frame-Options"] == "DENY"
            assert "camera=()" in response["Permissions-Policy"]
            policy = response["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
            assert not re.search(r"unsafe|\*|https?:", policy), policy
            checked += 1
    assert checked > 50


def test_no_page_holds_what_the_policy_would_stop(world):
    for browser, paths in pages_for(world):
        for path in paths:
            if path.startswith("/admin"):
                continue
            body = browser.get(path).content.decode()
            # The one that may stand inline holds digests only, and the policy names it by its own.
            body = body.replace(f'<script type="importmap">{vault_files.import_map("static/")}</script>', "")
            assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:", body), (
                path
            )


@pytest.mark.parametrize("header", ["Content-Security-Policy", "Cache-Control"])
def test_the_headers_are_the_middlewares_doing(world, settings, header):
    """Sabotage: without the middleware the header is gone, so the test above would fail."""
    guard = {
        "Content-Security-Policy": "csp.middleware.CSPMiddleware",
        "Cache-Control": "casehub.middleware.no_store",
    }
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != guard[header]]
    assert Browser().get("/nothing-here/").headers.get(header) != "no-store"
    assert header == "Cache-Control" or header not in Browser().get("/nothing-here/")


def test_production_says_https_for_two_years(world, settings):
    from casehub.settings import prod

    for name in ("SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_SSL_REDIRECT"):
        setattr(settings, name, getattr(prod, name))
    assert (
        Browser()
        .get("/account/login/", secure=True)["Strict-Transport-Security"]
        .startswith("max-age=63072000")
    )
    assert Browser().get("/account/login/")["Location"].startswith("https://")


def test_ready_says_what_is_missing_and_nothing_else(db, monkeypatch):
    from casehub.pages import health

    assert Browser().get("/livez").content == b"alive"
    fine = dict.fromkeys(health.CHECKS, lambda: True)
    monkeypatch.setattr(health, "CHECKS", fine)
    assert Browser().get("/readyz").status_code == 200

    def broken():
        raise RuntimeError("secret reason")

    for name in fine:
        monkeypatch.setattr(health, "CHECKS", {**fine, name: broken})
        response = Browser().get("/readyz")
        assert response.status_code == 503 and response.json()[name] is False
        assert b"secret" not in response.content


def test_the_database_and_migrations_are_really_looked_at(db):
    from casehub.pages import health

    assert health._database() and health._migrations() and health._disk()


def test_allauth_has_only_the_routes_the_hub_wants():
    wanted = {
        "account_login",
        "account_logout",
        "account_inactive",
        "account_signup",
        "account_reauthenticate",
        "account_change_password",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key",
        "account_reset_password_from_key_done",
        "mfa_index",
        "mfa_authenticate",
        "mfa_reauthenticate",
        "mfa_activate_totp",
        "mfa_deactivate_totp",
        "mfa_add_webauthn",
        "mfa_edit_webauthn",
        "mfa_remove_webauthn",
        "mfa_reauthenticate_webauthn",
        "mfa_workstation",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_download_recovery_codes",
        "usersessions_list",
    }
    names = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    assert {name for name in names if name.startswith(("account_", "mfa_", "usersessions_"))} == wanted


def test_every_model_of_ours_outside_the_wall_is_known():
    """What the admin could ever be given is a short list; a new table is behind the wall or named here."""
    platform = {
        "agencies_agency",
        "agencies_county",
        "agencies_countymap",
        "agencies_user",
        "agencies_membership",
        "agencies_invitation",
        "agencies_apitoken",
        "agencies_datakey",
        "agencies_doomedkey",
        "agencies_keyholder",
        "agencies_linkepoch",
        "agencies_spentchallenge",
    }
    ours = {m._meta.db_table for m in apps.get_app_config("agencies").get_models()}
    assert ours - set(walled()) == platform


test_every_model_of_ours_outside_the_wall_is_known = pytest.mark.django_db(databases=["default", "owner"])(
    test_every_model_of_ours_outside_the_wall_is_known
)


def test_the_ledger_names_a_client_by_code_to_those_who_may_open_it(world):
    client = world.client("A", code="KH-77")
    page = world.browser("A", "supervisor").get("/agency/ledger/").content.decode()
    assert "KH-77" in page and str(client.pk) in page
