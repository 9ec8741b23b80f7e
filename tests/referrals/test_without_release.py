"""Help is never the price of a release: the whole path of a client runs through the pages with none, no step of it
asks for one, and no form or route of the casework names one (34 USC 12291(b)(2); 28 CFR 94.115)."""

import io
import re
import zipfile
from datetime import timedelta

import pytest
from django import forms
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver, reverse
from django.utils import timezone

from agencies import affairs, jobs
from agencies.models import Job
from agencies.scope import acting_as
from referrals.models import (
    Client,
    CompelledDisclosure,
    Disclosure,
    Enrollment,
    FollowUp,
    LinkRecord,
    Offer,
    Referral,
    ReleaseOfInformation,
    Response,
    Screening,
    Service,
    SigningRule,
    Touchpoint,
)
from referrals.web.entry import ENTRIES, Entry
from tests.referrals.exchange.test_import_bundle import own_inbox

__all__ = ["own_inbox"]
TODAY = timezone.localdate
# What is about releases itself, or about sharing under them; everything else is the casework.
OF_RELEASES = re.compile(r"^(release|compelled|shared|signing_rule|hand_over|handover|tokens|links?(_|$))")
WORDS = re.compile(r"release|consent|\broi\b|agreement", re.IGNORECASE)


def at(name, *arguments):
    return reverse(f"referrals:{name}", args=arguments)


class Path:
    """A browser that takes one step after another, and what the database was asked while something was saved."""

    def __init__(self, world, letter, role="caseworker"):
        self.browser = world.browser(letter, role)
        self.asked: list[str] = []

    def step(self, url, answers):
        """Open a page, send its form, arrive."""
        page = self.browser.get(url)
        assert page.status_code == 200, url
        with CaptureQueriesContext(connections["default"]) as captured:
            answer = self.browser.post(url, answers)
        assert answer.status_code == 302, (url, re.findall(r"usa-error[^<]*<[^<]*", answer.content.decode()))
        self.asked += [query["sql"] for query in captured]
        return answer.url


def number_of_everything(world):
    """Rows of what a release would be, or would let be, at either agency."""
    found = 0
    for letter in "AB":
        with world.acting(letter):
            found += sum(
                model.objects.count()
                for model in (ReleaseOfInformation, SigningRule, CompelledDisclosure, Disclosure, LinkRecord)
            )
    return found


def test_the_whole_path_of_a_client_runs_without_a_release(world, own_inbox, monkeypatch):
    monkeypatch.setattr(jobs, "publish", lambda reference, job_id: True)
    project, receiver, today = world.project("A"), world.agency("B"), TODAY().isoformat()
    here, there = Path(world, "A"), Path(world, "B")
    lead = Path(world, "A", "data_lead")
    with world.acting("A", "data_lead"):
        # Money that forbids sharing without a release, and no agreement: the strictest agency there is.
        paid = affairs.add_award(
            funder="OVC",
            number="INV-1",
            starts_on=TODAY() - timedelta(days=500),
            ends_on=TODAY() + timedelta(days=500),
            regimes=["voca", "vawa"],
        )

    here.step(at("contact_new"), {"sector": "hotline", "given": ["listened"]})
    url = here.step(at("client_new"), {"code": "KH-77", "age_band": "18_24"})
    with world.acting("A"):
        client = Client.objects.get()
    assert url == at("client", client.pk)
    here.step(at("screening_new", client.pk), {"result": "some_indicators", "tool": "qyit"})
    start = (TODAY() - timedelta(days=40)).isoformat()
    here.step(at("enroll", client.pk), {"project": project.pk, "entry_on": start})
    here.step(at("service_new", client.pk), {"type": "shel_em", "provided_on": today, "quantity": "2"})
    here.step(at("contact_new", client.pk), {"sector": "community", "note": "Slept better"})
    sent = here.step(at("referral_new", client.pk), {"needed": "legal_imm", "receivers": [receiver.pk]})
    with world.acting("A"):
        offer, enrollment = Offer.objects.get(), Enrollment.objects.get()
    there.step(at("offer", offer.pk), {"outcome": "accepted"})
    assert "Accepted" in here.browser.get(sent).content.decode()
    here.step(
        at("enrollment_exit", enrollment.pk),
        {"exit_on": today, "destination": "family_permanent", "exit_reason": "goals_met"},
    )
    here.step(
        at("follow_up_new", client.pk),
        {"outcome": "reached_doing_well", "enrollment": enrollment.pk, "on": today},
    )
    # One's own numbers, the grant report and the records themselves.
    period = quarter_before(TODAY())
    report = lead.browser.post("/reports/", {"form": "voca-sgr", "award": "", "period": period})
    assert report.status_code == 302 and lead.browser.get(report.url).status_code == 200
    assert lead.browser.get("/numbers/own/").status_code == 200
    lead.step(at("records_out"), {"why": "funder_form"})
    records = records_of(world, lead.browser)
    assert "Client.csv" in zipfile.ZipFile(io.BytesIO(records)).namelist()

    assert paid.regimes and number_of_everything(world) == 0
    with world.acting("A"):
        made = (Touchpoint, Screening, Enrollment, Service, Referral, FollowUp)
        assert {model.__name__: model.objects.exists() for model in made} == {m.__name__: True for m in made}
        assert Response.objects.get().outcome == "accepted"
    # Nothing that was saved looked whether there is a release.
    asked = [*here.asked, *there.asked, *lead.asked]
    assert len(asked) > 100
    assert [sql for sql in asked if re.search(r"releaseofinformation|signingrule|linkrecord", sql)] == []


def quarter_before(day):
    month = (day.month - 1) // 3 * 3 + 1
    first = day.replace(month=month, day=1) - timedelta(days=1)
    return f"q{first.replace(month=first.month - 2, day=1).isoformat()}"


def records_of(world, browser) -> bytes:
    actor = world.actor("A", "data_lead")
    with acting_as(actor):
        job = Job.objects.filter(name="export_hmis").latest("queued_at")
    assert jobs.run(actor.reference, str(job.pk)) == "done"
    answer = browser.get(at("records_file", job.pk))
    assert answer.status_code == 200
    return answer.content


def casework() -> list[type[Entry]]:
    """The forms that take in a client's story; those about releases themselves apart."""
    found, open_ = set(), [Entry]
    while open_:
        one = open_.pop()
        open_ += one.__subclasses__()
        if getattr(one, "name", None) and not OF_RELEASES.match(one.name) and "form_class" in dir(one):
            found.add(one)
    return sorted(found, key=lambda one: one.__name__)


def about_releases(form: type[forms.Form]) -> list[str]:
    """Fields that ask for a release, by name or in words."""
    return [
        name
        for name, field in form.base_fields.items()
        if WORDS.search(name) or WORDS.search(f"{field.label} {field.help_text}")
    ]


def test_no_form_of_the_casework_asks_for_a_release():
    asked = casework()
    assert {"ClientNew", "ScreeningNew", "ServiceNew", "ContactNew"} <= {one.__name__ for one in asked}
    assert {
        one.__name__: about_releases(one.form_class) for one in asked if about_releases(one.form_class)
    } == {}


def test_a_form_that_asked_for_one_would_be_noticed():
    class Conditional(forms.Form):
        has_release = forms.BooleanField()
        agrees = forms.BooleanField(label="The client gives consent")
        note = forms.CharField()

    assert about_releases(Conditional) == ["has_release", "agrees"]


def routes_of_casework() -> dict[str, str]:
    (found,) = [one for one in get_resolver().url_patterns if getattr(one, "namespace", None) == "referrals"]
    return {one.name: str(one.pattern) for one in found.url_patterns if not OF_RELEASES.match(one.name)}


def test_no_route_of_the_casework_goes_by_a_release():
    routes = routes_of_casework()
    assert {"client_new", "referral_new", "offer", "services_day"} <= set(routes)
    assert {name: route for name, route in routes.items() if WORDS.search(route)} == {}
    for entry in ENTRIES.values():
        assert OF_RELEASES.match(entry.name) or not WORDS.search(entry.name)


@pytest.mark.parametrize("name", ["client", "caseload"])
def test_no_page_counts_a_missing_release_as_a_gap(world, name):
    """With none, a page may offer to sign one; it calls nothing incomplete."""
    client = world.client("A", "KH-1", worker=world.person("A"))
    page = world.browser("A").get(at(name, *([client.pk] if name == "client" else []))).content.decode()
    words = re.sub(r"<[^>]+>", " ", page)
    near = [words[max(0, one.start() - 60) : one.end() + 60] for one in re.finditer(r"(?i)release", words)]
    gaps = re.compile(r"(?i)missing|incomplete|required|not yet|must|first|\d+ ?%|progress|step")
    assert [one for one in near if gaps.search(one)] == []
