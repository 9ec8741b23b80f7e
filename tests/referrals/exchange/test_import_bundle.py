"""A bundle becomes rows of one agency: what each file becomes, again without change, and after any death."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from agencies import jobs, vault
from agencies.models import Agency, Job, JobState, LedgerEntry, Project
from agencies.roles import Permission
from agencies.scope import Actor, acting_as
from referrals.exchange import inbox, intake
from referrals.models import (
    Client,
    Enrollment,
    FollowUp,
    Import,
    ImportedRow,
    ImportProblem,
    Referral,
    RefusedRows,
    Screening,
    Service,
    Touchpoint,
)
from tests.referrals.exchange.bundles import bundle_file, key, person, row, small_network, stay
from tests.world import World

PASSING = ("id", "agency_id", "recorded_at", "changed_at", "client_id", "enrollment_id", "project_id")
NOUNS = (Client, Enrollment, Service, Screening, Referral, Touchpoint, FollowUp, ImportedRow, Project)


@pytest.fixture(autouse=True)
def own_inbox(settings: Any, tmp_path: Path) -> None:
    settings.INBOX = tmp_path / "inbox"


def take(agency: Agency, path: Path, **options: Any) -> dict[str, Any]:
    out = path.with_suffix(".json")
    call_command("import_bundle", str(path), agency=agency.slug, json=out, **options)
    return json.loads(out.read_text())


def everything(agency: Agency) -> dict[str, list[Any]]:
    """All values of all rows of the agency, but when they were written."""
    with acting_as(Actor.hub(agency)):
        found = {}
        for model in NOUNS:
            names = [field.attname for field in model._meta.concrete_fields if field.attname not in PASSING]
            rows = [
                {name: bytes(v) if isinstance(v := getattr(one, name), memoryview) else v for name in names}
                for one in model.objects.all()
            ]
            found[model.__name__] = sorted(rows, key=lambda row: row["source_key"] + row.get("file", ""))
        return found


def numbers(agency: Agency) -> dict[str, int]:
    return {name: len(rows) for name, rows in everything(agency).items()}


# --- what each file becomes --------------------------------------------------------------------------------


def test_each_file_becomes_its_stage(world: World, tmp_path: Path) -> None:
    agency = world.agency("A")
    report = take(agency, small_network(tmp_path / "b.zip"))
    assert report["state"] == "done"
    assert {name: counts["taken"] for name, counts in report["files"].items()} == {
        "Project": 1, "Client": 3, "Enrollment": 2, "Exit": 1, "Services": 4, "Event": 2, "Assessment": 1,
        "HealthAndDV": 1, "Touchpoint": 2, "Screening": 1, "Referral": 1,
    }  # fmt: skip
    with acting_as(Actor.hub(agency)):
        ana, ben, caro = (Client.objects.get(source_key=key(name)) for name in ("ana", "ben", "caro"))
        assert (ana.gender, ana.age_band, sorted(ana.races)) == ("female", "25_59", ["black", "white"])
        assert (caro.age_band, caro.language) == ("unknown", "spa")
        # identified: a yes at the exit is possible, never actual, and says who said so
        assert (ben.trafficking_status, ben.status_decided_by, ben.trafficking_type) == (
            "possible", "self_identified", "sex",
        )  # fmt: skip
        assert Touchpoint.objects.get(client=ben).kind == "closure"
        assert (caro.trafficking_status, caro.status_decided_by, caro.trafficking_type) == (
            "possible", "ngo", "labor",
        )  # fmt: skip
        assert ana.trafficking_status == "not_asked"
        # screened
        assert Screening.objects.get(client=ana).tool == "hmis_assessment"
        screening = Screening.objects.get(client=caro)
        assert (screening.result, screening.sex_asked, screening.labor_asked) == (
            "some_indicators",
            True,
            False,
        )
        # referred and answered
        event = Referral.objects.get(source_key=key("e1"))
        assert (event.needed, event.reported_outcome, event.reported_outcome_at.date().isoformat()) == (
            "shel_em", "accepted", "2026-01-15",
        )  # fmt: skip
        assert Referral.objects.get(source_key=key("v4")).needed == "sud"
        assert not Referral.objects.filter(source_key=key("e2")).exists()
        assert sorted(Referral.objects.filter(client=caro).values_list("needed", "decline_reason")) == [
            ("dental", "no_capacity"), ("med_lt", "no_capacity"),
        ]  # fmt: skip
        # enrolled, in service, exited, followed up
        one, other = (Enrollment.objects.get(source_key=key(name)) for name in ("s-ana", "s-ben"))
        assert (one.referral_source, one.exit_on, one.project.name) == ("other_hotline", None, "Safe house")
        assert (str(other.exit_on), other.destination, other.exit_reason) == (
            "2026-01-20", "family_permanent", "completed",
        )  # fmt: skip
        assert sorted(Service.objects.values_list("type", "unit", "quantity")) == [
            ("edu", "occurrences", 1), ("fin", "dollars", 125.5), ("shel_em", "nights", 1),
        ]  # fmt: skip
        assert sorted(day.date().isoformat() for day in FollowUp.objects.values_list("followed_up_at", flat=True)) == [
            "2026-01-25", "2026-01-30",
        ]  # fmt: skip
        assert Touchpoint.objects.get(source_key=key("t2")).client is None
        assert Touchpoint.objects.get(source_key=key("t1")).age_band == "18_24"
        kept = ImportedRow.objects.get(file="Services", source_key=key("v2"))
        assert (kept.row["FAAmount"], kept.row["DateProvided"], kept.row["RecordType"]) == (
            125.5,
            "2026-01-12",
            152,
        )
        assert kept.client_id == ana.pk
        record = Import.objects.get()
        assert record.finished_at and record.counts["files"]["Client"]["new"] == 3
        assert LedgerEntry.objects.filter(verb="import.finished", target_id=str(record.pk)).exists()


@pytest.mark.parametrize(
    ("answers", "age", "status"),
    [
        ({"ExchangeForSex": 1}, "13_17", "possible"),
        ({"ExchangeForSex": 1}, "25_59", "not_asked"),
        ({"AskedOrForcedToExchangeForSex": 1}, "25_59", "possible"),
        ({"WorkplaceViolenceThreats": 1}, "25_59", "possible"),
        ({"WorkplaceViolenceThreats": 0, "ExchangeForSex": 8}, "13_17", "not_asked"),
        ({}, "13_17", "not_asked"),
    ],
)
def test_only_a_yes_to_trafficking_makes_a_client_possible(
    world: World, tmp_path: Path, answers: dict[str, int], age: str, status: str
) -> None:
    agency = world.agency("A")
    leave = row("ExitID", "x", "s", "ana", ExitDate="2026-01-20", Destination=99, **answers)
    take(agency, small_network(
        tmp_path / "b.zip", Client=[person("ana"), person("caro")], Enrollment=[stay("s", "ana", AgeBandAtEntry=age)],
        Exit=[leave], Services=[], Event=[], Assessment=[], HealthAndDV=[]))  # fmt: skip
    with acting_as(Actor.hub(agency)):
        assert Client.objects.get(source_key=key("ana")).trafficking_status == status
        assert Touchpoint.objects.filter(kind="closure").count() == (status == "possible")


def test_a_file_of_2024_says_gender_in_several_columns(world: World, tmp_path: Path) -> None:
    agency = world.agency("A")
    plain = {name: value for name, value in person("x").items() if name not in ("Sex", "HispanicLatinao")}
    kinds = {
        "female": {"Woman": 1}, "male": {"Man": 1}, "transgender": {"Woman": 1, "Transgender": 1},
        "other": {"NonBinary": 1}, "unknown": {"GenderNone": 8}, "declined": {"GenderNone": 9}, "not_asked": {},
    }  # fmt: skip
    take(agency, bundle_file(
        tmp_path / "b.zip", version="2024",
        Client=[{**plain, "HispanicLatinaeo": 1, **ticks, "PersonalID": key(name)} for name, ticks in kinds.items()],
    ))  # fmt: skip
    with acting_as(Actor.hub(agency)):
        for name in kinds:
            client = Client.objects.get(source_key=key(name))
            assert client.gender == name
            assert "hispanic_latino" in client.races


# --- again, changed, deleted -------------------------------------------------------------------------------


def test_the_same_bundle_again_changes_nothing(world: World, tmp_path: Path) -> None:
    agency = world.agency("A")
    path = small_network(tmp_path / "b.zip")
    take(agency, path)
    before = everything(agency)
    with acting_as(Actor.hub(agency)):
        stamps = sorted(Client.objects.values_list("changed_at", flat=True))
    report = take(agency, path)
    assert all(
        c["new"] == c["changed"] == 0 and c["unchanged"] == c["read"] for c in report["files"].values()
    )
    assert everything(agency) == before
    with acting_as(Actor.hub(agency)):
        assert sorted(Client.objects.values_list("changed_at", flat=True)) == stamps


def test_a_changed_row_changes_its_noun_and_a_missing_answer_erases_none(
    world: World, tmp_path: Path
) -> None:
    agency = world.agency("A")
    take(agency, small_network(tmp_path / "b.zip"))
    with acting_as(Actor.hub(agency)):
        # What a worker decided on the hub stays; what they entered stays while the file's row does.
        Client.objects.filter(source_key=key("ben")).update(trafficking_status="not_trafficked")
        Client.objects.filter(source_key=key("caro")).update(gender="transgender")
    report = take(agency, small_network(
        tmp_path / "c.zip",
        Client=[person("ana", Sex=99, AgeBand="18_24"), person("ben", Sex=1, AgeBand="13_17"), person("caro", AgeBand="")],
        Exit=[row("ExitID", "x-ben", "s-ben", "ben", ExitDate="2026-01-18", Destination=422, ExchangeForSex=1)],
    ))  # fmt: skip
    assert (report["files"]["Client"]["changed"], report["files"]["Exit"]["changed"]) == (1, 1)
    with acting_as(Actor.hub(agency)):
        ana, ben, caro = (Client.objects.get(source_key=key(name)) for name in ("ana", "ben", "caro"))
        assert (ana.gender, ana.age_band) == ("female", "18_24")
        assert ben.trafficking_status == "not_trafficked"
        assert caro.gender == "transgender"
        assert str(Enrollment.objects.get(client=ben).exit_on) == "2026-01-18"


def test_deleted_rows_go_unless_something_points_at_them(world: World, tmp_path: Path) -> None:
    agency = world.agency("A")
    take(agency, small_network(tmp_path / "b.zip"))
    gone = {"DateDeleted": "2026-01-31 09:00:00"}
    report = take(agency, small_network(
        tmp_path / "c.zip",
        Enrollment=[stay("s-ana", "ana", **gone), stay("s-ben", "ben", "2026-01-12", AgeBandAtEntry="13_17")],
        Services=[row("ServicesID", "v1", "s-ana", "ana", DateProvided="2026-01-11", RecordType=200,
                      TypeProvided=200, **gone)],
        Exit=[row("ExitID", "x-ben", "s-ben", "ben", ExitDate="2026-01-20", Destination=422, **gone)],
    ))  # fmt: skip
    assert report["files"]["Services"]["deleted"] == 1
    assert report["files"]["Services"]["vanished"] == 3
    with acting_as(Actor.hub(agency)):
        assert not Service.objects.filter(source_key=key("v1")).exists()
        assert Service.objects.filter(source_key=key("v2")).exists()
        assert Enrollment.objects.filter(source_key=key("s-ana")).exists(), "services still point at it"
        assert Enrollment.objects.get(source_key=key("s-ben")).exit_on is None
        assert ImportedRow.objects.get(source_key=key("v1")).deleted_at
        assert not Touchpoint.objects.filter(kind="closure").exists()


# --- what is wrong in it -----------------------------------------------------------------------------------


def problems(agency: Agency) -> set[tuple[str, int, str, str, bool]]:
    with acting_as(Actor.hub(agency)):
        return set(
            ImportProblem.objects.exclude(row=0).values_list("file", "row", "column", "code", "is_taken")
        )


def test_each_defect_is_reported_by_row_and_the_rest_is_taken(world: World, tmp_path: Path) -> None:
    agency = world.agency("A")
    report = take(agency, small_network(
        tmp_path / "b.zip",
        Client=[person("ana", Sex=7), person("ben"), person("ben"), person("caro", AgeBand="old")],
        Enrollment=[
            stay("s-ana", "ana"), stay("twin", "ana"), stay("s-ben", "ben", "2026-02-30"),
            stay("lost", "nobody"), stay("other", "ana", ProjectID=key("elsewhere")),
            stay("late", "ben", "2099-01-01"), stay("s-ben2", "ben", "2026-01-12"),
        ],
        Exit=[row("ExitID", "x", "s-ben2", "ben", ExitDate="2026-01-01", Destination=422)],
        Services=[
            row("ServicesID", "v1", "s-ana", "ana", DateProvided="2025-12-01", RecordType=200, TypeProvided=200),
            row("ServicesID", "v2", "nowhere", "ana", DateProvided="2026-01-12", RecordType=200, TypeProvided=200),
            row("ServicesID", "v3", "s-ana", "ben", DateProvided="2026-01-12", RecordType=200, TypeProvided=200),
            row("ServicesID", "v4", "s-ana", "ana", DateProvided="12.1.26", RecordType=200, TypeProvided=200),
        ],
        HealthAndDV=[], Event=[], Assessment=[],
        Touchpoint=[{"TouchpointID": key("t"), "OccurredOn": "2026-01-04", "Sector": "hotline", "Kind": "telepathy"},
                    {"TouchpointID": key("u"), "PersonalID": "Maria", "OccurredOn": "2026-01-04",
                     "Sector": "hotline", "Kind": "contact"}],
        Screening=[], Referral=[],
    ))  # fmt: skip
    assert problems(agency) == {
        ("Client", 2, "Sex", "code_unknown", True),
        ("Client", 4, "PersonalID", "duplicate_id", False),
        ("Client", 5, "AgeBand", "code_unknown", True),
        ("Enrollment", 2, "EntryDate", "duplicate_enrollment", True),
        ("Enrollment", 3, "EntryDate", "duplicate_enrollment", True),
        ("Enrollment", 4, "EntryDate", "date_unreadable", False),
        ("Enrollment", 5, "PersonalID", "person_missing", False),
        ("Enrollment", 6, "ProjectID", "project_missing", False),
        ("Enrollment", 7, "EntryDate", "date_in_future", True),
        ("Exit", 2, "ExitDate", "exit_before_entry", True),
        ("Services", 2, "DateProvided", "service_outside_stay", True),
        ("Services", 3, "EnrollmentID", "enrollment_missing", False),
        ("Services", 4, "PersonalID", "person_mismatch", False),
        ("Services", 5, "DateProvided", "date_unreadable", True),
        ("Touchpoint", 2, "Kind", "code_unknown", False),
        ("Touchpoint", 3, "PersonalID", "id_not_replaced", False),
        ("Touchpoint", 3, "PersonalID", "person_missing", False),
    }
    for counts in report["files"].values():
        assert counts["read"] == counts["taken"] + counts["refused"]
        assert counts["taken"] == counts["new"] + counts["changed"] + counts["unchanged"] + counts["deleted"]
    assert report["files"]["Enrollment"]["refused"] == 3
    with acting_as(Actor.hub(agency)):
        assert Enrollment.objects.get(source_key=key("s-ben2")).exit_on is None
        assert Service.objects.count() == 1
        refused = RefusedRows.objects.get(file="Touchpoint")
        assert b"Maria" not in bytes(refused.body_sealed)
        text = vault.unseal(
            refused.body_sealed,
            agency=agency.pk,
            place="refusedrows.body",
            row=refused.pk,
            subject=refused.pk,
        )
        assert "Maria" in text and "telepathy" in text
        # nothing of a refused cell stands anywhere in plain text
        assert not ImportedRow.objects.filter(row__icontains="Maria").exists()


def test_free_text_of_a_hand_made_bundle_is_not_kept(world: World, tmp_path: Path) -> None:
    agency = world.agency("A")
    leave = row("ExitID", "x-ben", "s-ben", "ben", ExitDate="2026-01-20", Destination=17,
                OtherDestination="with Maria Garcia")  # fmt: skip
    take(agency, small_network(tmp_path / "b.zip", Exit=[leave]))
    assert ("Exit", 2, "OtherDestination", "text_withheld", True) in problems(agency)
    with acting_as(Actor.hub(agency)):
        assert "OtherDestination" not in ImportedRow.objects.get(file="Exit").row


@pytest.mark.parametrize(("sent", "kept"), [("maria", ""), ("555-014-7788", ""), ("v2.1", "v2.1")])
def test_a_screenings_version_of_a_hand_made_bundle_is_no_word(
    world: World, tmp_path: Path, sent: str, kept: str
) -> None:
    agency = world.agency("A")
    screening = {"ScreeningID": key("c1"), "PersonalID": key("caro"), "ScreenedOn": "2026-01-05",
                 "Tool": "raft", "Result": "stopped", "ToolVersion": sent}  # fmt: skip
    take(agency, small_network(tmp_path / "b.zip", Screening=[screening]))
    with acting_as(Actor.hub(agency)):
        assert Screening.objects.get(tool="raft").tool_version == kept
    assert (("Screening", 2, "ToolVersion", "shape_wrong", True) in problems(agency)) is (not kept)


def test_no_number_of_a_hand_made_bundle_is_as_long_as_an_identity_number(
    world: World, tmp_path: Path
) -> None:
    agency = world.agency("A")
    stays = [
        stay("s-ana", "ana", HPScreeningScore="123456789", ThresholdScore="999999"),
        stay("s-ben", "ben"),
    ]
    income = row("IncomeBenefitsID", "i1", "s-ana", "ana", InformationDate="2026-01-10",
                 DataCollectionStage=1, EarnedAmount="5550147.788", SSIAmount="943.5")  # fmt: skip
    take(agency, small_network(tmp_path / "b.zip", Enrollment=stays, IncomeBenefits=[income]))
    with acting_as(Actor.hub(agency)):
        kept = ImportedRow.objects.get(file="Enrollment", source_key=key("s-ana")).row
        assert (kept.get("HPScreeningScore"), kept["ThresholdScore"]) == (None, 999999)
        kept = ImportedRow.objects.get(file="IncomeBenefits").row
        assert (kept.get("EarnedAmount"), kept["SSIAmount"]) == (None, 943.5)


# --- who it belongs to -------------------------------------------------------------------------------------


def test_an_import_never_touches_a_neighbour_even_with_equal_ids(world: World, tmp_path: Path) -> None:
    a, b = world.agency("A"), world.agency("B")
    take(b, small_network(tmp_path / "b.zip"))
    before = everything(b)
    take(a, small_network(tmp_path / "a.zip", Client=[person("ana", Sex=1), person("ben"), person("caro")]))
    assert everything(b) == before
    with acting_as(Actor.hub(a)):
        assert Client.objects.get(source_key=key("ana")).gender == "male"
        assert {row.agency_id for row in Client.objects.all()} == {a.pk}


def test_a_closed_record_is_neither_read_nor_written(world: World, tmp_path: Path) -> None:
    from referrals.models import Restriction

    agency = world.agency("A")
    path = small_network(tmp_path / "b.zip")
    take(agency, path)
    with acting_as(Actor.hub(agency)):
        ana = Client.objects.get(source_key=key("ana"))
        Restriction.objects.create(agency=agency, client=ana)
    report = take(agency, path, confirm=True)
    assert report["state"] == "done"
    assert report["files"]["Services"]["refused"] == 4
    with acting_as(Actor.hub(agency)):
        Restriction.objects.all().delete()
        assert Client.objects.filter(source_key=key("ana")).count() == 1
        assert Service.objects.filter(client=ana).count() == 3


def test_without_the_permission_nothing_is_taken(world: World, tmp_path: Path) -> None:
    agency = world.agency("A")
    worker = world.actor("A", "caseworker")
    assert not worker.may(Permission.DATA_IMPORT)
    job = queued(worker, small_network(tmp_path / "b.zip"))
    assert jobs.run(worker.reference, str(job.pk)) == JobState.FAILED
    assert sum(numbers(agency).values()) == 0


# --- dry run, pause, death ---------------------------------------------------------------------------------


def queued(actor: Actor, path: Path, **arguments: Any) -> Job:
    name = inbox.put([path.read_bytes()], kind="bundle")
    with acting_as(actor):
        return Job.objects.create(
            agency_id=actor.agency_id,
            user_id=actor.user_id,
            name="import_bundle",
            arguments={"file": name, **arguments},
        )


def waiting() -> list[Path]:
    folder = Path(settings.INBOX)
    return list(folder.iterdir()) if folder.is_dir() else []


def test_a_dry_run_says_the_same_and_writes_nothing(world: World, tmp_path: Path) -> None:
    agency = world.agency("A")
    path = small_network(tmp_path / "b.zip")
    trial = take(agency, path, dry_run=True)
    assert sum(numbers(agency).values()) == 0
    with acting_as(Actor.hub(agency)):
        assert not Import.objects.exists() and not ImportProblem.objects.exists()
    assert waiting() == []
    real = take(agency, path)
    assert {**trial["files"]} == {**real["files"]}


def test_an_abnormal_change_waits_for_a_person(world: World, tmp_path: Path) -> None:
    agency = world.agency("A")
    names = [f"p{at}" for at in range(60)]
    take(agency, bundle_file(tmp_path / "b.zip", Client=[person(name) for name in names]))
    before = everything(agency)
    other = bundle_file(tmp_path / "c.zip", Client=[person(name, Sex=1) for name in names])
    actor = Actor.hub(agency, Permission.DATA_IMPORT)
    job = queued(actor, other)
    assert jobs.run(actor.reference, str(job.pk)) == JobState.PAUSED
    assert everything(agency) == before
    assert len(waiting()) == 1
    with acting_as(actor):
        job.refresh_from_db()
        assert job.result["pause"] == [
            {"code": "many_changes", "file": "Client", "existing": 60, "changed": 60, "gone": 0}
        ]
        jobs.resume(job)
    assert jobs.run(actor.reference, str(job.pk)) == JobState.DONE
    assert waiting() == []
    assert all(one["gender"] == "male" for one in everything(agency)["Client"])


@pytest.mark.parametrize(
    ("second", "code"),
    [
        ({"fingerprint": "f" * 16}, "key_changed"),
        ({"people": 20}, "many_changes"),
        ({"people": 25, "directive": "delta"}, "few_rows"),
    ],
)
def test_what_looks_like_the_wrong_file_waits_too(
    world: World, tmp_path: Path, second: dict[str, Any], code: str
) -> None:
    agency = world.agency("A")
    take(agency, bundle_file(tmp_path / "b.zip", Client=[person(f"p{at}") for at in range(80)]))
    people = second.pop("people", 80)
    path = bundle_file(tmp_path / "c.zip", Client=[person(f"p{at}") for at in range(people)], **second)
    with pytest.raises(CommandError, match="unusually"):
        take(agency, path)
    assert code in {why["code"] for why in json.loads(path.with_suffix(".json").read_text())["pause"]}
    assert waiting() == []


class Killed(BaseException):
    """Not an Exception, so nothing on the way catches it: as near to kill -9 as a test in one process gets."""


def test_killed_at_any_piece_it_goes_on_and_doubles_nothing(
    lasting_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "PIECE", 2)
    path = small_network(tmp_path / "b.zip", Client=[person("ana"), person("ben", Sex=1, AgeBand="13_17"),
                                                     person("caro", AgeBand=""), person("caro")])  # fmt: skip
    whole = lasting_world.agency("WHOLE")
    take(whole, path)
    expected = everything(whole)
    with acting_as(Actor.hub(whole)):
        pieces = Job.objects.get().chunks.count()
        said = ImportProblem.objects.count()
    assert pieces >= 15
    chunk = jobs.Run.chunk
    deaths = [(number, "within") for number in range(pieces)] + [(0, "before"), (pieces - 1, "before")]
    for number, when in deaths:
        agency = lasting_world.agency(f"K{number}{when[0]}")
        actor = Actor.hub(agency, Permission.DATA_IMPORT)
        job = queued(actor, path)

        def dying(run: jobs.Run, at: int, work: Any, number: int = number, when: str = when) -> Any:
            def half() -> Any:
                work()
                raise Killed

            if at == number and when == "before":
                raise Killed
            return chunk(run, at, half if at == number else work)

        with monkeypatch.context() as patch:
            patch.setattr(jobs.Run, "chunk", dying)
            with pytest.raises(Killed):
                jobs.run(actor.reference, str(job.pk))
        assert len(waiting()) == 1
        with acting_as(actor):
            Job.objects.update(lease_until="2020-01-01T00:00:00Z")
        assert jobs.run(actor.reference, str(job.pk)) == JobState.DONE
        assert everything(agency) == expected, (number, when)
        with acting_as(actor):
            assert ImportProblem.objects.count() == said
            assert Import.objects.count() == 1
        assert waiting() == []


def test_a_county_is_known_by_its_name_or_its_code(world: World, tmp_path: Path) -> None:
    world.county("Alder")
    agency = world.agency("A")
    contacts = [
        {
            "TouchpointID": key(word),
            "OccurredOn": "2026-01-04",
            "Sector": "hotline",
            "Kind": "contact",
            "County": word,
        }
        for word in ("alder", "99001", "maria.garcia")
    ]
    take(agency, small_network(tmp_path / "b.zip", Touchpoint=contacts))
    with acting_as(Actor.hub(agency)):
        assert [Touchpoint.objects.get(source_key=key(word)).county_id for word in ("alder", "99001")] == [
            "99001"
        ] * 2
        assert not ImportedRow.objects.filter(row__icontains="maria").exists()
    assert ("Touchpoint", 4, "County", "code_unknown", True) in problems(agency)
