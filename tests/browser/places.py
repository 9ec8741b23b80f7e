"""Every page there is: walked out of the resolver, opened as the first who may, beside the states that no
address tells (a closed record, a paused import, a form sent wrong). Looking at them is test_pages_axe.py's.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from agencies import actions as trust
from agencies import affairs
from agencies.models import Award, Job, JobState, User
from agencies.roles import ROLES
from referrals import actions
from referrals.models import Client, Enrollment, Import, Offer, Referral, Response
from reporting import releases
from reporting.measures import Period
from reporting.models import GrantReport, Release
from tests.attacks.routes import ids, routes
from tests.attacks.rows import Rows
from tests.casehub.device import Device
from tests.referrals.exchange.test_imports_page import run_the_job, send
from tests.referrals.exchange.test_sheet import MESSY, workbook
from tests.reporting import releasing
from tests.reporting.test_numbers_pages import released
from tests.world import PASSWORD, World

NOBODY = "nobody"
SEND = "main form[method=post]:not(.note) button[type=submit]"
PEOPLE = (NOBODY, *ROLES)
CODES = ("KH-2214", "KH-2167", "KH-2198", "KH-2240", "KH-2231", "KH-2176", "KH-2150")
# Addresses that are no page of ours, each with its reason.
LEFT_OUT = {
    "admin:": "Django's own pages for the operator; our look and languages do not reach into them",
    "readyz": "asks the broker, for a machine to read",
    "livez": "for a machine to read",
}


@dataclass(frozen=True)
class Place:
    """A page in a state: `what` names it in pages.txt. `fill` (fields by name) and `press` (a selector) lead on
    from the address."""

    who: str
    what: str
    path: str
    fill: dict[str, str] = field(default_factory=dict, compare=False)
    press: str = field(default="", compare=False)

    @property
    def line(self) -> str:
        return f"{self.who:<20} {self.what}"


def act(name: str) -> str:
    """The button of a page with several forms."""
    return f"main button[name=act][value={name}]"


def letter_of(role: str) -> str:
    return "HUB" if ROLES[role].at_hub_office else "A"


def signed_in(world: World, who: str) -> Browser:
    """A test client of that role, who has proven themselves just now, and will have for an hour."""
    if who == NOBODY:
        return Browser()
    return proven(world.browser(letter_of(who), who), world.person(letter_of(who), who))


def proven(browser: Browser, user: User) -> Browser:
    """The test client, whose password was typed just now, and counts for an hour."""
    session, now = browser.session, time.time()
    session["account_authentication_methods"] = [
        {"method": "password", "at": now + 3600, "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session["started"] = session["seen"] = int(now)
    session.save()
    return browser


def walked(people: dict[str, Browser], rows: Rows | None) -> Iterator[Place]:
    """Every address that answers with a page, as the first of PEOPLE who may open it; the first page of each.

    Without `rows`, only addresses that name no row.
    """
    for route in routes():
        if route.is_api or route.name.startswith(tuple(LEFT_OUT)) or (rows is None and route.parameters):
            continue
        path = route.path(ids(route, rows, "own") if rows else {})
        for who, browser in people.items():
            answer = browser.get(path)
            if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
                yield Place(who, route.key, path)
                break
    for who in people:
        if who != NOBODY:
            yield Place(who, "the first page", "/")


# A network as it is after a while


def everyone(world: World) -> dict[str, Browser]:
    world.person("A", "hotline", second_factor=False)  # needs none, so sees the page that sets one up
    RecoveryCodes.activate(world.person("A"))
    return {who: signed_in(world, who) for who in PEOPLE}


def small_hub(world: World) -> dict[str, Browser]:
    """An office and one agency, on their first day."""
    world.agency("HUB", name="Three Rivers hub office")
    world.agency("A", name="Kingfisher House")
    return everyone(world)


def full_hub(world: World) -> tuple[dict[str, Browser], Rows, list[Place]]:
    """A network with something of everything: browsers, the rows that addresses name, and more places."""
    world.agency("HUB", name="Three Rivers hub office")
    world.agency("A", name="Kingfisher House", sector="shelter")
    world.agency("B", name="Heron Legal Project", sector="legal_services")
    world.agency("C", name="Mill Street Clinic", sector="health_care")
    world.agency("P", name="Pebble and Reed Fund", sector="other")
    for name in ("Alder", "Birch", "Cedar"):
        world.county(name)
    people = everyone(world)
    rows = Rows(world)
    places = [
        *_casework(world, rows),
        *_agency(world),
        *_reports(world, rows, people["data_lead"]),
        *_imports(world, rows, people["data_lead"]),
    ]
    rows.made[Release, "A"] = released(world)
    return people, rows, [*places, *_tables(world)]


def _tables(world: World) -> list[Place]:
    """A table that anybody reads, one to be decided, and one that is agreed on to be decided."""
    year = Period(date(2025, 1, 1), date(2026, 1, 1))
    public = releasing.released(world, "pipeline", year, scope="public", mode="strict")
    waiting = releasing.waiting(world, "stages_by_place", year)
    with world.acting("HUB", "coordinator"):
        plan = releases.specify(measure="pipeline", grid="quarter")
    to_decide = reverse("reporting:release_proposal", args=[waiting.pk])
    ask = reverse("reporting:release_ask")
    return [
        Place(NOBODY, "a published table", reverse("reporting:published_table", args=[public.label])),
        Place("output_checker", "a table to decide", to_decide),
        Place("output_checker", "wrong: a refusal without a reason", to_decide, press="button[value=refuse]"),
        Place("output_checker", "a plan to decide", reverse("reporting:release_plan", args=[plan.pk])),
        Place("coordinator", "wrong: a table that was released", ask, {"when": "once year 2025-01-01"}, SEND),
    ]


def _casework(world: World, rows: Rows) -> list[Place]:
    me, now, today = world.person("A"), timezone.now(), timezone.localdate()
    facts = {
        "age_band": "18_24",
        "language": "spa",
        "gender": "female",
        "trafficking_status": "possible",
        "status_decided_by": "self_identified",
        "status_decided_on": today - timedelta(days=90),
        "trafficking_type": "uncertain",
    }
    clients = [world.client("A", code, worker=me, **facts) for code in CODES]
    first, closed, bare, gone = clients[0], clients[1], clients[3], clients[4]
    for number, one in enumerate(clients):
        if one is not bare:
            world.enrollment(one, entry_on=today - timedelta(days=99 + number))
            world.touchpoint(
                "A", one, occurred_at=now - timedelta(days=12 * number), sector="shelter", given=["listened"]
            )
    for days, sector in ((102, "health_care"), (80, "law_enforcement"), (73, "child_welfare")):
        world.touchpoint(
            "A", first, occurred_at=now - timedelta(days=days), sector=sector, given=["safety_plan"]
        )
    for week in range(1, 13):
        world.service(
            first, provided_on=today - timedelta(days=7 * week), type="shel_em", unit="nights", quantity=7
        )
    world.screening(first, at=now - timedelta(days=95))
    with world.acting("A"):
        actions.record_touchpoint(
            client=first, sector="shelter", note="Slept better. Wants to ask about school."
        )
        sent = actions.send_referral(
            client=first, needed="legal_imm", receivers=[world.agency("B"), world.agency("C")]
        )
        actions.keep_draft(form="client_new", body={"age_band": ["18_24"]})
        actions.keep_draft(form="contact_new", client=first, body={"note": ["Half a sentence"]})
        left = gone.enrollments.get()
        actions.end_enrollment(
            enrollment=left, exit_on=today, destination="rental_without_subsidy", reason="completed"
        )
        offers = list(Offer.objects.filter(referral=sent).order_by("receiver__name"))
        outside = actions.send_referral(client=first, needed="basic", receivers=[])
        rows.made[Client, "A"], rows.made[Referral, "A"] = first, sent
        rows.made[Enrollment, "A"] = first.enrollments.get()
    with world.acting("A", "supervisor"):
        actions.restrict_client(client=closed, openers=[me])
    world.response(offers[0], by="B")
    mine, answered, late = (world.offer(sender=letter, receiver="A") for letter in "CBC")
    with world.acting("C"):
        Offer.objects.filter(pk=late.pk).update(expires_at=now - timedelta(hours=1))
    rows.made[Offer, "to A"] = mine
    rows.made[Response, "A"] = world.response(answered, by="A")

    def at(who: str, what: str, name: str, *args: Any, query: str = "", **more: Any) -> Place:
        return Place(who, what, reverse(f"referrals:{name}", args=args) + query, **more)

    return [
        at("caseworker", "client, nothing recorded yet", "client", bare.pk),
        at("caseworker", "client, who has left", "client", gone.pk),
        at("caseworker", "client, every entry shown", "client", first.pk, query="?earlier=1"),
        at("supervisor", "client, closed to colleagues", "client", closed.pk),
        at("supervisor", "client, closed to colleagues: who may open it", "client_restrict", closed.pk),
        at("data_lead", "client, to read only", "client", first.pk),
        at("caseworker", "clients, chosen", "clients", query="?worker=me&silent=yes"),
        at("caseworker", "clients, none fits", "clients", query="?worker=me&silent=no&status=actual"),
        at("caseworker", "a day's services, of a project", "services_day", query=f"?project={world.project('A').pk}"),
        at("caseworker", "follow up, someone who has left", "follow_up_new", gone.pk),
        at("caseworker", "offer, answered", "offer", answered.pk),
        at("caseworker", "offer, too late", "offer", late.pk),
        at("caseworker", "referral, outside the network", "referral", outside.pk),
        at("hotline", "new contact, as a volunteer", "contact_new"),
        # Forms sent wrong
        at("caseworker", "wrong: a code that is taken", "client_new", fill={"code": CODES[1]}, press=SEND),
        at("caseworker", "wrong: a telephone number in a note", "contact_new", first.pk,
           fill={"note": "call 555-555-0142"}, press=SEND),
        at("caseworker", "wrong: a service without amount", "service_new", first.pk, fill={"quantity": "-1"}, press=SEND),
        at("caseworker", "wrong: enrolled in nothing", "enroll", bare.pk, fill={"entry_on": ""}, press=SEND),
        at("caseworker", "wrong: an end before the beginning", "enrollment_exit", rows.made[Enrollment, "A"].pk,
           fill={"exit_on": "2001-01-01"}, press=SEND),
        at("caseworker", "wrong: a screening without result", "screening_new", first.pk, press=SEND),
        at("caseworker", "wrong: a referral for nothing", "referral_new", first.pk, press=SEND),
        at("caseworker", "wrong: a day without amounts", "services_day", press=SEND),
        at("caseworker", "wrong: no answer to an offer", "offer", mine.pk, press=SEND),
        at("caseworker", "wrong: no such code", "find", fill={"code": "KH-0000"}, press=SEND),
    ]  # fmt: skip


def _agency(world: World) -> list[Place]:
    project = world.project("A", "Transitional homes")
    with world.acting("A", "data_lead"):
        award = affairs.add_award(
            funder="VOCA", number="25-VA-017", starts_on=date(2025, 1, 1), ends_on=date(2027, 1, 1),
            regimes=["voca"],
        )  # fmt: skip
        affairs.pay_for(award=award, project=project, starts_on=date(2025, 1, 1), ends_on=None)
        affairs.invite_member(email="new@kingfisher.example", name="Linden Marsh", role="caseworker")
        trust.make_api_token(title="Our own dashboard")
    _kept, token = trust.invite(
        agency=world.agency("A"),
        email="willow@kingfisher.example",
        name="Willow Reed",
        role="supervisor",
        by=None,
    )
    with world.acting("A", "data_lead"):
        affairs.add_workstation(title="Hotline desk", credential_id=b"1" * 16, credential=b"", sign_count=0)
    said = json.loads(Device().make('{"publicKey": {"challenge": ""}}'))
    passkey = WebAuthn.add(world.person("A"), "Work laptop", said).instance.pk
    rename, remove = (reverse(f"mfa_{act}_webauthn", args=[passkey]) for act in ("edit", "remove"))
    joining = reverse("join", args=[token])
    login, people, network = reverse("account_login"), reverse("people"), reverse("network")
    return [
        Place(NOBODY, "an invitation", joining),
        Place(NOBODY, "wrong: two passwords that differ", joining,
              {"password": "five unrelated words here", "again": "others"}, SEND),
        Place(NOBODY, "an invitation that is over", reverse("join", args=["not-a-token"])),
        Place(NOBODY, "wrong: a password that is not theirs", login,
              {"login": "willow@kingfisher.example", "password": "a guess"}, SEND),
        Place(NOBODY, "no such page", "/nowhere/"),
        Place(NOBODY, "a new password", _reset_link(world), {}),
        # The first half of signing in stays with the browser, so these come last.
        Place(NOBODY, "second step", login, {"login": world.person("A").email, "password": PASSWORD}, SEND),
        Place(NOBODY, "wrong: a code that is not theirs", reverse("mfa_authenticate"), {"code": "000000"},
              "main form:has([name=code]) button"),
        Place("caseworker", "a passkey's name", rename),
        Place("caseworker", "wrong: a passkey without a name", rename, {"name": ""}, SEND),
        Place("caseworker", "a passkey to remove", remove),
        Place("data_lead", "ledger, checked", reverse("ledger") + "?verify=1"),
        Place("data_lead", "ledger, nothing for this choice", reverse("ledger") + "?end=2001-01-01"),
        Place("data_lead", "wrong: a person who never worked here", reverse("ledger") + "?person=0"),
        Place("data_lead", "wrong: someone without an address", people, {"email": "nobody"}, act("invite")),
        Place("data_lead", "wrong: a project without a name", reverse("agency"), press=act("add_project")),
        Place("data_lead", "wrong: an award without a number", reverse("agency"), press=act("add_award")),
        Place("data_lead", "wrong: an agreement not agreed to", reverse("sharing"), press=act("sign")),
        Place("data_lead", "wrong: a token for nothing", reverse("tokens"), press=act("make")),
        Place("coordinator", "wrong: an agency without a name", network, press=act("add")),
        Place("coordinator", "wrong: a data lead of no agency", network, press=act("invite")),
        Place("coordinator", "an invitation made", people,
              {"name": "Rush Fenn", "email": "rush@rivers.example"}, act("invite")),
        Place("auditor", "no such page", "/clients/"),
        Place("hotline", "wrong: a code of another device", reverse("mfa_activate_totp"), {"code": "000000"}, SEND),
        Place("partner_viewer", "locked", reverse("reporting:numbers"), press="#lock button"),
    ]  # fmt: skip


def _reset_link(world: World) -> str:
    user = world.person("A", "supervisor")
    key = default_token_generator.make_token(user)
    return reverse("account_reset_password_from_key", args=[user_pk_to_url_str(user), key])


def _reports(world: World, rows: Rows, lead: Browser) -> list[Place]:
    with world.acting("A", "data_lead"):
        award = Award.objects.get()

    def opened(period: str, award_id: object = "") -> str:
        return str(lead.post("/reports/", {"form": "voca-sgr", "award": award_id, "period": period}).url)

    draft, frozen, paid = opened("q2025-01-01"), opened("q2025-04-01"), opened("q2025-07-01", award.pk)
    lead.post(f"{frozen}answers/", {"A1": "12"})
    lead.post(f"{frozen}freeze/")
    correction = str(lead.post(f"{frozen}correct/").url)
    with world.acting("A", "data_lead"):
        rows.made[GrantReport, "A"] = GrantReport.objects.get(pk=draft.strip("/").split("/")[-1])
    return [
        Place("data_lead", "grant report, frozen", frozen),
        Place("data_lead", "grant report, corrected", correction),
        Place("data_lead", "grant report, of an award", paid),
        Place("data_lead", "grant report, who is counted", f"{draft}rows/Q1/"),
        Place("data_lead", "wrong: an answer that is no number", draft, {"A1": "-1"}, "form[action$='answers/'] button"),
    ]  # fmt: skip


def _imports(world: World, rows: Rows, lead: Browser) -> list[Place]:
    def mapped(content: bytes, **more: Any) -> Any:
        page = lead.get(send(lead, content, "caseload.xlsx", **more).url)
        form = page.context["form"]
        answers = {name: form[name].value() or "" for name in form.fields}
        return lead.post(page.request["PATH_INFO"], {**answers, **({"is_trial": "on"} if more else {})}).url

    done = mapped(workbook(MESSY))
    run_the_job(world, "A")
    tried = mapped(workbook(MESSY), is_trial="on")
    run_the_job(world, "A")
    columns = send(lead, workbook(MESSY), "caseload.xlsx").url
    agency, user = world.agency("A"), world.person("A", "data_lead")
    pause = {"pause": [{"code": "many_changes", "file": "Client", "existing": 60, "changed": 60, "gone": 0}]}
    with world.acting("A", "data_lead"):
        rows.made[Import, "A"] = Import.objects.filter(is_dry_run=False).first()
        rows.made[Job, "A"] = Job.objects.get(pk=done.strip("/").split("/")[-1])
        made = {
            state: Job.objects.create(
                agency=agency, user=user, name="import_bundle", state=state, arguments={"file": "x"},
                done=400, total=1000, result=pause if state == JobState.PAUSED else {},
                error="The file can't be read." if state == JobState.FAILED else "",
            )
            for state in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.FAILED, JobState.CANCELLED)
        }  # fmt: skip
    pages = [
        Place("data_lead", f"import, {state.value}", reverse("referrals:import_job", args=[job.pk]))
        for state, job in made.items()
    ]
    imports = reverse("referrals:imports")
    return [
        *pages,
        Place("data_lead", "import, only tried", tried),
        Place("data_lead", "import, what its columns are", columns),
        Place("data_lead", "wrong: no column is the code", columns, {"column_0": ""}, SEND),
        Place("data_lead", "wrong: no file", imports, press=SEND),
        Place("data_lead", "wrong: no reason for an export", reverse("referrals:records_out"), press=SEND),
    ]
