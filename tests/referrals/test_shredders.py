"""Forgetting clients: what goes, what stays, what stops it, and that no backup brings it back (ADR 0012)."""

import shutil
import threading
import uuid
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.db.utils import ProgrammingError
from django.utils import timezone
from guardian.shortcuts import assign_perm

from agencies import vault
from agencies.models import Agency, LedgerEntry
from agencies.privacy import Privacy, client_path, shredded_fields
from agencies.roles import Permission
from agencies.scope import Actor, NotAllowed, acting_as
from agencies.scope.shredding import shredding
from referrals import actions, disclosures, queries, shredders
from referrals.models import (
    Client,
    ContactCard,
    Draft,
    LegalHold,
    Restriction,
    Service,
    Shredding,
    Touchpoint,
)
from referrals.picklists import ShredReason
from tests.referrals.test_cards import begin, envelope
from tests.referrals.test_disclosures import handing, key_of

ASKED = ShredReason.CLIENT_ASKED


def full(world, letter="A"):
    """A client with a code, a card, two notes and a draft."""
    if not vault_began(world, letter):
        begin(world, letter)
    with world.acting(letter):
        client = actions.open_client(code=f"KH-{uuid.uuid4().hex[:6]}")
        card = actions.SealedCard(envelope(), int(timezone.now().timestamp()), 1)
        actions.save_card(client=client, card=card)
        actions.record_touchpoint(sector="shelter", client=client, note="Met at the library")
        actions.record_service(client=client, type="cm", provided_on=date(2025, 2, 1), note="Slept well")
        actions.keep_draft(form="contact_new", body={"note": "half a sentence"}, client=client)
    return client


def vault_began(world, letter):
    from agencies.models import VaultKey

    with world.acting(letter, "supervisor"):
        return VaultKey.objects.exists()


def shred(world, *clients, letter="A", **options):
    with world.acting(letter, "supervisor"):
        return shredders.shred([one.pk for one in clients], why=ASKED, **options)


def boxes(world, letter="A"):
    """(box, how to open it) of everything the hub sealed about clients of the agency."""
    found = []
    with world.acting(letter):
        for client in Client.objects.exclude(code_sealed=b""):
            found.append((client.code_sealed, "client.code", client.pk, client.pk))
        for card in ContactCard.objects.all():
            found.append((card.sealed_e2e, ContactCard.PLACE, card.client_id, card.client_id))
        for model in (Touchpoint, Service):
            for row in model.objects.exclude(note_sealed=b""):
                found.append((row.note_sealed, f"{model._meta.model_name}.note", row.pk, row.client_id))
        for draft in Draft.objects.all():
            found.append((draft.body_sealed, "draft.body", draft.pk, draft.pk))
    return [(bytes(box), place, row, subject) for box, place, row, subject in found]


def opened(world, kept, letter="A"):
    agency, count = world.agency(letter).pk, 0
    for box, place, row, subject in kept:
        try:
            vault.unseal_bytes(box, agency=agency, place=place, row=row, subject=subject)
        except vault.VaultError:
            continue
        count += 1
    return count


def test_identity_goes_and_the_service_record_stays(lasting_world):
    world = lasting_world
    client, other = full(world), full(world)
    (made,) = shred(world, client)
    with world.acting("A", "supervisor"):
        client = Client.objects.get(pk=client.pk)
        assert (bytes(client.code_sealed), client.code_token) == (b"", None)
        assert not ContactCard.objects.filter(client=client).exists()
        assert not Draft.objects.filter(client=client).exists()
        assert [bytes(one.note_sealed) for one in Touchpoint.objects.filter(client=client)] == [b""]
        assert [bytes(one.note_sealed) for one in Service.objects.filter(client=client)] == [b""]
        assert queries.code_of(client) == str(client.pk)[:8].upper()
        (line,) = shredders.certificate(made)
        assert line.went == {"client": 1, "contactcard": 1, "draft": 1, "service": 1, "touchpoint": 1}
        assert line.why == ASKED and line.asked_by == world.person("A", "supervisor")
        assert len(line.fingerprint) == 64 and line.key_destroyed_at is not None
        assert queries.code_of(Client.objects.get(pk=other.pk)).startswith("KH-")
        assert ContactCard.objects.filter(client=other).exists()
        verbs = LedgerEntry.objects.filter(verb="identity.shredded")
        assert [one.rows for one in verbs] == [1]


def test_no_backup_from_before_opens_once_the_keys_are_gone(lasting_world, tmp_path):
    world = lasting_world
    client, other = full(world), full(world)
    kept = boxes(world)
    folder = Path(settings.CASEHUB_KEYS)
    shutil.copytree(folder, tmp_path / "keys")
    assert len(kept) == 10 and opened(world, kept) == 10
    shred(world, client)
    assert opened(world, kept) == 5
    about = {client.pk}
    with world.acting("A"):
        assert set(Client.objects.values_list("pk", flat=True)) >= about | {other.pk}
    # the sabotage: with a copy of the key folder from before, the same backup opens
    file = f"subjects-{world.agency('A').pk}.keys"
    now = (folder / file).read_bytes()
    try:
        (folder / file).write_bytes((tmp_path / "keys" / file).read_bytes())
        assert opened(world, kept) == 10
    finally:
        (folder / file).write_bytes(now)
    assert opened(world, kept) == 5


def test_a_draft_that_was_dropped_opens_from_no_backup_either(lasting_world):
    world = lasting_world
    with world.acting("A"):
        actions.keep_draft(form="client_new", body={"code": "KH-7"})
    kept = boxes(world)
    assert opened(world, kept) == 1
    with world.acting("A"):
        actions.drop_draft(form="client_new")
    assert opened(world, kept) == 0


def test_afterwards_the_record_takes_services_and_no_identity(lasting_world):
    world = lasting_world
    client = full(world)
    shred(world, client)
    with world.acting("A"):
        client = Client.objects.get(pk=client.pk)
        actions.record_touchpoint(sector="shelter", client=client)
        actions.record_service(client=client, type="cm", provided_on=date(2025, 3, 1))
        card = actions.SealedCard(envelope(), int(timezone.now().timestamp()), 1)
        with pytest.raises(ValidationError, match="new record"):
            actions.save_card(client=client, card=card)
        with pytest.raises(ValidationError, match="new record"):
            actions.change_client(client=client, code="KH-1", facts={})
        with pytest.raises(ValidationError, match="new record"):
            actions.record_touchpoint(sector="shelter", client=client, note="Came back")
        assert not ContactCard.objects.exists()


def test_what_slipped_in_meanwhile_is_passed_over_by_readers(lasting_world):
    """Sealed a moment before, written a moment after: its key is gone, and lists go on."""
    world = lasting_world
    client = full(world)
    with world.acting("A"):
        late = ContactCard.objects.get()
        code = bytes(Client.objects.get(pk=client.pk).code_sealed)
    shred(world, client)
    with world.acting("A"):
        late.save(force_insert=True)
        Client.objects.filter(pk=client.pk).update(code_sealed=code)
        assert queries.sealed_card(ContactCard.objects.get()) == b""
        assert queries.code_of(Client.objects.get(pk=client.pk)) == str(client.pk)[:8].upper()


def test_a_key_that_is_lost_closes_its_own_boxes_and_says_so_and_no_page_falls(lasting_world):
    """Not destroyed but gone: the card goes out as it is, and the browser says loudly that it does not open."""
    world = lasting_world
    client = full(world)
    file = Path(settings.CASEHUB_KEYS) / f"subjects-{client.agency_id}.keys"
    before = file.read_bytes()
    try:
        file.write_bytes(b"")
        with world.acting("A"):
            card = ContactCard.objects.get()
            assert queries.sealed_card(card) == bytes(card.sealed_e2e)
            assert queries.code_of(Client.objects.get()) == str(client.pk)[:8].upper()
            assert "can't be opened" in queries.note_of(Service.objects.get())
        assert shred(world, client) == []  # and nothing is certified that could come back with the folder
        with world.acting("A"):
            assert ContactCard.objects.exists()
    finally:
        file.write_bytes(before)
    assert len(shred(world, client)) == 1


def test_a_client_who_had_nothing_sealed_gets_no_key_afterwards(lasting_world):
    """Their place in the key file is taken by zeros: no card, code or note is taken for good."""
    world = lasting_world
    begin(world, "A")
    client = world.client("A")
    (line,) = shred(world, client)
    assert line.fingerprint == ""
    with world.acting("A"):
        card = actions.SealedCard(envelope(), int(timezone.now().timestamp()), 1)
        with pytest.raises(ValidationError, match="new record"):
            actions.save_card(client=client, card=card)
        with pytest.raises(ValidationError, match="new record"):
            actions.change_client(client=client, code="KH-1", facts={})


def test_a_change_saved_from_an_old_page_brings_nothing_back(lasting_world):
    world = lasting_world
    client = world.client("A", code="KH-9", source_key="a" * 32)
    with world.acting("A"):
        stale, also = Client.objects.get(pk=client.pk), Client.objects.get(pk=client.pk)
    shred(world, client, cut_source=True)
    with world.acting("A"):
        actions.change_client(client=stale, facts={"gender": "other"})
        facts = {"trafficking_status": "possible", "status_decided_by": "service_provider"}
        actions.record_touchpoint(sector="shelter", client=also, facts=facts)
        now = Client.objects.get(pk=client.pk)
        assert (now.gender, now.trafficking_status) == ("other", "possible")
        assert (bytes(now.code_sealed), now.code_token, now.source_key) == (b"", None, "")


def test_nothing_is_handed_over_of_who_was_forgotten(lasting_world):
    world = lasting_world
    client, public = world.client("A"), key_of(world, "B")
    key_of(world, "A")
    shred(world, client)
    with world.acting("A"), pytest.raises(ValidationError, match="nothing to hand over"):
        disclosures.hand_over(**handing(world, client, public))


# A restored backup, an old key file


def test_what_a_restored_backup_brings_back_goes_again_in_the_night(lasting_world):
    world = lasting_world
    client = full(world)
    with world.acting("A"):
        card, row = ContactCard.objects.get(), Client.objects.get(pk=client.pk)
        draft = Draft.objects.get()
    shred(world, client)
    with world.acting("A"):
        Shredding.objects.all().delete()
    with connections["owner"].cursor() as cursor:  # as a restore does, past every wall
        cursor.execute("ALTER TABLE referrals_shredding DISABLE ROW LEVEL SECURITY")
        cursor.execute("DELETE FROM referrals_shredding")
        cursor.execute("ALTER TABLE referrals_shredding ENABLE ROW LEVEL SECURITY")
    with world.acting("A"):
        card.save(force_insert=True), row.save(), draft.save(force_insert=True)
        assert queries.code_of(Client.objects.get()) == str(client.pk)[:8].upper()  # pages stand meanwhile
    assert shredders.by_night(world.agency("A")) == 1
    with world.acting("A", "supervisor"):
        assert Shredding.objects.get().why == "restored"
        assert not ContactCard.objects.exists() and not Draft.objects.exists()
        assert Client.objects.get().code_token is None
    assert shredders.by_night(world.agency("A")) == 0


def test_an_old_key_file_put_back_is_noticed_and_destroyed_again(lasting_world, caplog):
    world = lasting_world
    client = full(world)
    kept = boxes(world)
    file = Path(settings.CASEHUB_KEYS) / f"subjects-{client.agency_id}.keys"
    before = file.read_bytes()
    shred(world, client)
    file.write_bytes(before)
    assert opened(world, kept) == 5
    shredders.by_night(world.agency("A"))
    assert opened(world, [box for box in kept if box[3] == client.pk]) == 0
    assert "in the key folder again" in caplog.text
    with world.acting("A", "supervisor"):
        assert LedgerEntry.objects.filter(verb="identity.key_came_back").exists()


def imported(world, letter="A"):
    return world.client(letter, code=f"KH-{uuid.uuid4().hex[:6]}", source_key=uuid.uuid4().hex)


@pytest.mark.parametrize("cut", [False, True])
def test_the_files_own_link_stays_unless_it_is_cut_as_well(lasting_world, cut):
    world = lasting_world
    client = imported(world)
    world.service(client, source_key="a" * 32)
    shred(world, client, cut_source=cut)
    with world.acting("A"):
        assert bool(Client.objects.get().source_key) is not cut
        assert bool(Service.objects.get().source_key) is not cut


# By date


def gone_since(world, months_ago, letter="A", **facts):
    client = full(world, letter)
    long_ago = timezone.now() - timedelta(days=31 * months_ago)
    with world.acting(letter):
        Client.objects.filter(pk=client.pk).update(recorded_at=long_ago)
        ContactCard.objects.filter(client=client).update(saved_at=int(long_ago.timestamp()))
        Touchpoint.objects.filter(client=client).update(occurred_at=long_ago)
        Service.objects.filter(client=client).update(provided_on=long_ago.date())
    return client


def set_months(world, months, letter="A"):
    with world.acting(letter, "data_lead"):
        shredders.set_months(months)


def due(world, letter="A", on=None):
    with world.acting(letter, "supervisor"):
        return {one.client for one in shredders.due(on)}


def test_nobody_is_due_before_the_agency_has_set_a_date(lasting_world):
    world = lasting_world
    client = gone_since(world, 40)
    assert due(world) == set()
    set_months(world, 12)
    assert due(world) == {client.pk}
    set_months(world, 60)
    assert due(world) == set()


@pytest.mark.parametrize("months", [0, 121, -3])
def test_a_date_out_of_reach_is_refused(world, months):
    with world.acting("A", "data_lead"), pytest.raises(ValidationError):
        shredders.set_months(months)


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2026, 12, 1), 12, date(2025, 12, 1)),
    ],
)
def test_months_are_counted_as_people_count_them(day, months, before):
    assert shredders._months_before(day, months) == before


def test_whoever_is_enrolled_or_was_met_lately_is_not_due(lasting_world):
    world = lasting_world
    enrolled, met, left = (gone_since(world, 30) for _each in range(3))
    world.enrollment(enrolled, date(2023, 1, 1))
    world.touchpoint("A", met)
    world.enrollment(left, date(2023, 1, 1), exit_on=date(2023, 6, 1))
    set_months(world, 12)
    assert due(world) == {left.pk}


def test_whoever_was_entered_lately_is_listed_for_thirty_days_first(lasting_world):
    """A file of old years, or a card typed today about long ago: nothing goes before somebody could look."""
    world = lasting_world
    client = gone_since(world, 30)
    set_months(world, 12)
    with world.acting("A"):
        Client.objects.filter(pk=client.pk).update(recorded_at=timezone.now() - timedelta(days=29))
    assert due(world) == set()
    assert due(world, on=timezone.localdate() + shredders.NOTICE) == {client.pk}


def test_by_night_all_that_is_due_goes_closed_records_too(lasting_world, monkeypatch):
    world = lasting_world
    monkeypatch.setattr(shredders, "AT_ONCE", 2)
    clients = [gone_since(world, 20) for _each in range(5)]
    foreign = gone_since(world, 20, "B")
    fresh = full(world)
    with world.acting("A", "supervisor"):
        assign_perm("referrals.view_client", world.person("A", "supervisor"), clients[0])
        Restriction.objects.create(agency=world.agency("A"), client=clients[0])
    set_months(world, 12)
    kept = boxes(world)
    assert shredders.by_night(world.agency("A")) == 5
    assert opened(world, kept) == 5  # the fresh one's
    assert shredders.by_night(world.agency("A")) == 0
    with world.acting("A", "supervisor"):
        assert set(Shredding.objects.values_list("client_id", flat=True)) == {one.pk for one in clients}
        assert {one.why for one in Shredding.objects.all()} == {"by_date"}
        assert ContactCard.objects.get().client_id == fresh.pk
    with world.acting("A"):  # who may not open the closed record does not see its line either
        assert Shredding.objects.count() == 4
    with world.acting("B"):
        assert ContactCard.objects.get().client_id == foreign.pk


@pytest.mark.parametrize("what", ["enrolled", "met", "card"])
def test_whoever_comes_back_while_the_night_is_at_work_stays(lasting_world, what):
    """Due when the list was made, and no longer when their turn came."""
    world = lasting_world
    client = gone_since(world, 30)
    set_months(world, 12)
    assert due(world) == {client.pk}
    if what == "enrolled":
        world.enrollment(client, timezone.localdate())
    elif what == "met":
        world.touchpoint("A", client)
    else:
        with world.acting("A"):
            card = ContactCard.objects.get()
            again = actions.SealedCard(envelope(), int(timezone.now().timestamp()), 1, card.revision)
            actions.save_card(client=client, card=again)
    with world.acting("A", "supervisor"):
        assert shredders.shred([client.pk], why=ShredReason.BY_DATE) == []
        assert ContactCard.objects.exists()


def test_a_dry_run_changes_nothing(lasting_world):
    world = lasting_world
    client = gone_since(world, 20)
    set_months(world, 12)
    kept = boxes(world)
    with world.acting("A", "supervisor"):
        before = LedgerEntry.objects.count()
        (one,) = shredders.due()
        assert one.client == client.pk and not one.is_held
        assert LedgerEntry.objects.count() == before
    assert opened(world, kept) == len(kept)


# Legal hold


@pytest.mark.parametrize("whole_agency", [False, True])
def test_a_hold_stops_it_by_date_and_on_request_until_it_ends(lasting_world, whole_agency):
    world = lasting_world
    client = gone_since(world, 20)
    set_months(world, 12)
    with world.acting("A", "supervisor"):
        held = shredders.hold(client=None if whole_agency else client, reference="Letter of 3 May")
    assert shredders.by_night(world.agency("A")) == 0
    shred(world, client)
    with world.acting("A", "supervisor"):
        assert Shredding.objects.count() == 0 and ContactCard.objects.exists()
        assert shredders.hold_on(client) == held
        assert shredders.reference_of(held) == "Letter of 3 May"
        assert [one.is_held for one in shredders.due()] == [True]
        shredders.end_hold(held)
        assert shredders.hold_on(client) is None
    assert shredders.by_night(world.agency("A")) == 1


def test_a_holds_reference_is_sealed_and_no_identity(lasting_world):
    world = lasting_world
    client = full(world)
    with world.acting("A", "supervisor"):
        held = shredders.hold(client=client, reference="Letter of 3 May")
        assert b"Letter" not in bytes(LegalHold.objects.get(pk=held.pk).reference_sealed)
        with pytest.raises(ValidationError):
            shredders.hold(client=client, reference="SSN 123-45-6789")


def test_a_hold_placed_while_a_shredding_runs_waits_and_one_of_both_wins(lasting_world):
    """Twenty times both at once: never a hold on a living transaction's client whose card is gone unseen."""
    world = lasting_world
    for _each in range(10):
        client = full(world)
        start, errors = threading.Barrier(2), []

        def place(client=client, start=start, errors=errors):
            try:
                start.wait()
                with world.acting("A", "supervisor"):
                    if shredders.shredding_of(client) is None:
                        shredders.hold(client=client, reference="")
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        world.person("A", "supervisor")
        other = threading.Thread(target=place)
        other.start()
        start.wait()
        shred(world, client)
        other.join()
        assert errors == []
        with world.acting("A", "supervisor"):
            gone = shredders.shredding_of(client)
            assert ContactCard.objects.filter(client=client).exists() is (gone is None)
            held = LegalHold.objects.filter(client=client).first()
            if gone is None:
                assert held is not None


# The hand that does it


def test_only_who_keeps_the_cards_forgets(world):
    client = world.client("A")
    for role in ("caseworker", "hotline", "partner_viewer"):
        with world.acting("A", role), pytest.raises(NotAllowed):
            shredders.shred([client.pk], why=ASKED)
        with world.acting("A", role), pytest.raises(NotAllowed):
            shredders.hold(client=client, reference="")
    with world.acting("A", "supervisor"), pytest.raises(NotAllowed):
        shredders.set_months(12)


def test_another_agencys_client_is_passed_over(lasting_world):
    world = lasting_world
    client = full(world, "B")
    shred(world, client)
    with world.acting("B"):
        assert ContactCard.objects.filter(client=client).exists()
        assert not Shredding.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT code_sealed FROM referrals_client",
        "SELECT sealed_e2e FROM referrals_contactcard",
        "SELECT note_sealed FROM referrals_service",
        "UPDATE referrals_client SET gender = 'other'",
        "UPDATE referrals_service SET type = 'cm'",
        "DELETE FROM referrals_client",
        "DELETE FROM referrals_service",
        "DELETE FROM referrals_legalhold",
        "DELETE FROM referrals_shredding",
        "UPDATE referrals_shredding SET went = '{}'",
        "SELECT * FROM agencies_ledgerentry",
        "SELECT * FROM agencies_user",
        "SELECT * FROM agencies_datakey",
    ],
)
def test_the_hand_that_forgets_reads_no_sealed_text_and_changes_nothing_else(world, statement):
    world.client("A", code="KH-1")
    with (
        world.acting("A", "supervisor"),
        pytest.raises(ProgrammingError, match="permission denied"),
        shredding(),
    ):
        with connection.cursor() as cursor:
            cursor.execute(statement)


def test_the_hand_that_forgets_reaches_its_own_agency_only(world):
    world.client("A", code="KH-1"), world.client("B", code="KH-2")
    with world.acting("A", "supervisor"):
        with shredding():
            assert Client.objects.only("pk").count() == 1
            assert Client.objects.update(code_token=None) == 1
        assert Client.objects.count() == 1  # and back in one's own role
    with world.acting("B"):
        assert Client.objects.get().code_token is not None


def test_every_sealed_or_identifying_column_about_a_client_can_be_reached():
    """A new table of identity can't be forgotten by the forgetting."""
    elsewhere = {
        "referrals.RefusedRows": "about no client; dropped with its own key after 30 days",
        **dict.fromkeys(
            ("referrals.LinkToken", "referrals.LinkEdge", "referrals.LinkedPerson"),
            "goes with its LinkRecord, which goes whole, by the keys' cascade",
        ),
    }
    for model in apps.get_app_config("referrals").get_models():
        if Privacy.of(model).direct and model._meta.label not in elsewhere:
            assert client_path(model), f"{model._meta.label} says in `client_by` whom it is about"
    assert {model._meta.label for model in shredders.tables()} >= {
        "referrals.Client",
        "referrals.ContactCard",
        "referrals.Touchpoint",
        "referrals.Service",
        "referrals.Draft",
        "referrals.LegalHold",
    }
    kept = {(m._meta.label, name) for m in shredders.tables() for name in Privacy.of(m).kept}
    assert {name for _label, name in kept} == {"source_key", "enrollment_key", "row", "digest"}
    assert all(shredded_fields(model, cut_source=True) for model in shredders.tables())


# A crash between the commit and the keys


def test_a_crash_before_the_keys_are_gone_is_made_good_by_night(lasting_world, monkeypatch):
    world = lasting_world
    client = full(world)
    kept = boxes(world)
    with monkeypatch.context() as broken:
        broken.setattr(vault, "finish_destroying", lambda *_: 0)
        shred(world, client)
    with world.acting("A", "supervisor"):
        (line,) = Shredding.objects.all()
        assert line.key_destroyed_at is None
    assert opened(world, kept) > 0  # the columns are empty; a backup still opens
    shredders.by_night(Agency.objects.get(pk=client.agency_id))
    with world.acting("A", "supervisor"):
        (line,) = Shredding.objects.all()
        assert line.key_destroyed_at is not None and line.fingerprint
    assert opened(world, kept) == 0  # the draft's own key as well


def test_a_shredding_that_is_rolled_back_leaves_the_keys(lasting_world):
    world = lasting_world
    client = full(world)
    kept = boxes(world)
    with pytest.raises(RuntimeError), world.acting("A", "supervisor"):
        shredders.shred([client.pk], why=ASKED)
        raise RuntimeError
    assert opened(world, kept) == len(kept) == len(boxes(world))


def test_the_hubs_own_hand_needs_the_permission(world):
    with acting_as(Actor.hub(world.agency("A"))), pytest.raises(NotAllowed), shredding():
        pass
    with acting_as(Actor.hub(world.agency("A"), Permission.CARD_KEEP)), shredding():
        pass


def test_a_card_from_before_cards_were_covered_is_still_read_and_covered_at_its_next_save(lasting_world):
    world = lasting_world
    client = full(world)
    bare = envelope()
    with world.acting("A"):
        ContactCard.objects.update(sealed_e2e=bare)
        card = ContactCard.objects.get()
        assert queries.sealed_card(card) == bare
        again = actions.SealedCard(bare, int(timezone.now().timestamp()), 1, card.revision)
        actions.save_card(client=client, card=again)
        card = ContactCard.objects.get()
        assert bytes(card.sealed_e2e) != bare and queries.sealed_card(card) == bare
