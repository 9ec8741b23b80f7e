"""The agency's records out and home again: an export goes through the tool, its names as sealed cards, both onto
the hub; out comes HMIS CSV that the tool fills with the same names and birth dates, and that the importer knows."""

import csv
import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import reverse

from agencies import jobs
from agencies.models import Job, JobState, LedgerEntry, VaultKey
from agencies.scope import acting_as
from casehub.synthetic import world as synthetic_world
from casehub.synthetic import write_hmis
from referrals import actions, queries
from referrals.agency_side.bundle import make_bundle
from referrals.agency_side.cards import read_sealed, seal_export
from referrals.agency_side.cli import main
from referrals.agency_side.keys import IdHasher
from referrals.agency_side.schema import FILES, HMIS_FILES
from referrals.exchange import hmis_out
from referrals.models import Client, Enrollment
from tests.referrals.agency_side import vaults
from tests.referrals.exchange.bundles import small_network
from tests.referrals.exchange.test_import_bundle import everything, own_inbox, take
from tests.referrals.test_cards import let_in

__all__ = ["own_inbox"]
KEY = bytes(range(32))
FOUNDER = vaults.FOUNDER
PAGE = reverse("referrals:records_out")


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "publish", lambda reference, job_id: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: vaults.PASSPHRASES[FOUNDER])


def rows_of(path: Path, name: str) -> list[dict[str, str]]:
    with zipfile.ZipFile(path) as made:
        return list(csv.DictReader(io.StringIO(made.read(f"{name}.csv").decode("utf-8-sig"))))


def enter_by_hand(world: Any) -> None:
    """A client whom no file knows, with a row of each kind."""
    client = world.client("A", "KH-9001", gender="transgender", age_band="18_24", races=["asian"])
    enrollment = world.enrollment(client)
    world.touchpoint("A", client, given=["listened"])
    world.service(client, enrollment=enrollment, type="transp")
    world.screening(client)
    with world.acting("A"):
        actions.end_enrollment(
            enrollment=Enrollment.objects.get(pk=enrollment.pk),
            exit_on=enrollment.entry_on,
            destination="not_asked",
            reason="completed",
        )
        actions.send_referral(client=client, needed="dental", receivers=[world.agency("B")])


def exported(world: Any, out: Path) -> Path:
    """The export as the data lead gets it from the page."""
    lead = world.browser("A", "data_lead")
    assert lead.post(PAGE, {"why": "own_copy"}).status_code == 302
    actor = world.actor("A", "data_lead")
    with acting_as(actor):
        job = Job.objects.filter(name="export_hmis").latest("queued_at")
    assert jobs.run(actor.reference, str(job.pk)) == JobState.DONE
    answer = lead.get(reverse("referrals:records_file", args=[job.pk]))
    assert answer.status_code == 200
    out.write_bytes(answer.content)
    return out


@pytest.fixture
def home(world: Any, tmp_path: Path) -> Any:
    """An agency whose export lies on its own machine, and on the hub without names; the cards are sealed."""
    agency = world.agency("A")
    invented = synthetic_world("small")
    spec = invented.agency("kingfisher-house")
    export = write_hmis(invented, spec, tmp_path / "hmis").path
    mine = {"organization_id": spec.organization_id, "key": lambda _organization: KEY}
    bundle = make_bundle(export, tmp_path / "bundle.zip", **mine).path
    assert take(agency, bundle)["state"] == "done"
    vault = vaults.vault(str(agency.pk))
    seal_export(export, tmp_path / "cards.sealed", vault, **mine)
    (tmp_path / "vault.json").write_text(json.dumps(vaults.said(agency=str(agency.pk))))
    with world.acting("A", "supervisor"):
        for version in vaults.KEYS:
            VaultKey.objects.create(
                agency=agency,
                version=version,
                book_sealed=b"b",
                handover_public=b"p" * 32,
                handover_sealed=b"h",
            )
    for version in vaults.KEYS:
        let_in(world, "A", version, "supervisor")
    with world.acting("A", "supervisor"):
        now, by_source = int(time.time()), {one.source_key: one for one in Client.objects.all()}
        for source, _code, card in read_sealed(tmp_path / "cards.sealed", vault):
            where = {"client": str(by_source[source].pk), "revision": 1, "saved_at": now}
            sealed = actions.SealedCard(vault.seal("card", where, card), now, vault.version)
            actions.save_card(client=by_source[source], card=sealed)
    enter_by_hand(world)
    return {"place": tmp_path, "export": export, "spec": spec, "agency": agency}


def test_names_and_birth_dates_come_home_whole(world: Any, home: Any) -> None:
    place, hasher = home["place"], IdHasher(KEY, home["spec"].organization_id)
    out = exported(world, place / "records.zip")
    before = {hasher.hash("PersonalID", row["PersonalID"]): row for row in rows_of(home["export"], "Client")}
    # Nothing of who anybody is left the agency, and nothing of it is in what comes back.
    said = b"".join(zipfile.ZipFile(out).read(name) for name in zipfile.ZipFile(out).namelist())
    names = {row[part] for row in before.values() for part in ("LastName", "DOB") if len(row[part]) > 6}
    assert len(names) > 100
    assert not [name for name in names if name.encode() in said]

    cards = world.browser("A", "data_lead").get(reverse("referrals:cards_file"))
    (place / "cards.bin").write_bytes(cards.content)
    words = ["join", str(out), str(place / "named.zip"), "--by", "PersonalID"]
    assert main([*words, "--vault", str(place / "vault.json"), "--cards", str(place / "cards.bin")]) == 0
    after = {row["PersonalID"]: row for row in rows_of(place / "named.zip", "Client")}
    assert len(after) == len(before) + 1
    parts = ("FirstName", "MiddleName", "LastName", "NameSuffix")
    whole = [key for key, row in before.items() if row["NameDataQuality"] == "1" and row["LastName"]]
    dated = [key for key, row in before.items() if row["DOBDataQuality"] == "1" and row["DOB"]]
    assert min(len(whole), len(dated)) > len(before) / 2
    assert [[after[key][one] for one in parts] for key in whole] == [
        [before[key][one].strip() for one in parts] for key in whole
    ]
    assert [after[key]["DOB"] for key in dated] == [before[key]["DOB"] for key in dated]
    for row in after.values():
        assert (row["NameDataQuality"] in ("1", "2")) == bool(row["FirstName"] or row["LastName"])
        assert row["SSN"] == "" or row["SSN"].startswith("xxxxx")
    assert {row["DateCreated"][10] for row in after.values()} == {" "}
    # A whole HMIS CSV export: every file, every column in its place, and the tool reads it as one.
    with zipfile.ZipFile(place / "named.zip") as made:
        assert set(HMIS_FILES) <= {name.removesuffix(".csv") for name in made.namelist()} <= set(FILES)
        for name in made.namelist():
            header = made.read(name).decode().splitlines()[0].split(",")
            assert header == [one.name for one in FILES[name.removesuffix(".csv")].of_version("2026")]
    again = make_bundle(place / "named.zip", place / "again.zip", organization_id=None, key=lambda _one: KEY)
    assert again.files["Client"].rows_out == len(after)
    assert not {"file_missing", "column_missing", "column_unknown", "columns_shuffled"} & set(again.problems)


def test_the_importer_knows_what_the_hub_wrote(world: Any, home: Any) -> None:
    out = exported(world, home["place"] / "records.zip")
    before = everything(home["agency"])
    report = take(home["agency"], out)
    assert report["state"] == "done"
    assert everything(home["agency"]) == before
    for name, counts in report["files"].items():
        assert (name, counts["new"], counts["changed"], counts["refused"]) == (name, 0, 0, 0)
        assert counts["read"] == counts["unchanged"]


def test_the_importer_would_write_them_twice_without_looking(world: Any, home: Any, monkeypatch: Any) -> None:
    """Sabotage."""
    out = exported(world, home["place"] / "records.zip")
    monkeypatch.setattr(hmis_out, "stand_here", lambda file, keys: set())
    report = take(home["agency"], out)
    assert report["files"]["Client"]["new"] == 1
    assert report["files"]["Enrollment"]["new"] == 1


def test_what_was_entered_here_stands_in_the_files(world: Any, tmp_path: Path) -> None:
    """An agency that never sent a file."""
    world.county()
    enter_by_hand(world)
    with world.acting("A"):
        client = queries.client_by_code("KH-9001")
        enrollment = client.enrollments.get()
    out = exported(world, tmp_path / "records.zip")
    (one,) = rows_of(out, "Client")
    assert (one["PersonalID"], one["AgeBand"], one["Sex"], one["Asian"]) == (
        client.pk.hex,
        "18_24",
        "99",
        "1",
    )
    (stay,) = rows_of(out, "Enrollment")
    assert (stay["EnrollmentID"], stay["PersonalID"]) == (enrollment.pk.hex, client.pk.hex)
    assert stay["ProjectID"] == rows_of(out, "Project")[0]["ProjectID"] == enrollment.project_id.hex
    (ended,) = rows_of(out, "Exit")
    assert (ended["ExitDate"], ended["ProjectCompletionStatus"]) == (stay["EntryDate"], "1")
    (service,) = rows_of(out, "Services")
    assert (service["RecordType"], service["TypeProvided"]) in {("152", "8"), ("143", "13")}
    for name in ("Touchpoint", "Screening", "Referral"):
        assert [row["PersonalID"] for row in rows_of(out, name)] == [client.pk.hex]
    pairs = zipfile.ZipFile(out).read("clients.csv").decode().split()
    assert pairs == ["PersonalID,Client", f"{client.pk.hex},{client.pk.hex}"]
    assert "KH-9001" not in str([rows_of(out, name) for name in ("Client", "Enrollment", "Services")])


def test_what_was_learned_here_takes_the_place_of_what_the_file_said(world: Any, tmp_path: Path) -> None:
    agency = world.agency("A")
    take(agency, small_network(tmp_path / "b.zip"))
    with world.acting("A"):
        client = Client.objects.exclude(age_band="60_over").order_by("pk")[0]
        facts = {"age_band": "60_over", "races": ["asian"]}
        actions.change_client(client=client, facts=facts)
    rows = {row["PersonalID"]: row for row in rows_of(exported(world, tmp_path / "out.zip"), "Client")}
    told = rows[client.source_key]
    assert (told["AgeBand"], told["Asian"], told["White"]) == ("60_over", "1", "0")


@pytest.mark.parametrize(("role", "status"), [("data_lead", 200), ("caseworker", 404), ("coordinator", 404)])
def test_only_the_data_lead_takes_records_out(world: Any, role: str, status: int) -> None:
    assert world.browser("A", role).get(PAGE).status_code == status


def test_an_export_is_asked_for_with_a_reason_and_fetched_by_who_asked(world: Any, tmp_path: Path) -> None:
    world.client("A", "KH-1")
    lead = world.browser("A", "data_lead")
    assert lead.post(PAGE, {}).status_code == 200
    with world.acting("A"):
        assert not Job.objects.exists()
    exported(world, tmp_path / "out.zip")
    with world.acting("A"):
        job = Job.objects.get()
        entries = LedgerEntry.objects.filter(target_id=str(job.pk)).order_by("id")
        assert [(one.verb, one.why) for one in entries] == [
            ("client.export_asked", "own_copy"),
            ("client.exported", ""),
        ]
        assert entries[1].rows == job.result["rows"] > 0
    path = reverse("referrals:records_file", args=[job.pk])
    assert path in lead.get(PAGE).content.decode()
    assert world.browser("B", "data_lead").get(path).status_code == 404
    # After a week the file is gone.
    (Path(django_settings.INBOX) / job.result["file"]).unlink()
    assert lead.get(path).status_code == 404
    assert path not in lead.get(PAGE).content.decode()


def test_a_spoiled_list_of_clients_stops_the_join(world: Any, home: Any) -> None:
    place = home["place"]
    out = exported(world, place / "records.zip")
    (place / "cards.bin").write_bytes(
        world.browser("A", "data_lead").get(reverse("referrals:cards_file")).content
    )
    for spoil in (b"a", b"PersonalID,Client\nx,y\nx,z\n"):
        with zipfile.ZipFile(out) as given, zipfile.ZipFile(place / "spoiled.zip", "w") as made:
            for name in given.namelist():
                made.writestr(name, spoil if name == "clients.csv" else given.read(name))
        words = ["join", str(place / "spoiled.zip"), str(place / "named.zip"), "--by", "PersonalID"]
        assert main([*words, "--vault", str(place / "vault.json"), "--cards", str(place / "cards.bin")]) == 1
        assert not (place / "named.zip").exists()
