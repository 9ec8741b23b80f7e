"""The import pages: sending, mapping, deciding, and what is handed back; and who may not."""

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from agencies import jobs
from agencies.models import Job, JobState, LedgerEntry
from agencies.scope import Actor, acting_as
from referrals.models import Client, Import
from tests.referrals.exchange.bundles import bundle_file, key, person, small_network
from tests.referrals.exchange.test_sheet import MESSY, workbook
from tests.world import World


@pytest.fixture(autouse=True)
def own_inbox(settings: Any, tmp_path: Path) -> None:
    settings.INBOX = tmp_path / "inbox"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "publish", lambda reference, job_id: True)


def send(browser: Browser, content: bytes, name: str = "file.zip", **fields: Any) -> Any:
    return browser.post("/imports/", {"file": SimpleUploadedFile(name, content), **fields})


def run_the_job(world: World, letter: str) -> Job:
    actor = world.actor(letter, "data_lead")
    with acting_as(actor):
        job = Job.objects.first()
    assert job is not None
    jobs.run(actor.reference, str(job.pk))
    with acting_as(actor):
        job.refresh_from_db()
    return job


def test_a_bundle_goes_in_by_the_page(world: World, tmp_path: Path) -> None:
    browser = world.browser("A", "data_lead")
    sent = send(browser, small_network(tmp_path / "b.zip").read_bytes())
    assert sent.status_code == 302
    waiting = browser.get(sent.url)
    assert b"hx-trigger" in waiting.content
    part = browser.get(sent.url, headers={"HX-Request": "true"})
    assert b"<html" not in part.content and b'id="import"' in part.content
    assert run_the_job(world, "A").state == JobState.DONE
    done = browser.get(sent.url).content.decode()
    assert "Nothing is wrong in any row." in done and "hx-trigger" not in done
    with acting_as(Actor.hub(world.agency("A"))):
        assert Client.objects.count() == 3
    assert "Bundle" in browser.get("/imports/").content.decode()


def test_a_raw_export_is_refused_at_the_door_and_not_kept(
    world: World, tmp_path: Path, settings: Any
) -> None:
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as raw:
        raw.writestr("Client.csv", "PersonalID,FirstName\n1,Invented\n")
    page = send(world.browser("A", "data_lead"), (tmp_path / "raw.zip").read_bytes())
    assert "agency tool on it first" in page.content.decode()
    assert not Path(settings.INBOX).exists() or not list(Path(settings.INBOX).iterdir())
    with acting_as(Actor.hub(world.agency("A"))):
        assert not Job.objects.exists()


def test_an_identifier_is_refused_by_the_job_with_a_sentence(world: World, tmp_path: Path) -> None:
    browser = world.browser("A", "data_lead")
    path = bundle_file(tmp_path / "b.zip", extra_columns={"Client": ["LastName"]},
                       Client=[{**person("ana"), "LastName": "Inventado"}])  # fmt: skip
    sent = send(browser, path.read_bytes())
    assert run_the_job(world, "A").state == JobState.FAILED
    page = browser.get(sent.url).content.decode()
    assert "LastName" in page and "Inventado" not in page


def test_a_spreadsheet_is_mapped_and_taken_in(world: World) -> None:
    browser = world.browser("A", "data_lead")
    sent = send(browser, workbook(MESSY), "caseload.xlsx")
    assert sent.status_code == 302 and "/imports/columns/" in sent.url
    page = browser.get(sent.url)
    form = page.context["form"]
    assert "Looks like it says who somebody is" in page.content.decode()
    assert "Invented One" not in page.content.decode()
    answers = {name: form[name].value() or "" for name in form.fields if name != "is_trial"}
    wrong = browser.post(sent.url, {**answers, "column_1": "Gender", "column_3": ""})
    assert wrong.status_code == 200 and wrong.context["form"].errors
    wrong = browser.post(sent.url, {**answers, "column_0": ""})
    assert "own code" in wrong.content.decode()
    for place in ("column_1", "column_11"):
        wrong = browser.post(sent.url, {**answers, "column_0": "", place: "code"})
        assert "can&#x27;t be the client code" in wrong.content.decode()
    taken = browser.post(sent.url, answers)
    assert taken.status_code == 302
    job = run_the_job(world, "A")
    assert job.state == JobState.DONE, job.error
    page = browser.get(taken.url).content.decode()
    assert "The row has no client code." in page
    again = browser.get(send(browser, workbook(MESSY), "caseload.xlsx").url)
    assert again.context["form"]["column_0"].value() == "code"


def test_problems_and_refused_rows_are_handed_back_and_entered_in_the_ledger(world: World) -> None:
    browser = world.browser("A", "data_lead")
    page = browser.get(send(browser, workbook(MESSY), "caseload.xlsx").url)
    form = page.context["form"]
    browser.post(
        page.request["PATH_INFO"], {n: form[n].value() or "" for n in form.fields if n != "is_trial"}
    )
    run_the_job(world, "A")
    with acting_as(Actor.hub(world.agency("A"))):
        record = Import.objects.get()
    listed = list(
        csv.DictReader(
            io.StringIO(browser.get(f"/imports/{record.pk}/problems.csv").content.decode("utf-8-sig"))
        )
    )
    assert {"file": "Caseload", "row": "7", "column": "Entry date", "taken": "yes", "code": "date_unreadable",
            "why": "The date can't be read. It was left blank."} in listed  # fmt: skip
    packed = zipfile.ZipFile(io.BytesIO(browser.get(f"/imports/{record.pk}/rows-not-taken.zip").content))
    rows = list(csv.reader(io.StringIO(packed.read("Caseload.csv").decode())))
    assert rows[0][:3] == ["row", "why", "Case #"] and "Client Name" not in rows[0]
    assert [row[0] for row in rows[1:]] == ["8", "10"]
    assert "has no client code" in rows[1][1]
    with acting_as(Actor.hub(world.agency("A"))):
        assert LedgerEntry.objects.filter(verb="import.rows_exported", rows=2).exists()
        assert LedgerEntry.objects.filter(verb="import.problems_exported").exists()


def test_a_paused_import_is_decided_on_its_page(lasting_world: World, tmp_path: Path, settings: Any) -> None:
    browser = lasting_world.browser("A", "data_lead")
    names = [f"p{at}" for at in range(60)]
    for sex, act, state in (
        (0, "", JobState.DONE),
        (1, "stop", JobState.CANCELLED),
        (1, "go_on", JobState.DONE),
    ):
        path = bundle_file(tmp_path / "b.zip", Client=[person(name, Sex=sex) for name in names])
        sent = send(browser, path.read_bytes())
        job = run_the_job(lasting_world, "A")
        if act:
            assert job.state == JobState.PAUSED
            assert "of 60 rows held, 60 would change" in browser.get(sent.url).content.decode()
            browser.post(sent.url, {"act": act})
            if act == "go_on":
                job = run_the_job(lasting_world, "A")
        with acting_as(Actor.hub(lasting_world.agency("A"))):
            job.refresh_from_db()
            assert job.state == state
            assert Client.objects.get(source_key=key("p0")).gender == ("male" if act == "go_on" else "female")
        assert not list(Path(settings.INBOX).iterdir())


def test_a_trial_says_what_would_happen(world: World, tmp_path: Path) -> None:
    browser = world.browser("A", "data_lead")
    sent = send(browser, small_network(tmp_path / "b.zip").read_bytes(), is_trial="on")
    run_the_job(world, "A")
    assert "This was a trial" in browser.get(sent.url).content.decode()
    with acting_as(Actor.hub(world.agency("A"))):
        assert not Client.objects.exists()


@pytest.mark.parametrize(
    ("letter", "role", "status"), [("A", "data_lead", 200), ("A", "caseworker", 404), ("B", "data_lead", 404)]
)
def test_only_the_agencys_own_data_lead_sees_an_import(
    world: World, tmp_path: Path, letter: str, role: str, status: int
) -> None:
    owner = world.browser("A", "data_lead")
    sent = send(owner, small_network(tmp_path / "b.zip").read_bytes())
    run_the_job(world, "A")
    columns = send(owner, workbook(MESSY), "caseload.xlsx").url
    with acting_as(Actor.hub(world.agency("A"))):
        record = Import.objects.get()
    browser = world.browser(letter, role)
    for address in (
        sent.url,
        columns,
        f"/imports/{record.pk}/problems.csv",
        f"/imports/{record.pk}/rows-not-taken.zip",
    ):
        assert browser.get(address).status_code == status, address
