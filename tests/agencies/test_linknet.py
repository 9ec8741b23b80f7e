"""The network that counts people once, in its tables: who turns it on, with which epoch, who shares, whose file."""

from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from agencies import cardkeys, linknet, vault
from agencies.linknet import Unfit
from agencies.models import Agency, HolderFile, KeyHolder, LedgerEntry, LinkEpoch, SharingAgreement
from agencies.scope import NotAllowed
from tests.agencies.test_cardkeys import admitted, begun, box, rotation

FIRST = "0123 4567 89ab cdef 0123 4567 89ab cdef"
SECOND = "fedc ba98 7654 3210 fedc ba98 7654 3210"


@pytest.fixture(autouse=True)
def _own_keys(settings, tmp_path):
    """Peppers outlive a test's rolled-back rows: each test has a folder of its own."""
    settings.CASEHUB_KEYS = str(tmp_path / "keys")
    vault.ensure_kek()


@contextmanager
def refused(reason):
    with pytest.raises(Unfit) as error:
        yield
    assert str(error.value) == reason


def named(world, *numbers):
    with world.acting("HUB", "coordinator"):
        for number in numbers or linknet.HOLDERS:
            linknet.name_holder(number, url=f"https://holder{number}.example", body=f"Body {number}")


def on(world, number=1, fingerprint=FIRST):
    named(world)
    with world.acting("HUB", "coordinator"):
        return linknet.turn_on(number, fingerprint)


def test_linkage_is_off_until_three_holders_are_named_and_heard(world):
    assert not linknet.is_on() and linknet.epoch_now() is None and linknet.holders() == []
    named(world, 1, 2)
    with world.acting("HUB", "coordinator"), refused("holders"):
        linknet.turn_on(1, FIRST)
    assert on(world).number == 1
    assert linknet.is_on() and linknet.epoch_now().fingerprint == FIRST
    assert vault.pepper_stands(1) and linknet.lost_peppers() == []


def test_the_office_turns_it_off_and_on_again_with_the_same_epoch(world):
    on(world)
    with world.acting("HUB", "coordinator"):
        linknet.turn_off()
    assert not linknet.is_on() and linknet.epoch_now() is None
    assert [one.number for one in linknet.epochs()] == [1]
    with world.acting("HUB", "coordinator"):
        assert linknet.turn_on(1, FIRST).number == 1
        done = set(LedgerEntry.objects.filter(verb__startswith="linkage.").values_list("verb", flat=True))
    assert linknet.is_on()
    assert done == {"linkage.holder_named", "linkage.turned_on", "linkage.turned_off"}


@pytest.mark.parametrize(
    ("letter", "role"),
    [("A", "data_lead"), ("A", "supervisor"), ("HUB", "output_checker"), ("HUB", "hub_operator")],
)
def test_nobody_else_does(world, letter, role):
    on(world)
    acts = [
        lambda: linknet.name_holder(1, url="https://elsewhere.example", body="x"),
        lambda: linknet.turn_on(1, FIRST),
        linknet.turn_off,
        lambda: linknet.begin_epoch(2, SECOND),
        lambda: linknet.end_epoch(1),
    ]
    for act in acts:
        with world.acting(letter, role), pytest.raises(NotAllowed):
            act()


def test_a_holder_that_moves_turns_it_off(world):
    on(world)
    with world.acting("HUB", "coordinator"):
        linknet.name_holder(2, url="https://holder2.example", body="Another name, the same computer")
    assert linknet.is_on()
    with world.acting("HUB", "coordinator"):
        linknet.name_holder(2, url="https://elsewhere.example", body="Body 2")
    assert not linknet.is_on()


def test_there_is_no_fourth_holder(world):
    with world.acting("HUB", "coordinator"):
        with refused("shape"):
            linknet.name_holder(4, url="https://four.example", body="x")
        with pytest.raises(IntegrityError):
            KeyHolder.objects.create(number=4, url="https://four.example", body="x")


def test_an_epochs_number_is_one_key_for_ever(world):
    on(world)
    with world.acting("HUB", "coordinator"):
        with refused("epoch"):
            linknet.turn_on(1, SECOND)
        linknet.begin_epoch(2, SECOND)
        with refused("epoch"):
            linknet.turn_on(1, FIRST)
        for wrong in ("", FIRST.upper(), FIRST + " 0000", "x" * 39):
            with refused("shape"):
                linknet.begin_epoch(3, wrong)
    assert [one.number for one in linknet.epochs()] == [1, 2] and linknet.epoch_now().number == 2


def test_an_epoch_begins_only_while_linkage_is_on(world):
    on(world)
    with world.acting("HUB", "coordinator"):
        linknet.turn_off()
        with refused("off"):
            linknet.begin_epoch(2, SECOND)


def test_the_old_epoch_ends_with_its_pepper_and_the_newest_does_not_end(lasting_world):
    world = lasting_world
    on(world)
    before = vault.pepper(bytes(16), epoch=1)
    with world.acting("HUB", "coordinator"):
        with refused("running"):
            linknet.end_epoch(1)
        linknet.begin_epoch(2, SECOND)
    assert vault.pepper(bytes(16), epoch=1) == before  # the overlap
    with world.acting("HUB", "coordinator"):
        linknet.end_epoch(1)
        assert vault.pepper_stands(1)  # nothing is destroyed by what may yet be rolled back
    assert not vault.pepper_stands(1) and vault.pepper_stands(2)
    with pytest.raises(vault.Shredded):
        vault.pepper(bytes(16), epoch=1)
    with world.acting("HUB", "coordinator"), refused("moved"):
        linknet.end_epoch(1)
    assert [one.number for one in linknet.epochs()] == [2] and linknet.is_on()


@pytest.mark.parametrize("dumped", ["in the overlap", "before the second epoch"])
def test_an_ended_epoch_that_a_dump_brought_back_is_ended_again(lasting_world, dumped):
    """Its pepper stays destroyed: the folder of keys is not the database's."""
    world = lasting_world
    on(world)
    with world.acting("HUB", "coordinator"):
        linknet.begin_epoch(2, SECOND)
    with world.acting("HUB", "coordinator"):
        linknet.end_epoch(1)
    second = vault.pepper(bytes(16), epoch=2)
    LinkEpoch.objects.filter(number=1).update(ended_at=None)
    if dumped == "before the second epoch":
        LinkEpoch.objects.filter(number=2).delete()
        with world.acting("HUB", "coordinator"):
            with refused("running"):
                linknet.end_epoch(1)
            linknet.begin_epoch(2, SECOND)
    assert linknet.lost_peppers() == [1]
    with world.acting("HUB", "coordinator"):
        linknet.end_epoch(1)
    assert linknet.lost_peppers() == [] and not vault.pepper_stands(1)
    assert vault.pepper(bytes(16), epoch=2) == second and linknet.epoch_now().number == 2


def test_a_crash_between_the_end_and_the_pepper_is_made_up_for(world):
    on(world)
    LinkEpoch.objects.filter(number=1).update(ended_at=timezone.now())
    assert vault.pepper_stands(1)
    assert linknet.finish_ending() == 1 and not vault.pepper_stands(1)
    assert linknet.finish_ending() == 0


def test_a_lost_pepper_is_told(world, settings, tmp_path):
    on(world)
    (tmp_path / "keys" / "pepper-1.key").unlink()
    assert linknet.lost_peppers() == [1]


# Who shares tokens


def sign(world, letter, **facts):
    with world.acting(letter):
        mine = SharingAgreement.objects.filter(agency=world.agency(letter))
        mine.update(ended_at=timezone.now())
        SharingAgreement.objects.create(
            agency=world.agency(letter),
            version=mine.count() + 1,
            text_digest="0" * 64,
            **({"signed_at": timezone.now()} | facts),
        )


def test_partners_are_those_whose_signed_agreement_shares_tokens(world):
    under = {"shares_tokens_under_release": True}
    sign(world, "A", **under)
    sign(world, "B", shares_tokens_without_release=True)
    sign(world, "C")
    sign(world, "D", **under, signed_at=None)
    sign(world, "E", **under)
    sign(world, "E")
    sign(world, "F", **under)
    Agency.objects.filter(pk=world.agency("F").pk).update(left_on="2026-01-01")
    sign(world, "G", **under)
    Agency.objects.filter(pk=world.agency("G").pk).update(is_tribal=True, sharing_vetoed=True)
    for reader in ("A", "C"):
        with world.acting(reader):
            assert linknet.partners() == sorted([world.agency("A").pk, world.agency("B").pk])


def test_outside_a_door_no_agreement_is_read(world):
    sign(world, "A", shares_tokens_under_release=True)
    assert linknet.partners() == []


def test_what_is_not_shared_stays_behind_the_wall(world):
    """The policy lets through exactly the signed ones that share, and it is that policy which does."""
    sign(world, "A", shares_tokens_under_release=True)
    sign(world, "B")
    with world.acting("C"):
        assert set(SharingAgreement.objects.values_list("agency_id", flat=True)) == {world.agency("A").pk}


def test_without_the_policy_no_agency_hears_of_another(lasting_world):
    world = lasting_world
    sign(world, "A", shares_tokens_under_release=True)
    world.person("C")
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT qual FROM pg_policies WHERE policyname = 'published' AND tablename = %s", [TABLE]
        )
        (said,) = cursor.fetchone()
        cursor.execute(f"DROP POLICY published ON {TABLE}")
    try:
        with world.acting("C"):
            assert linknet.partners() == []
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"CREATE POLICY published ON {TABLE} FOR SELECT TO casehub_app USING ({said})")
    with world.acting("C"):
        assert linknet.partners() == [world.agency("A").pk]


TABLE = SharingAgreement._meta.db_table


# An agency's file


def holder_file(serial=1, version=1, epoch=1, size=2048):
    return {"serial": serial, "epoch": epoch, "sealed": box(size, version)}


def test_who_keeps_the_keys_saves_the_file_and_whoever_opens_cards_reads_it(world):
    begun(world)
    with world.acting("A", "supervisor"):
        assert linknet.holder_file() is None
        linknet.keep_holder_file(holder_file())
    with world.acting("A"):
        assert linknet.holder_file().serial == 1
        with pytest.raises(NotAllowed):
            linknet.keep_holder_file(holder_file(2))
    with world.acting("A", "hotline"), pytest.raises(NotAllowed):
        linknet.holder_file()
    with world.acting("B"):
        assert linknet.holder_file() is None


def test_a_later_save_replaces_and_nobody_writes_over_the_unseen(world):
    begun(world)
    with world.acting("A", "supervisor"):
        linknet.keep_holder_file(holder_file())
        for serial in (1, 3):
            with refused("moved"):
                linknet.keep_holder_file(holder_file(serial))
        linknet.keep_holder_file(holder_file(2, epoch=2))
        assert [(one.serial, one.epoch) for one in HolderFile.objects.all()] == [(2, 2)]
        linknet.drop_holder_file()
        assert linknet.holder_file() is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"serial": 0},
        {"epoch": 0},
        {"epoch": True},
        {"sealed": ""},
        {"sealed": "not base64!"},
        {"sealed": box(2047, 1)},
        {"sealed": box(2048, 2)},
        {"sealed": None},
    ],
    ids=["serial", "epoch", "bool", "empty", "text", "size", "version", "none"],
)
def test_what_no_browser_of_ours_sends_is_refused(world, wrong):
    begun(world)
    with world.acting("A", "supervisor"), refused("shape"):
        linknet.keep_holder_file(holder_file() | wrong)


def test_without_a_vault_there_is_nothing_to_seal_it_under(world):
    with world.acting("A", "supervisor"), refused("moved"):
        linknet.keep_holder_file(holder_file())


def test_after_a_renewal_the_file_is_sealed_anew_before_the_old_key_goes(world):
    from casehub.old_keys import still_opens

    stay = [begun(world), admitted(world)]
    with world.acting("A", "supervisor"):
        linknet.keep_holder_file(holder_file())
        cardkeys.rotate(rotation(stay))
        assert linknet.seals_holder_file(1) and still_opens(1)
        assert cardkeys.finish(still_opens) == []
        with refused("shape"):
            linknet.keep_holder_file(holder_file(2, version=1))
        linknet.keep_holder_file(holder_file(2, version=2))
        assert cardkeys.finish(still_opens) == [1]


def test_a_lost_pepper_is_told_at_the_start_and_stops_nobody(world, tmp_path, caplog):
    from casehub import checks

    on(world)
    assert checks.link_keys(databases=["default"]) == []
    (tmp_path / "keys" / "pepper-1.key").unlink()
    (problem,) = checks.link_keys(databases=["default"])
    assert problem.id == "casehub.E006" and "epoch 1" in problem.msg and "pepper-1.key" in problem.hint
    assert "end it again" in problem.hint and "never restore a key that was destroyed" in problem.hint
    checks.serve_safely()
    assert "epoch 1 is gone" in caplog.text
