"""Pages of releases: signing, badges, taking back, renewing, the paper, what the law took, who may sign."""

import re
import uuid
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from agencies import affairs
from agencies.models import LedgerEntry, SharingAgreement
from referrals import disclosures, releases
from referrals.models import Client, CompelledDisclosure, ReleaseOfInformation
from referrals.picklists import DisclosureClass, ReleasePurpose
from referrals.releases import Signature, Terms
from referrals.web import release_paper
from tests.referrals.test_disclosures import handing, key_of

NEW, ALL = "referrals:release_new", "referrals:releases"


def day(days=0):
    return (timezone.localdate() + timedelta(days=days)).isoformat()


def said(world, **more):
    """What somebody fills in, for agency B."""
    answers = {
        "recipient": str(world.agency("B").pk),
        "classes": ["identity", "language"],
        "purpose": "referral",
        "starts_on": day(),
        "ends_on": day(29),
        "signer": "client",
        "language": "spa",
        "interpreter": "in_person",
        "on": day(),
        "how": "paper",
        "copy_given": "given",
        "risks_explained": "on",
    }
    return {name: value for name, value in {**answers, **more}.items() if value is not None}


def counts(world, *letters):
    """These agencies share tokens under a release."""
    for letter in letters:
        world.person(letter, "data_lead")
        with world.acting(letter, "data_lead"):
            affairs.sign_agreement(shares_totals=True, text_digest="x")
            SharingAgreement.objects.filter(agency=world.agency(letter), ended_at=None).update(
                shares_tokens_under_release=True
            )


def counting(world, **more):
    partners = [str(world.agency("B").pk)]
    own = {
        "recipient": "hub",
        "classes": None,
        "purpose": None,
        "hub_classes": ["count"],
        "partners": partners,
    }
    return said(world, **{**own, "ends_on": day(89), **more})


def sent(world, client, answers, query="", role="caseworker"):
    return world.browser("A", role).post(reverse(NEW, args=[client.pk]) + query, answers)


def the_release(world):
    with world.acting("A"):
        return ReleaseOfInformation.objects.select_related("recipient", "rule").get()


def released(world, client, **terms):
    """A release as somebody else signed it."""
    facts = {
        "recipient_id": world.agency("B").pk,
        "classes": ["identity"],
        "purpose": "referral",
        "ends_on": timezone.localdate() + timedelta(days=29),
        "signature": Signature(
            signer="client",
            how="paper",
            language="eng",
            interpreter="none",
            risks_explained=True,
            copy_given="given",
        ),
        **terms,
    }
    with world.acting("A"):
        return releases.sign(client=client, terms=Terms(**facts))


def text_of(answer):
    """The page's source on one line, without the marks around what was chosen."""
    return " ".join(re.sub("</?(mark|bdi)>", "", answer.content.decode()).split())


# Signing


def test_a_release_is_signed_as_it_was_filled_in(world):
    client = world.client("A", "KH-1")
    answer = sent(world, client, said(world))
    found = the_release(world)
    assert answer.url == reverse("referrals:release", args=[found.pk])
    assert (found.recipient, found.classes, found.purpose) == (
        world.agency("B"),
        ["identity", "language"],
        "referral",
    )
    assert found.last_day == timezone.localdate() + timedelta(days=29)
    assert (found.interpreter, found.copy_given, found.language) == ("in_person", "given", "spa")
    page = text_of(world.browser("A").get(answer.url))
    assert "Agency B" in page and "Name used" in page and "state--live" in page


def once(page):
    return page.context["once"]


def test_the_same_form_sent_twice_signs_once(world):
    client = world.client("A", "KH-1")
    page = world.browser("A").get(reverse(NEW, args=[client.pk]))
    answers = said(world, once=once(page))
    first, second = (sent(world, client, answers) for _ in range(2))
    assert first.url == second.url == reverse("referrals:release", args=[the_release(world).pk])
    with world.acting("A"):
        assert LedgerEntry.objects.filter(verb="release.signed").count() == 1
    again = world.browser("A").get(reverse(NEW, args=[client.pk]))
    sent(world, client, said(world, once=once(again)))
    with world.acting("A"):
        assert ReleaseOfInformation.objects.count() == 2, "another page is another release"


def test_a_renewal_sent_twice_renews_once(world):
    client = world.client("A")
    old = released(world, client)
    query = f"?renews={old.pk}"
    page = world.browser("A").get(reverse(NEW, args=[client.pk]) + query)
    for _ in range(2):
        sent(world, client, said(world, once=once(page)), query=query)
    with world.acting("A"):
        assert ReleaseOfInformation.objects.filter(renews=old).count() == 1


def test_nothing_is_chosen_beforehand(world):
    world.agency("B")
    counts(world, "A", "B")
    client = world.client("A")
    page = world.browser("A").get(reverse(NEW, args=[client.pk]))
    assert b" checked" not in page.content
    form = page.context["form"]
    for name in ("recipient", "ends_on", "signer", "how", "copy_given", "interpreter", "longer_reason"):
        assert not form[name].value()
    assert "Help does not depend on this" in text_of(page)


WRONG = {
    "nobody": ({"recipient": ""}, "recipient"),
    "everybody": ({"recipient": "all"}, "recipient"),
    "ourselves": ({"recipient": "own"}, "recipient"),
    "nothing": ({"classes": None}, "classes"),
    "everything": ({"classes": ["everything"]}, "classes"),
    "what only the hub may": ({"classes": ["count"]}, "classes"),
    "no purpose": ({"purpose": None}, "purpose"),
    "no end": ({"ends_on": ""}, "ends_on"),
    "an end that is over": ({"ends_on": day(-1)}, "ends_on"),
    "more than a year": ({"ends_on": day(400), "longer_reason": "client_asked"}, "ends_on"),
    "longer without a reason": ({"ends_on": day(60)}, "longer_reason"),
    "nobody signs": ({"signer": ""}, "signer"),
    "a minor without a rule": ({"signer": "minor", "age": "15"}, "rule"),
    "signed long ago": ({"on": day(-91)}, "on"),
    "begun long after": ({"starts_on": day(91), "ends_on": day(100)}, "starts_on"),
    "a parent not asked about": ({"signer": "parent"}, "is_suspected"),
    "a parent who harmed them": ({"signer": "parent", "is_suspected": "yes"}, "is_suspected"),
    "risks not explained": ({"risks_explained": None}, "risks_explained"),
    "no word on an interpreter": ({"interpreter": ""}, "interpreter"),
    "no word on the copy": ({"copy_given": ""}, "copy_given"),
    "not signed": ({"how": ""}, "how"),
}


@pytest.mark.parametrize("wrong", sorted(WRONG))
def test_what_may_not_be_signed_is_refused_at_its_field(world, wrong):
    answers, name = WRONG[wrong]
    client = world.client("A")
    if answers.get("recipient") == "own":
        answers = {"recipient": str(world.agency("A").pk)}
    answer = sent(world, client, said(world, **answers))
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [name]
    page = text_of(answer)
    assert "data-error-summary" in page and f'href="#id_{name}"' in page.replace("id_recipient_", "id_")
    assert f'id="id_{name}"' in page
    with world.acting("A"):
        assert not ReleaseOfInformation.objects.exists()


@pytest.mark.parametrize(("age", "name"), [("", "age"), ("16", "age"), ("13", None)])
def test_a_minor_says_an_age_that_fits_the_record(world, age, name):
    client = world.client("A", age_band="0_12")
    with world.acting("A", "data_lead"):
        rule = releases.add_signing_rule(purpose="referral", from_age=13, citation="TR Code 9-14")
    answer = sent(world, client, said(world, signer="minor", rule=str(rule.pk), age=age))
    assert list(answer.context["form"].errors) == [name] if name else answer.status_code == 302


def test_a_signature_that_the_record_speaks_against_is_shown_again(world):
    client = world.client("A", "KH-1", age_band="13_17")
    sent(world, client, said(world, signer="parent", is_suspected="no"))
    with world.acting("A") as actor:
        Client.objects.filter(pk=client.pk).update(worker=actor.user_id)
    urls = [reverse("referrals:client", args=[client.pk]), reverse("referrals:caseload")]
    for url in urls:
        assert "Look at this again" not in text_of(world.browser("A").get(url))
    with world.acting("A"):
        Client.objects.filter(pk=client.pk).update(relationship_to_trafficker="family")
    for url in urls:
        assert "Look at this again" in text_of(world.browser("A").get(url))


def test_a_renewal_to_somebody_else_is_a_release_of_its_own(world):
    client = world.client("A")
    old = released(world, client)
    sent(world, client, said(world, recipient=str(world.agency("C").pk)), query=f"?renews={old.pk}")
    with world.acting("A"):
        assert ReleaseOfInformation.objects.get(recipient=world.agency("C")).renews is None


def test_whoever_harmed_the_client_is_refused_with_what_to_do(world):
    answer = sent(world, world.client("A"), said(world, signer="guardian", is_suspected="yes"))
    page = text_of(answer)
    assert "can&#x27;t sign for them" in page and "no help needs a release" in page


def test_a_parent_of_whom_no_harm_is_known_may_sign(world):
    client = world.client("A", age_band="13_17")
    sent(world, client, said(world, signer="parent", is_suspected="no"))
    assert the_release(world).signer == "parent"


def test_a_minor_signs_alone_under_the_rule_chosen(world):
    client = world.client("A", age_band="13_17")
    with world.acting("A", "data_lead"):
        rule = releases.add_signing_rule(purpose="referral", from_age=14, citation="TR Code 9-14")
    sent(world, client, said(world, signer="minor", rule=str(rule.pk), age="15"))
    found = the_release(world)
    assert found.rule == rule
    assert "TR Code 9-14" in text_of(world.browser("A").get(reverse("referrals:release", args=[found.pk])))


def test_a_minor_younger_than_the_rule_does_not_sign_alone(world):
    client = world.client("A", age_band="13_17")
    with world.acting("A", "data_lead"):
        rule = releases.add_signing_rule(purpose="referral", from_age=14, citation="TR Code 9-14")
    answer = sent(world, client, said(world, signer="minor", rule=str(rule.pk), age="13"))
    assert "signer" in answer.context["form"].errors


@pytest.mark.parametrize(
    ("band", "age", "signs"),
    [("13_17", "", False), ("13_17", "17", False), ("13_17", "18", True), ("25_59", "15", True)],
    ids=["not said", "still a minor", "grown by now", "a field that is not shown"],
)
def test_an_age_is_looked_at_where_the_record_says_under_18(world, band, age, signs):
    answer = sent(world, world.client("A", age_band=band), said(world, age=age))
    assert (answer.status_code == 302) is signs


def test_the_hub_is_one_recipient_and_names_the_agencies(world):
    world.agency("B"), world.agency("C")
    counts(world, "A", "B", "C")
    client = world.client("A")
    page = world.browser("A").get(reverse(NEW, args=[client.pk]))
    named = [label for _value, label in page.context["form"]["partners"].field.choices]
    assert named == ["Agency B", "Agency C"]
    assert "cannot" not in text_of(page) and "nobody can turn back" in text_of(page)
    sent(world, client, counting(world))
    found = the_release(world)
    assert (found.recipient, found.classes, found.partners) == (None, ["count"], [world.agency("B").pk])
    assert found.purpose == ReleasePurpose.COUNTING


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        ({"hub_classes": None}, "hub_classes"),
        ({"hub_classes": ["confirm"]}, "hub_classes"),
        ({"partners": None}, "partners"),
        ({"partners": ["999999"]}, "partners"),
    ],
    ids=["nothing", "only asking", "among nobody", "among a stranger"],
)
def test_counting_without_its_parts_is_refused(world, answers, name):
    counts(world, "A", "B")
    answer = sent(world, world.client("A"), counting(world, **answers))
    assert name in answer.context["form"].errors


def test_the_hand_over_page_says_where_a_release_lacks_a_key(world):
    client = world.client("A", "KH-1")
    browser, url = world.browser("A", "supervisor"), reverse("referrals:hand_over", args=[client.pk])
    assert "There is no live release of this client" in text_of(browser.get(url))
    released(world, client)
    page = text_of(browser.get(url))
    assert "nothing can be sealed for Agency B yet" in page and "There is no live release" not in page


def test_where_nobody_shares_tokens_counting_is_not_offered(world):
    client = world.client("A")
    page = world.browser("A").get(reverse(NEW, args=[client.pk]))
    assert b'value="hub"' not in page.content


def test_the_text_shows_as_far_as_it_is_said_and_nothing_is_kept(world):
    client = world.client("A")
    answer = sent(world, client, said(world, ends_on="", risks_explained=None, act="show"))
    page = text_of(answer)
    assert "I let Agency A tell Agency B, and no one else:" in page
    assert "Name and birth date: Name used, legal name" in page
    assert "data-error-summary" not in page
    spanish = sent(world, client, said(world, show_in="es"))
    assert spanish.context["shown_in"] == "es" and 'lang="es"' in text_of(spanish)
    with world.acting("A"):
        assert not ReleaseOfInformation.objects.exists()


def test_the_days_proposed_stand_as_hints(world):
    page = text_of(world.browser("A").get(reverse(NEW, args=[world.client("A").pk])))
    assert page.count('data-days="30"') == 1 and page.count('data-days="90"') == 2
    assert "30 days: to" in page and "90 days: to" in page


# Standing, taking back, renewing


@pytest.mark.parametrize(
    ("terms", "shape"),
    [
        ({}, "live"),
        ({"ends_on": timezone.localdate() + timedelta(days=9)}, "expiring"),
        (
            {
                "starts_on": timezone.localdate() + timedelta(days=2),
                "ends_on": timezone.localdate() + timedelta(days=30),
            },
            "waiting",
        ),
    ],
    ids=["live", "expiring", "coming"],
)
def test_a_badge_says_how_it_stands(world, terms, shape):
    client = world.client("A")
    found = released(world, client, **terms)
    for url in (reverse("referrals:client", args=[client.pk]), reverse(ALL, args=[client.pk])):
        page = text_of(world.browser("A").get(url))
        assert f"state--{shape}" in page and str(found.pk) in page


@pytest.mark.parametrize("how", ["orally", "in_writing"])
def test_one_click_takes_it_back(world, how):
    client = world.client("A")
    found = released(world, client)
    page = text_of(world.browser("A").get(reverse("referrals:release", args=[found.pk])))
    assert "What they read before can&#x27;t be taken back" in page or "can't be taken back" in page
    answer = world.browser("A").post(
        reverse("referrals:release_revoke", args=[found.pk]), {"how": how}, follow=True
    )
    assert "state--revoked" in text_of(answer)
    with world.acting("A"):
        assert ReleaseOfInformation.objects.get().revoked_how == how
        assert LedgerEntry.objects.filter(verb="release.revoked").count() == 1
    again = world.browser("A").post(
        reverse("referrals:release_revoke", args=[found.pk]), {"how": how}, follow=True
    )
    assert "taken back already" in text_of(again)


def test_without_a_word_how_nothing_is_taken_back(world):
    found = released(world, world.client("A"))
    world.browser("A").post(reverse("referrals:release_revoke", args=[found.pk]))
    with world.acting("A"):
        assert ReleaseOfInformation.objects.get().revoked_at is None


def test_a_renewal_asks_the_same_again_but_for_the_end(world):
    client = world.client("A")
    old = released(world, client, classes=["identity", "contact"])
    url = reverse(NEW, args=[client.pk]) + f"?renews={old.pk}"
    form = world.browser("A").get(url).context["form"]
    assert form["recipient"].value() == str(world.agency("B").pk)
    assert form["classes"].value() == ["identity", "contact"] and form["purpose"].value() == "referral"
    assert [form[name].value() for name in ("ends_on", "risks_explained", "how", "copy_given")] == [
        None,
        False,
        None,
        None,
    ] or not form["ends_on"].value()
    answer = sent(world, client, said(world, classes=["identity"]), query=f"?renews={old.pk}")
    with world.acting("A"):
        new = ReleaseOfInformation.objects.get(renews=old.pk)
    assert answer.url == reverse("referrals:release", args=[new.pk]) and new.classes == ["identity"]


def test_another_clients_release_is_not_renewed_here(world):
    old = released(world, world.client("A"))
    for renews in (old.pk, uuid.uuid4(), "x"):
        url = reverse(NEW, args=[world.client("A").pk]) + f"?renews={renews}"
        assert world.browser("A").get(url).status_code == 404


def test_my_day_prompts_for_my_clients_only(world):
    mine, other = world.client("A", "KH-1", worker=world.person("A")), world.client("A", "KH-2")
    soon = timezone.localdate() + timedelta(days=5)
    shown, not_mine = released(world, mine, ends_on=soon), released(world, other, ends_on=soon)
    later = released(world, mine)
    page = text_of(world.browser("A").get(reverse("referrals:caseload")))
    assert "Releases expiring" in page and f"?renews={shown.pk}" in page
    assert str(not_mine.pk) not in page and str(later.pk) not in page
    sent(world, mine, said(world), query=f"?renews={shown.pk}")
    assert "Releases expiring" not in text_of(world.browser("A").get(reverse("referrals:caseload")))


# On paper


@pytest.fixture
def sections(monkeypatch):
    """What is handed to the printer."""
    found = []
    real = release_paper._paper

    def keep(**content):
        found.append(content)
        return real(**content)

    monkeypatch.setattr(release_paper, "_paper", keep)
    return found


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_papers_are_tagged_pdfs_without_identity(world, sections, language):
    client = world.client("A", "KH-4711")
    found = released(world, client, classes=[one.value for one in DisclosureClass])
    addresses = {
        "release": reverse("referrals:release_paper", args=[found.pk]),
        "shared": reverse("referrals:shared_paper", args=[client.pk]),
    }
    for url in addresses.values():
        answer = world.browser("A").get(f"{url}?in={language}")
        paper = answer.content
        assert answer["Content-Type"] == "application/pdf" and answer["Cache-Control"] == "no-store"
        assert paper.startswith(b"%PDF-") and b"/MarkInfo" in paper and b"/StructTreeRoot" in paper
        assert b"FontFile" in paper and b"pdfuaid" in paper
        assert f"/Lang({language})".encode() in paper
        for identity in ("KH-4711", str(client.pk)):
            assert identity.encode() not in paper and identity not in printed(sections[-1])
    assert "Agency B" in printed(sections[-1])  # it would be seen


def test_a_paper_to_sign_is_made_before_anything_is_kept(world):
    answer = sent(world, world.client("A"), said(world, act="paper", shown_in="es"))
    assert answer["Content-Type"] == "application/pdf" and b"/Lang(es)" in answer.content
    with world.acting("A"):
        assert not ReleaseOfInformation.objects.exists()


def printed(content):
    return str(content)


def test_the_paper_says_all_that_the_law_asks(world, sections):
    world.agency("A", name="Kingfisher #House* <b>")
    found = released(world, world.client("A"), classes=["identity", "contact"])
    world.browser("A").get(reverse("referrals:release_paper", args=[found.pk]))
    text = printed(sections[0])
    for words in (
        "I let Kingfisher #House* <b> tell Agency B, and no one else",
        "Name and birth date",
        "Safe ways to reach them",
        "A referral",
        "I can take this back on any day",
        "I get the same help if I say no",
        "What could go wrong",
        "Interpreter",
        "Name and signature of who signs",
    ):
        assert words in text
    assert "Safety alert" not in text


def test_the_paper_for_counting_names_the_agencies_and_what_a_token_is(world, sections):
    counts(world, "A", "B")
    sent(world, world.client("A"), counting(world, hub_classes=["count", "confirm"]))
    world.browser("A").get(reverse("referrals:release_paper", args=[the_release(world).pk]))
    text = printed(sections[0])
    assert "Agency B" in text and "a code made from my name and birth date" in text
    assert "the other may help me" in text


@pytest.mark.parametrize(("regime", "words"), [("part_2", "42 CFR part 2"), ("ferpa", "34 CFR part 99")])
def test_the_laws_variants_come_with_the_awards(world, sections, regime, words):
    client = world.client("A")
    found = released(world, client)
    url = reverse("referrals:release_paper", args=[found.pk])
    world.browser("A").get(url)
    today = timezone.localdate()
    with world.acting("A", "data_lead"):
        affairs.add_award(
            funder="X", number="1", starts_on=today, ends_on=today + timedelta(days=300), regimes=[regime]
        )
    world.browser("A").get(url)
    before, after = (printed(one) for one in sections)
    assert words not in before and words in after


# What the law took


def compelled(**more):
    return {
        "basis": "court_order",
        "reference": "Order 25-117, Alder County",
        "classes": ["identity"],
        "receiver": "",
        "told": "not_reached",
        **more,
    }


def test_what_a_court_took_is_kept_sealed_and_told_later(world):
    client = world.client("A")
    url = reverse("referrals:compelled_new", args=[client.pk])
    page = text_of(world.browser("A").get(url))
    assert "A subpoena by itself opens nothing" in page and 'value="subpoena"' not in page
    world.browser("A").post(url, compelled())
    with world.acting("A"):
        found = CompelledDisclosure.objects.get()
    assert b"25-117" not in bytes(found.reference_sealed)
    listed = text_of(world.browser("A").get(reverse(ALL, args=[client.pk])))
    assert "Order 25-117, Alder County" in listed and "Now they were told" in listed
    world.browser("A").post(reverse("referrals:compelled_told", args=[found.pk]), {"told": "told_after"})
    with world.acting("A"):
        assert CompelledDisclosure.objects.get().told == "told_after"


def test_what_a_court_took_sent_twice_is_kept_once(world):
    url = reverse("referrals:compelled_new", args=[world.client("A").pk])
    answers = compelled(once=once(world.browser("A").get(url)))
    for _ in range(2):
        assert world.browser("A").post(url, answers).status_code == 302
    with world.acting("A"):
        assert CompelledDisclosure.objects.count() == 1


@pytest.mark.parametrize("name", ["basis", "reference", "classes", "told"])
def test_what_compels_is_named(world, name):
    url = reverse("referrals:compelled_new", args=[world.client("A").pk])
    answer = world.browser("A").post(url, compelled(**{name: "subpoena" if name == "basis" else ""}))
    assert name in answer.context["form"].errors
    with world.acting("A"):
        assert not CompelledDisclosure.objects.exists()


# Handing over, and who may sign


def test_signed_for_a_handing_over_it_leads_back_there(world):
    client = world.client("A")
    answer = sent(world, client, said(world), query="?then=hand_over")
    assert (
        answer.url == reverse("referrals:hand_over", args=[client.pk]) + f"?release={the_release(world).pk}"
    )
    other = sent(world, client, said(world), query="?then=https://elsewhere.example/")
    assert other.url.startswith("/clients/releases/")


def test_who_receives_such_records_reads_the_laws_notice(world):
    client, keys = world.client("A"), {letter: key_of(world, letter) for letter in "AB"}
    today = timezone.localdate()
    with world.acting("A", "data_lead"):
        affairs.add_award(
            funder="X", number="1", starts_on=today, ends_on=today + timedelta(days=300), regimes=["part_2"]
        )
    with world.acting("A"):
        disclosures.hand_over(**handing(world, client, keys["B"], receiver="B"))
    page = text_of(world.browser("B").get(reverse("referrals:handed_to_us")))
    assert "42 CFR part 2 prohibits unauthorized use or disclosure of these records." in page


def test_the_table_of_who_may_sign_needs_a_law_for_each_rule(world):
    lead, url = world.browser("A", "data_lead"), reverse("signing")
    page = text_of(lead.get(url))
    assert "This is not legal advice." in page and "None yet" in page
    rule = {"act": "add_rule", "purpose": "referral", "from_age": "14"}
    assert "citation" in lead.post(url, rule).context["form"].errors
    lead.post(url, {**rule, "citation": "TR Code 9-14"})
    assert "TR Code 9-14" in text_of(lead.get(url))
    supervisor = world.browser("A", "supervisor")
    assert "TR Code 9-14" in text_of(supervisor.get(url)) and "The data lead changes" in text_of(
        supervisor.get(url)
    )
    assert supervisor.post(url, {**rule, "citation": "x"}).status_code == 404
    with world.acting("A"):
        pk = releases.signing_rules().get().pk
    for one in (uuid.uuid4(), "x"):
        lead.post(url, {"act": "end_rule", "rule": str(one)})
    assert "TR Code 9-14" in text_of(lead.get(url))
    lead.post(url, {"act": "end_rule", "rule": str(pk)})
    assert "TR Code 9-14" not in text_of(lead.get(url))


# The walls, and who


@pytest.mark.parametrize("name", ["release", "release_paper", "release_revoke"])
def test_another_agencys_release_is_a_missing_one(world, name):
    """The owner is let in by the same set-up."""
    found = released(world, world.client("A"))

    def ask(letter, pk):
        browser, url = world.browser(letter), reverse(f"referrals:{name}", args=[pk])
        return browser.post(url, {"how": "orally"}) if name == "release_revoke" else browser.get(url)

    foreign, absent = ask("B", found.pk), ask("B", uuid.uuid4())
    assert (foreign.status_code, foreign.content) == (404, absent.content)
    assert ask("A", found.pk).status_code in (200, 302)


def test_a_data_lead_reads_but_does_not_sign(world):
    client = world.client("A")
    found = released(world, client)
    lead = world.browser("A", "data_lead")
    assert "Take it back" not in text_of(lead.get(reverse("referrals:release", args=[found.pk])))
    assert lead.get(reverse(NEW, args=[client.pk])).status_code == 404
    assert (
        lead.post(reverse("referrals:release_revoke", args=[found.pk]), {"how": "orally"}).status_code == 404
    )


def test_an_end_is_seen_at_the_next_look(world):
    client = world.client("A")
    world.release(client, "B", ends_at=Now() + timedelta(microseconds=1))
    page = text_of(world.browser("A").get(reverse(ALL, args=[client.pk])))
    assert "state--expired" in page and "state--live" not in page
