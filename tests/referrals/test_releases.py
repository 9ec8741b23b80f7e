"""A release of information is one recipient, exact information, an end and a signature, or it is none (ADR 0016).
What ends by the clock is tested in test_releases_clock.py; the pages' words are tested with the pages."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.db.models.functions import Now
from django.utils import timezone

from agencies import affairs
from agencies.models import LedgerEntry
from agencies.scope import NotAllowed
from referrals import disclosures, notices, picklists, releases
from referrals.models import Client, CompelledDisclosure, Disclosure, ReleaseOfInformation, SigningRule
from referrals.picklists import CompelledBasis, DisclosureClass, ReleaseClass, ReleasePurpose
from referrals.releases import Signature, State, Terms, Way
from tests.attacks import postgres
from tests.referrals.test_disclosures import handing, key_of, part, seen_by

TODAY = timezone.localdate
SIGNED = Signature(
    signer="client",
    how="paper",
    language="spa",
    interpreter="by_phone",
    risks_explained=True,
    copy_given="unsafe",
)


def terms(world, to="B", **changed):
    """What is allowed: to an agency by its letter, or with None to the hub."""
    signature = replace(SIGNED, **changed.pop("signature", {}))
    if to is None:
        scope = {"classes": ["count"], "purpose": "counting", "partners": [world.agency("B").pk]}
    else:
        scope = {"classes": ["identity", "contact"], "purpose": "referral"}
    return Terms(
        **{
            "recipient_id": world.agency(to).pk if to else None,
            "ends_on": TODAY() + timedelta(days=20),
            "signature": signature,
            **scope,
            **changed,
        }
    )


@pytest.fixture
def client(world):
    world.agency("B")
    return world.client("A")


def refused(world, client, said):
    with world.acting("A"), pytest.raises(ValidationError) as error:
        releases.sign(client=client, terms=said)
    with world.acting("A"):
        assert not ReleaseOfInformation.objects.exists()
    return set(error.value.message_dict)


def refused_too(world, client, said):
    """The same beside releases that stand."""
    with world.acting("A"), pytest.raises(ValidationError) as error:
        releases.sign(client=client, terms=said)
    return set(error.value.message_dict)


# Signing


@pytest.mark.parametrize("to", ["B", None], ids=["an agency", "the hub"])
def test_what_was_signed_is_kept_as_it_was_said(world, client, to):
    with world.acting("A") as actor:
        release = releases.sign(client=client, terms=terms(world, to))
        assert (release.client_id, release.recipient_id) == (client.pk, world.agency("B").pk if to else None)
        assert release.classes == (["identity", "contact"] if to else ["count"])
        assert release.partners == ([] if to else [world.agency("B").pk])
        assert release.last_day == TODAY() + timedelta(days=20) and release.signed_on == TODAY()
        assert (release.language, release.interpreter, release.copy_given) == ("spa", "by_phone", "unsafe")
        assert (release.worker_id, release.revoked_at, release.longer_reason) == (actor.user_id, None, "")
        assert [one.state for one in releases.of_client(client)] == [State.LIVE]
        entry = LedgerEntry.objects.get(agency_id=actor.agency_id, verb="release.signed")
    assert entry.target_id == str(release.pk)


def test_nobody_else_reads_it_not_even_its_recipient(world, client):
    release = world.release(client, "B")
    for letter in "BC":
        with world.acting(letter):
            assert not ReleaseOfInformation.objects.filter(pk=release.pk).exists()


@pytest.mark.parametrize(
    ("to", "changed", "field"),
    [
        ("B", {"ends_on": None}, "ends_on"),
        ("B", {"ends_on": -1}, "ends_on"),
        ("B", {"ends_on": 365, "longer_reason": "award_period"}, "ends_on"),
        ("B", {"ends_on": 10, "starts_on": 11}, "ends_on"),
        ("B", {"starts_on": -1}, "starts_on"),
        ("B", {"ends_on": 30}, "longer_reason"),
        ("B", {"ends_on": 30, "longer_reason": "because"}, "longer_reason"),
        ("B", {"ends_on": 90, "purpose": "working_together"}, "longer_reason"),
        (None, {"ends_on": 90}, "longer_reason"),
        ("A", {}, "recipient"),
        ("B", {"recipient_id": 999_999}, "recipient"),
        ("B", {"recipient_id": None}, "recipient"),
        ("B", {"partners": [1]}, "partners"),
        ("B", {"classes": []}, "classes"),
        ("B", {"classes": ["everything"]}, "classes"),
        ("B", {"classes": ["identity", "identity"]}, "classes"),
        ("B", {"classes": ["identity", "count"]}, "classes"),
        ("B", {"purpose": "counting"}, "classes"),
        ("B", {"purpose": ""}, "purpose"),
        ("B", {"purpose": "anything"}, "purpose"),
        (None, {"classes": ["identity"]}, "classes"),
        (None, {"classes": ["confirm"]}, "classes"),
        (None, {"partners": []}, "partners"),
        (None, {"partners": [999_999]}, "partners"),
        ("B", {"signature": {"risks_explained": False}}, "risks_explained"),
        ("B", {"signature": {"how": "telepathy"}}, "how"),
        ("B", {"signature": {"language": "not_asked"}}, "language"),
        ("B", {"signature": {"interpreter": ""}}, "interpreter"),
        ("B", {"signature": {"copy_given": ""}}, "copy_given"),
        ("B", {"signature": {"signer": "trafficker"}}, "signer"),
        ("B", {"signature": {"signer": "minor"}}, "age"),
        ("B", {"signature": {"signer": "minor", "age": 15}}, "signer"),
        ("B", {"signature": {"signer": "parent"}}, "is_suspected"),
        ("B", {"signature": {"signer": "parent", "is_suspected": True}}, "signer"),
        ("B", {"signature": {"signer": "guardian", "is_suspected": True}}, "signer"),
        ("B", {"signature": {"signer": "representative", "is_suspected": True}}, "signer"),
        ("B", {"signature": {"on": 1}}, "on"),
        ("B", {"signature": {"on": -91}}, "on"),
        ("B", {"starts_on": 91, "ends_on": 100}, "starts_on"),
        ("B", {"starts_on": 89, "ends_on": 100, "signature": {"on": -2}}, "starts_on"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_refused_says_which_answer_it_was(world, client, to, changed, field):
    days = {
        name: TODAY() + timedelta(days=value)
        for name, value in changed.items()
        if name in ("ends_on", "starts_on") and value is not None
    }
    if "on" in changed.get("signature", {}):
        days["signature"] = {"on": TODAY() + timedelta(days=changed["signature"]["on"])}
    assert field in refused(world, client, terms(world, to, **{**changed, **days}))


def test_own_agency_is_no_partner_and_none_stands_twice(world, client):
    a, b = world.agency("A").pk, world.agency("B").pk
    assert refused(world, client, terms(world, None, partners=[a, b])) == {"partners"}
    assert refused(world, client, terms(world, None, partners=[b, b])) == {"partners"}


def test_the_longest_is_a_year_with_a_reason(world, client):
    last = releases.latest_end()
    with world.acting("A"):
        made = releases.sign(client=client, terms=terms(world, ends_on=last, longer_reason="court_date"))
    assert (made.last_day, made.longer_reason) == (last, "court_date")


def test_a_reason_is_kept_only_where_it_lasts_longer(world, client):
    with world.acting("A"):
        made = releases.sign(client=client, terms=terms(world, longer_reason="court_date"))
    assert made.longer_reason == ""


def test_what_is_proposed_follows_the_purpose():
    proposed = {one.value: (releases.proposed_end(one) - TODAY()).days + 1 for one in ReleasePurpose}
    assert proposed == {"referral": 30, "case_conference": 90, "working_together": 90, "counting": 90}


def test_one_that_begins_later_is_coming_and_opens_nothing_yet(world, client):
    with world.acting("A"):
        releases.sign(client=client, terms=terms(world, starts_on=TODAY() + timedelta(days=3)))
        assert [one.state for one in releases.of_client(client)] == [State.COMING]
        assert not releases.live(client).exists()


@pytest.mark.parametrize("role", ["data_lead", "hotline"])
def test_who_may_not_work_with_clients_signs_and_revokes_nothing(world, client, role):
    release, said = world.release(client, "B"), terms(world)
    world.person("A", role)
    with world.acting("A", role), pytest.raises(NotAllowed):
        releases.sign(client=client, terms=said)
    with world.acting("A", role), pytest.raises(NotAllowed):
        releases.revoke(release=release, how="orally")


# Who signs


@pytest.fixture
def rule(world):
    world.person("A", "data_lead")
    with world.acting("A", "data_lead"):
        releases.add_signing_rule(purpose="referral", from_age=12, citation="Invented Code 1.1")
        return releases.add_signing_rule(purpose="referral", from_age=14, citation="Invented Code 1.2")


@pytest.mark.parametrize(
    ("band", "age", "purpose", "field"),
    [
        ("13_17", 14, "referral", None),
        ("not_asked", 17, "referral", None),
        ("13_17", 11, "referral", "signer"),
        ("13_17", 17, "case_conference", "signer"),
        ("25_59", 17, "referral", "signer"),
        ("13_17", 18, "referral", "signer"),
    ],
)
def test_a_minor_signs_alone_only_where_the_agencys_table_says_so(world, rule, band, age, purpose, field):
    client = world.client("A", age_band=band)
    said = terms(world, purpose=purpose, signature={"signer": "minor", "age": age})
    if field:
        assert refused(world, client, said) == {field}
        return
    with world.acting("A"):
        made = releases.sign(client=client, terms=said)
    assert made.rule_id == rule.pk and made.signer == "minor"
    # the age itself is nowhere
    assert not {field.name for field in made._meta.fields} & {"age", "signer_age", "age_band"}


def test_a_rule_that_ended_lets_nobody_sign_and_stays_with_what_was_signed(world, rule):
    client = world.client("A", age_band="13_17")
    said = terms(world, signature={"signer": "minor", "rule": rule, "age": 15})
    with world.acting("A"):
        made = releases.sign(client=client, terms=said)
    with world.acting("A", "data_lead"):
        releases.end_signing_rule(rule=rule)
    with world.acting("A"):
        with pytest.raises(ValidationError):
            releases.sign(client=client, terms=said)
        assert ReleaseOfInformation.objects.get(pk=made.pk).rule.citation == "Invented Code 1.2"


def test_a_rule_of_another_agency_is_none(world, rule):
    client = world.client("B")
    said = terms(world, "A", signature={"signer": "minor", "rule": rule, "age": 15})
    with world.acting("B"), pytest.raises(ValidationError):
        releases.sign(client=client, terms=said)
    with pytest.raises(IntegrityError):
        world.release(client, "A", signer="minor", rule_id=rule.pk)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"purpose": "x"}, "purpose"),
        ({"from_age": 18}, "from_age"),
        ({"from_age": None}, "from_age"),
        ({"citation": "  "}, "citation"),
        ({"citation": "§" * 121}, "citation"),
    ],
    ids=str,
)
def test_a_rule_names_purpose_age_and_law(world, changed, field):
    world.person("A", "data_lead")
    with world.acting("A", "data_lead"), pytest.raises(ValidationError) as error:
        releases.add_signing_rule(**{"purpose": "referral", "from_age": 14, "citation": "1.1", **changed})
    assert set(error.value.message_dict) == {field}


def test_the_table_ships_empty_and_only_the_data_lead_writes_it(world):
    with world.acting("A"):
        assert not SigningRule.objects.exists()
        with pytest.raises(NotAllowed):
            releases.add_signing_rule(purpose="referral", from_age=14, citation="1.1")


@pytest.mark.parametrize(("age", "allowed"), [(None, False), (17, False), (18, True)])
def test_a_client_whom_the_record_calls_a_minor_signs_alone_only_when_grown(world, age, allowed):
    client = world.client("A", age_band="13_17")
    said = terms(world, signature={"age": age})
    if not allowed:
        assert refused(world, client, said) == {"signer"}
        return
    with world.acting("A"):
        assert releases.sign(client=client, terms=said).signer == "client"


@pytest.mark.parametrize(
    ("signer", "band", "age", "field"),
    [
        ("minor", "0_12", 16, "age"),
        ("minor", "0_12", 13, None),
        ("client", "13_17", 19, "age"),
        ("client", "25_59", 24, "age"),
        ("client", "not_asked", 40, None),
        ("parent", "13_17", 17, None),
        ("parent", "13_17", 18, "signer"),
        ("guardian", "13_17", 18, "signer"),
        ("guardian", "not_asked", 30, "signer"),
    ],
)
def test_an_age_that_is_said_fits_the_record_and_who_signs(world, rule, signer, band, age, field):
    client = world.client("A", age_band=band)
    said = terms(world, signature={"signer": signer, "age": age, "is_suspected": False})
    if field:
        assert refused(world, client, said) == {field}
        return
    with world.acting("A"):
        assert releases.sign(client=client, terms=said).signer == signer


def test_who_came_years_ago_may_be_older_now(world, rule):
    client = world.client("A", age_band="0_12")
    with world.acting("A"):
        Client.objects.filter(pk=client.pk).update(recorded_at=Now() - timedelta(days=5 * 365))
        client.refresh_from_db()
        releases.sign(client=client, terms=terms(world, signature={"signer": "minor", "age": 16}))
    assert "age" in refused_too(world, client, terms(world, signature={"age": 30}))


@pytest.mark.parametrize("signer", ["parent", "guardian"])
def test_a_signature_is_looked_at_again_when_the_trafficker_turns_out_to_be_family(world, signer):
    client = world.client("A", age_band="13_17")
    by_kin = world.release(client, "B", signer=signer)
    world.release(client, "B", signer="representative")
    world.release(client, "B", signer=signer, ends_at=Now() + timedelta(microseconds=1))
    with world.acting("A"):
        assert not releases.to_look_at(client)
        Client.objects.filter(pk=client.pk).update(relationship_to_trafficker="family")
        assert list(releases.to_look_at(client)) == [by_kin]
        assert releases.standing(by_kin).state.is_live, "it is a prompt: whoever knows the client decides"
        releases.revoke(release=by_kin, how="orally")
        assert not releases.to_look_at()


@pytest.mark.parametrize(
    ("signer", "trafficker", "band", "allowed"),
    [
        ("parent", "stranger", "13_17", True),
        ("parent", "family", "13_17", False),
        ("parent", "stranger", "18_24", False),
        ("guardian", "stranger", "13_17", True),
        ("guardian", "family", "0_12", False),
        ("representative", "family", "13_17", True),
    ],
)
def test_whoever_may_have_trafficked_never_signs(world, signer, trafficker, band, allowed):
    client = world.client("A", age_band=band, relationship_to_trafficker=trafficker)
    said = terms(world, signature={"signer": signer, "is_suspected": False})
    if not allowed:
        assert refused(world, client, said) == {"signer"}
        return
    with world.acting("A"):
        assert releases.sign(client=client, terms=said).signer == signer


# What the database itself refuses


def family(world):
    return world.client("A", relationship_to_trafficker="family")


BY_HAND = {
    "over": ({"ends_at": Now()}, "a release that is over is not signed"),
    "before its start": ({"starts_at": Now() + timedelta(days=300)}, "a_release_ends_within_a_year"),
    "beyond a year": ({"ends_at": Now() + timedelta(days=365)}, "a_release_ends_within_a_year"),
    "longer without a reason": ({"longer_reason": ""}, "a_longer_release_says_why"),
    "to itself": ({"recipient": "A"}, "a_release_is_to_somebody_else"),
    "of nothing": ({"classes": []}, "a_release_names_what_is_for_whom"),
    "of everything": ({"classes": ["everything"]}, "a_release_names_what_is_for_whom"),
    "of another kind": ({"classes": ["count"]}, "a_release_names_what_is_for_whom"),
    "for another purpose": ({"purpose": "counting"}, "a_release_names_what_is_for_whom"),
    "to all": ({"recipient": None}, "a_release_names_what_is_for_whom"),
    "with partners": ({"partners": ["B"]}, "a_release_names_what_is_for_whom"),
    "uninformed": ({"risks_explained": False}, "a_release_is_informed"),
    "by a minor": ({"signer": "minor"}, "a_minor_signs_alone_under_a_rule"),
    "revoked": ({"revoked_at": Now(), "revoked_how": "orally"}, "a release is signed before it is revoked"),
    "signed long before": (
        {"signed_on": TODAY() - timedelta(days=99)},
        "within 90 days of its signature",
    ),
    "signed some day": ({"signed_on": TODAY() + timedelta(days=3)}, "within 90 days of its signature"),
    "revoked anyhow": ({"revoked_how": "orally"}, "a_revocation_says_how"),
}
TO_HUB_BY_HAND = {
    "among nobody": ({"partners": []}, "a_release_names_what_is_for_whom"),
    "among itself": ({"partners": ["A", "B"]}, "partners are other agencies of the network"),
    "among strangers": ({"partners": [999_999]}, "partners are other agencies of the network"),
    "of an identity": ({"classes": ["count", "identity"]}, "a_release_names_what_is_for_whom"),
    "of a question only": ({"classes": ["confirm"]}, "a_release_names_what_is_for_whom"),
}


def by_hand(world, client, to, changed):
    """Write such a row past every form and action, as the application's own role."""
    changed = dict(changed)
    for name in ("recipient", "partners"):
        value = changed.get(name)
        if isinstance(value, str):
            changed[name] = world.agency(value)
        elif isinstance(value, list) and to is not None:
            changed[name] = [world.agency(one).pk for one in value]
    if to is None and "partners" in changed:
        ids = [one if isinstance(one, int) else world.agency(one).pk for one in changed.pop("partners")]
        made = world.release(client)
        with world.acting("A"), connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE again AS SELECT * FROM referrals_releaseofinformation")
            cursor.execute("UPDATE again SET id = gen_random_uuid(), partners = %s", [ids])
            cursor.execute("INSERT INTO referrals_releaseofinformation SELECT * FROM again")
        return made
    return world.release(client, to, **changed)


@pytest.mark.parametrize(
    ("to", "changed", "guard"),
    [("B", *one) for one in BY_HAND.values()] + [(None, *one) for one in TO_HUB_BY_HAND.values()],
    ids=[*BY_HAND, *TO_HUB_BY_HAND],
)
def test_the_database_refuses_it_too(world, client, to, changed, guard):
    with pytest.raises(IntegrityError, match=guard):
        by_hand(world, client, to, changed)


def test_family_does_not_sign_by_hand_either(world):
    with pytest.raises(IntegrityError, match="family does not sign"):
        world.release(family(world), "B", signer="parent")


@pytest.mark.parametrize(
    ("model", "changed", "guard"),
    [
        (SigningRule, {"from_age": 18}, "a_signing_rule_is_about_minors"),
        (SigningRule, {"from_age": 0}, "a_signing_rule_is_about_minors"),
        (SigningRule, {"citation": ""}, "a_signing_rule_cites_its_law"),
        (CompelledDisclosure, {"basis": ""}, "only_an_order_or_a_law_compels"),
        (CompelledDisclosure, {"classes": []}, "what_is_compelled_is_named"),
        (CompelledDisclosure, {"classes": ["everything"]}, "what_is_compelled_is_named"),
        (CompelledDisclosure, {"receiver": "A"}, "what_is_compelled_leaves_the_agency"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_rule_and_an_order_are_held_to_theirs(world, client, model, changed, guard):
    world.person("A", "data_lead")
    with world.acting("A", "data_lead"):
        releases.add_signing_rule(purpose="referral", from_age=14, citation="1.1")
    with world.acting("A"):
        compelled(world, client)
    if "receiver" in changed:
        changed = {"receiver": world.agency("A")}
    with world.acting("A"), pytest.raises(IntegrityError, match=guard):
        model.objects.update(**changed)


@pytest.mark.parametrize(
    ("model", "changed"),
    [
        (SigningRule, {"citation": "2.2"}),
        (SigningRule, {"from_age": 12}),
        (SigningRule, {"purpose": "counting"}),
        (SigningRule, {"recorded_at": Now()}),
        (CompelledDisclosure, {"basis": "statute"}),
        (CompelledDisclosure, {"classes": ["identity", "contact", "safety"]}),
        (CompelledDisclosure, {"receiver": "C"}),
        (CompelledDisclosure, {"reference_sealed": b"another"}),
        (CompelledDisclosure, {"recorded_at": Now()}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else next(iter(value)),
)
def test_a_rule_and_an_order_stay_as_they_were_noted(world, client, model, changed):
    world.person("A", "data_lead")
    with world.acting("A", "data_lead"):
        rule = releases.add_signing_rule(purpose="referral", from_age=14, citation="1.1")
    with world.acting("A"):
        law = compelled(world, client)
    if "receiver" in changed:
        changed = {"receiver": world.agency("C")}
    with world.acting("A"), pytest.raises(IntegrityError, match="never edited"):
        model.objects.update(**changed)
    with world.acting("A"), pytest.raises(IntegrityError, match="not deleted"):
        model.objects.all().delete()
    with world.acting("A", "data_lead"):
        releases.end_signing_rule(rule=rule)
    with world.acting("A"):
        releases.tell(compelled=law, told="told_after")
        CompelledDisclosure.objects.update(worker=None, reference_sealed=b"")
    with world.acting("A"), pytest.raises(IntegrityError, match="ended once"):
        SigningRule.objects.update(ended_at=None)


@pytest.mark.parametrize(
    "changed",
    [
        {"ends_at": Now() + timedelta(days=201)},
        {"classes": ["identity"]},
        {"recipient": "C"},
        {"purpose": "working_together"},
        {"signer": "parent"},
        {"starts_at": Now()},
        {"revoked_at": Now()},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_was_signed_is_not_edited(world, client, changed):
    release = world.release(client, "B")
    if "recipient" in changed:
        changed = {"recipient": world.agency("C")}
    with world.acting("A"), pytest.raises(IntegrityError):
        ReleaseOfInformation.objects.filter(pk=release.pk).update(**changed)


def test_it_is_revoked_once_and_not_deleted(world, client):
    release = world.release(client, "B")
    mine = ReleaseOfInformation.objects
    with world.acting("A"), pytest.raises(IntegrityError, match="not deleted"):
        mine.filter(pk=release.pk).delete()
    with world.acting("A"):
        releases.revoke(release=release, how="in_writing")
    for again in ({"revoked_at": None, "revoked_how": ""}, {"revoked_how": "orally"}, {"revoked_at": Now()}):
        with world.acting("A"), pytest.raises(IntegrityError, match="revoked once"):
            mine.filter(pk=release.pk).update(**again)


# Handing over


@pytest.fixture
def keys(world):
    key_of(world, "A")
    return key_of(world, "B")


def test_nothing_goes_across_without_a_release(world, client, keys):
    with world.acting("A"):
        said = handing(world, client, keys, release=None)
        with pytest.raises(ValidationError) as error:
            disclosures.hand_over(**said)
        assert set(error.value.message_dict) == {"release"}
        assert not Disclosure.objects.exists()


@pytest.mark.parametrize("which", ["ended", "revoked", "coming", "counting", "of another client"])
def test_a_release_that_does_not_live_for_this_opens_nothing(world, client, keys, which):
    other = world.client("A")
    release = {
        "ended": lambda: world.release(client, "B", ends_at=Now() + timedelta(microseconds=1)),
        "revoked": lambda: world.release(client, "B"),
        "coming": lambda: world.release(client, "B", starts_at=Now() + timedelta(days=1)),
        "counting": lambda: world.release(client),
        "of another client": lambda: world.release(other, "B"),
    }[which]()
    with world.acting("A"):
        if which == "revoked":
            releases.revoke(release=release, how="orally")
        with pytest.raises(ValidationError) as error:
            disclosures.hand_over(**handing(world, client, keys, release=release, ends_on=TODAY()))
        assert set(error.value.message_dict) == {"release"}


def test_no_class_that_is_not_named_and_no_day_beyond_its_end(world, client, keys):
    release = world.release(client, "B", classes=["identity"], ends_at=Now() + timedelta(days=3))
    with world.acting("A"):
        for changed, field in (
            ({"parts": [part("contact")]}, "parts"),
            ({"ends_on": TODAY() + timedelta(days=5)}, "ends_on"),
        ):
            with pytest.raises(ValidationError) as error:
                disclosures.hand_over(**handing(world, client, keys, release=release, **changed))
            assert set(error.value.message_dict) == {field}
        given = disclosures.hand_over(
            **handing(world, client, keys, release=release, ends_on=release.last_day)
        )
        (one,) = given.disclosures.all()
    assert one.ends_at == release.ends_at and one.purpose == release.purpose


UNDER = {
    "another class": "data_class = 'numbers'",
    "another purpose": "purpose = 'case_conference'",
    "a later end": "ends_at = ends_at + interval '1 day'",
    "an earlier start": "starts_at = starts_at - interval '30 days'",
    "another receiver": "receiver_id = {c}",
    "another release": "release_id = '{other}'",
}


@pytest.fixture
def given(world, client, keys):
    release = world.release(client, "B", classes=["identity"], ends_at=Now() + timedelta(days=9))
    with world.acting("A"):
        return disclosures.hand_over(
            **handing(world, client, keys, release=release, ends_on=release.last_day)
        )


@pytest.mark.parametrize("change", UNDER.values(), ids=list(UNDER))
def test_by_hand_no_disclosure_leaves_its_release(world, client, given, change):
    other = world.release(world.client("A"), "B")
    change = change.format(c=world.agency("C").pk, other=other.pk)
    with (
        pytest.raises(IntegrityError, match="no release allows"),
        world.acting("A"),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE referrals_disclosure SET {change}")


@pytest.mark.parametrize(
    "change",
    ["release_id = NULL", "compelled_id = gen_random_uuid()"],
    ids=["neither", "both"],
)
def test_by_hand_it_hangs_on_exactly_one(world, given, change):
    with (
        pytest.raises(IntegrityError, match="a_disclosure_is_allowed_or_compelled"),
        world.acting("A"),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE referrals_disclosure SET {change}")


def test_by_hand_what_was_withdrawn_does_not_come_back(world, given):
    with world.acting("A"):
        disclosures.withdraw(handover=given)
        with pytest.raises(IntegrityError, match="stays withdrawn"):
            Disclosure.objects.update(withdrawn_at=None)


# Each guard is taken out once, by the superuser, and what it refused goes through.


RELEASE, DISCLOSURE = "referrals_releaseofinformation", "referrals_disclosure"
CHECKED = {
    "a_release_ends_within_a_year": "ends_at = starts_at + interval '400 days'",
    "a_longer_release_says_why": "longer_reason = ''",
    "a_release_is_to_somebody_else": "recipient_id = agency_id",
    "a_release_names_what_is_for_whom": "classes = '{everything}'",
    "a_minor_signs_alone_under_a_rule": "rule_id = (SELECT id FROM referrals_signingrule)",
    "a_release_is_informed": "risks_explained = false",
    "a_revocation_says_how": "revoked_how = 'orally'",
}
TRIGGERED = [
    "ends_at = statement_timestamp()",
    "signed_on = signed_on - 100",
    "renews_id = id, recipient_id = NULL, purpose = 'counting', classes = '{count}', partners = '{1}'",
    "revoked_at = now(), revoked_how = 'orally'",
    "signer = 'minor', rule_id = (SELECT id FROM referrals_signingrule)",
    "signer = 'parent', client_id = (SELECT id FROM referrals_client"
    " WHERE relationship_to_trafficker = 'family')",
    "recipient_id = NULL, purpose = 'counting', classes = '{count}', partners = '{999999}'",
]
# By name: how the superuser takes the guard out, of which table, and a copied row that it alone refuses.
GUARDS = {
    **{
        name: (f"ALTER TABLE {RELEASE} DROP CONSTRAINT {name}", RELEASE, change)
        for name, change in CHECKED.items()
    },
    **{
        f"is_signed: {change}": (f"DROP TRIGGER is_signed ON {RELEASE}", RELEASE, change)
        for change in TRIGGERED
    },
    "is_allowed": (
        f"DROP TRIGGER is_allowed ON {DISCLOSURE}",
        DISCLOSURE,
        "data_class = 'numbers', release_id = (SELECT id FROM referrals_releaseofinformation"
        " WHERE classes = '{identity}')",
    ),
    "a_disclosure_is_allowed_or_compelled": (
        f"DROP TRIGGER is_allowed ON {DISCLOSURE};"
        f"ALTER TABLE {DISCLOSURE} DROP CONSTRAINT a_disclosure_is_allowed_or_compelled",
        DISCLOSURE,
        "data_class = 'safety', release_id = NULL",
    ),
}


def test_each_guard_is_missed_when_it_is_gone(lasting_world):
    """A copy of an allowed row, changed in one point: refused, and taken as soon as the guard is out."""
    world = lasting_world
    client, public = world.client("A"), key_of(world, "B")
    key_of(world, "A"), family(world), world.person("A", "data_lead")
    with world.acting("A", "data_lead"):
        releases.add_signing_rule(purpose="counting", from_age=14, citation="Invented Code 1.1")
    with world.acting("A"):
        disclosures.hand_over(**handing(world, client, public))
    world.release(client, "B", classes=["identity"])
    one = {"agency": world.agency("A").pk, "user": world.person("A").pk}
    unnoticed = []
    with postgres.bench() as bench:
        for name, (gone, table, change) in GUARDS.items():
            bench.become("casehub_app", **one)
            with bench.passing():
                bench.run(f"CREATE TEMP TABLE again AS SELECT * FROM {table} LIMIT 1")
                bench.run(f"UPDATE again SET id = gen_random_uuid(), {change}")
                copied = f"INSERT INTO {table} SELECT * FROM again"
                with bench.passing():
                    refused = bench.tried(copied)
                bench.run("RESET ROLE")
                bench.run(gone)
                bench.become("casehub_app", **one)
                taken = bench.tried(copied)
            if not str(refused).startswith("CheckViolation") or taken != [(1,)]:
                unnoticed.append((name, refused, taken))
    assert unnoticed == []


# Taking back


def test_taken_back_nothing_of_it_lies_at_the_other_agency(world, client, given):
    with world.acting("A"):
        assert releases.revoke(release=given.disclosures.get().release, how="orally") == 1
    assert seen_by(world, "B") == 0
    with world.acting("A") as actor:
        (one,) = given.disclosures.all()
        assert one.withdrawn_at is not None and (bytes(one.sealed_e2e), bytes(one.tag)) == (b"", b"")
        (standing,) = releases.of_client(client)
        assert (standing.state, standing.release.revoked_by_id) == (State.REVOKED, actor.user_id)
        assert LedgerEntry.objects.filter(agency_id=actor.agency_id, verb="release.revoked").count() == 1


def test_the_row_alone_withdraws_what_hangs_on_it(world, given):
    """Not by this house's code: whoever sets the column ends it."""
    with world.acting("A"), connection.cursor() as cursor:
        cursor.execute("UPDATE referrals_releaseofinformation SET revoked_at = now(), revoked_how = 'orally'")
    assert seen_by(world, "B") == 0


def test_taking_back_says_how_and_happens_once(world, client):
    release = world.release(client, "B")
    with world.acting("A"):
        with pytest.raises(ValidationError) as error:
            releases.revoke(release=release, how="by dream")
        assert set(error.value.message_dict) == {"how"}
        assert releases.revoke(release=release, how="orally") == 0
        with pytest.raises(ValidationError, match="already"):
            releases.revoke(release=release, how="orally")


def test_taking_back_means_the_recipient_and_not_one_paper(world, client, given, keys):
    """Two of them, as a form was filled in twice, or one was renewed: a word takes back both."""
    other, coming = (
        world.release(client, "B"),
        world.release(client, "B", starts_at=Now() + timedelta(days=2)),
    )
    elsewhere, of_another = world.release(client, "C"), world.release(world.client("A"), "B")
    to_hub = world.release(client)
    with world.acting("A") as actor:
        disclosures.hand_over(**handing(world, client, keys, release=other))
        assert releases.revoke(release=given.disclosures.get().release, how="orally") == 2
        entered = LedgerEntry.objects.filter(agency_id=actor.agency_id, verb="release.revoked")
        assert entered.count() == 3
        standing = ReleaseOfInformation.objects.filter(revoked_at=None)
        assert set(standing) == {elsewhere, of_another, to_hub}
        coming.refresh_from_db()
        assert coming.revoked_how == "orally"
    assert seen_by(world, "B") == 0


def test_what_had_ended_is_not_said_to_be_taken_back(world, client):
    ended = world.release(client, "B", ends_at=Now() + timedelta(microseconds=1))
    live = world.release(client, "B")
    with world.acting("A"):
        releases.revoke(release=live, how="orally")
        ended.refresh_from_db()
        assert ended.revoked_at is None


@pytest.mark.parametrize("how", ["forgotten", "again"])
def test_nobody_says_what_only_the_hub_does(world, client, how):
    release = world.release(client, "B")
    with world.acting("A"), pytest.raises(ValidationError):
        releases.revoke(release=release, how=how)


# Renewing, and what is asked for


def test_renewed_it_is_a_new_row_and_the_old_one_stays(world, client):
    old = world.release(client, "B", ends_at=Now() + timedelta(days=5))
    with world.acting("A"):
        assert [one.pk for one in releases.expiring()] == [old.pk]
        new = releases.renew(release=old, ends_on=TODAY() + timedelta(days=25), signature=SIGNED)
        assert new.pk != old.pk and new.renews == old and new.classes == old.classes
        assert (new.recipient_id, new.purpose) == (old.recipient_id, old.purpose)
        states = {one.release.pk: one.state for one in releases.of_client(client)}
        assert states == {old.pk: State.EXPIRING, new.pk: State.LIVE}
        assert not releases.expiring().exists()
        releases.revoke(release=new, how="orally")
        assert not releases.expiring().exists(), "both are taken back"
        for stale in (old, new):
            with pytest.raises(ValidationError, match="taken back"):
                releases.renew(release=stale, ends_on=TODAY() + timedelta(days=25), signature=SIGNED)
            with pytest.raises(ValidationError, match="taken back"):
                releases.sign(client=client, terms=terms(world), renews=stale)


def test_a_renewal_is_of_the_same_client_and_recipient(world, client):
    old = world.release(client, "B")
    for other, to in ((world.client("A"), "B"), (client, "C"), (client, None)):
        with pytest.raises(IntegrityError, match="the same client to the same recipient"):
            world.release(other, to, renews=old)


def test_a_renewal_is_signed_like_the_first(world, client):
    old = world.release(client, "B")
    with world.acting("A"), pytest.raises(ValidationError) as error:
        releases.renew(release=old, ends_on=None, signature=replace(SIGNED, risks_explained=False))
    assert set(error.value.message_dict) == {"ends_on", "risks_explained"}


def test_the_client_is_counted_under_what_was_signed_last(world, client):
    with world.acting("A"):
        assert releases.to_count(client) is None
    world.release(client, "B")
    with world.acting("A"):
        assert releases.to_count(client) is None
    world.release(client, ends_at=Now() + timedelta(days=80))
    last = world.release(client, ends_at=Now() + timedelta(days=40))
    ended = world.release(client, ends_at=Now() + timedelta(microseconds=1))
    with world.acting("A"):
        assert releases.to_count(client) == last
        assert releases.standing(ended).state is State.ENDED
        releases.revoke(release=last, how="orally")
        assert releases.to_count(client) is None


def test_the_list_for_the_client_says_what_went_where_and_who_looked(world, client, given):
    counted = world.release(client)
    with world.acting("B"):
        disclosures.open_disclosure(disclosures.received().get().pk)
    with world.acting("A"):
        law = releases.compel(
            client=client,
            basis="statute",
            classes=["identity"],
            reference="Invented Code 9",
            told="told_after",
        )
        lines = {one.way: one for one in releases.shared(client)}
        assert set(lines) == set(Way)
        assert (
            lines[Way.HANDED_OVER].recipient == world.agency("B") and len(lines[Way.HANDED_OVER].looked) == 1
        )
        assert lines[Way.HANDED_OVER].is_live and lines[Way.HANDED_OVER].release is not None
        assert lines[Way.COMPELLED].compelled == law and lines[Way.COMPELLED].recipient is None
        assert lines[Way.COUNTED].release == counted and lines[Way.COUNTED].partners == (world.agency("B"),)
        releases.revoke(release=counted, how="orally")
        again = {one.way: one for one in releases.shared(client)}
        assert not again[Way.COUNTED].is_live and again[Way.COUNTED].until < counted.ends_at


# What the law takes


def compelled(world, client, **changed):
    said = {
        "basis": "court_order",
        "classes": ["identity"],
        "reference": "Invented Superior Court, 26-0001",
        "told": "told_before",
        "receiver_id": world.agency("B").pk,
    }
    return releases.compel(client=client, **{**said, **changed})


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"basis": "subpoena"}, "basis"),
        ({"classes": []}, "classes"),
        ({"classes": ["everything"]}, "classes"),
        ({"reference": " "}, "reference"),
        ({"told": ""}, "told"),
        ({"receiver_id": 999_999}, "receiver"),
    ],
    ids=str,
)
def test_what_the_law_took_names_basis_reference_and_notice(world, client, changed, field):
    with world.acting("A"), pytest.raises(ValidationError) as error:
        compelled(world, client, **changed)
    assert set(error.value.message_dict) == {field}


def test_a_subpoena_opens_nothing(world, client):
    assert not any("subpoena" in value for value in CompelledBasis)
    with world.acting("A"):
        law = compelled(world, client)
        with pytest.raises(IntegrityError, match="only_an_order_or_a_law_compels"):
            CompelledDisclosure.objects.filter(pk=law.pk).update(basis="subpoena")


def test_an_order_hands_over_what_it_names_to_whom_it_names(world, client, keys):
    with world.acting("A"):
        law = compelled(world, client)
        assert releases.reference_of(law) == "Invented Superior Court, 26-0001"
        said = handing(world, client, keys, release=None, compelled=law)
        for wrong in ({"parts": [part("contact")]}, {"release": world.release(client, "B")}):
            with pytest.raises(ValidationError):
                disclosures.hand_over(**{**said, **wrong})
        disclosures.hand_over(**said)
        (line,) = [one for one in releases.shared(client) if one.way is Way.COMPELLED]
        assert line.compelled == law and line.recipient == world.agency("B")
    assert seen_by(world, "B") == 1


def test_that_the_client_was_told_can_be_said_later(world, client):
    with world.acting("A"):
        law = compelled(world, client, told="unsafe")
        releases.tell(compelled=law, told="told_after")
        law.refresh_from_db()
        assert law.told == "told_after"
        assert b"Superior" not in bytes(law.reference_sealed)


# Notices


@pytest.mark.parametrize(
    ("regimes", "expected"),
    [
        (["voca"], []),
        (["part_2"], ["part_2"]),
        (["ferpa", "voca"], ["ferpa"]),
        (["part_2", "ferpa"], ["part_2", "ferpa"]),
    ],
    ids=lambda value: " ".join(value) or "none",
)
def test_the_notices_follow_the_awards_and_go_across(world, client, keys, regimes, expected):
    world.person("A", "data_lead")
    with world.acting("A", "data_lead"):
        affairs.add_award(
            funder="Invented fund",
            number="1",
            starts_on=TODAY() - timedelta(days=400),
            ends_on=TODAY() - timedelta(days=35),
            regimes=regimes,
        )
    with world.acting("A"):
        assert notices.notices() == expected
        disclosures.hand_over(**handing(world, client, keys))
    with world.acting("B"):
        assert disclosures.received().get().notices == expected
        assert notices.notices() == []


def test_part_2_carries_the_sentence_of_the_law():
    (first, _more) = notices.TO_THE_RECEIVER[picklists.DisclosureNotice.PART_2]
    assert str(first) == "42 CFR part 2 prohibits unauthorized use or disclosure of these records."
    assert set(notices.TO_THE_RECEIVER) == set(picklists.DisclosureNotice)


def test_an_agency_is_allowed_what_can_be_handed_over_and_nothing_else():
    assert {one.value for one in ReleaseClass if not one.is_for_hub} == set(DisclosureClass)
