"""The documentation can't lie: links lead somewhere, commands exist, tables are complete, and the tutorial's
figures come out when its steps are taken. Wording is not judged here, but for how hard it is to read."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command, get_commands
from django.test import Client as Browser
from django.utils.translation import override

from agencies import jobs
from agencies.models import Award, AwardProject, Job, JobState
from agencies.roles import ROLES, Permission
from agencies.scope import acting_as
from casehub.pages.agency import AGREEMENT
from casehub.synthetic import world as synthetic_world
from reporting.grants import FORMS
from reporting.measures import measures
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]


def is_ours(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return "vendor" not in parts and not any(part.startswith(".") for part in parts)


PAGES = sorted(path for path in ROOT.rglob("*.md") if is_ours(path))
DOCS = ROOT / "docs"
READ_ME = (ROOT / "README.md").read_text()
# Where a page may send a reader. Anything else would name a place that has nothing to do with the hub.
HOSTS = {"localhost", "127.0.0.1", "www.weather.gov", "github.com", "www.apache.org"}
PLACES = {"srv", "etc", "var", "run", "api", "to", "from", "join", "dev", "numbers"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


pages = pytest.mark.parametrize("page", PAGES, ids=name_of)


def anchors(text: str) -> set[str]:
    """The anchors that headings make, as repository hosts build them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def prose(text: str) -> str:
    """A page without its code blocks."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^(?: {4}|\t).*$", "", text, flags=re.MULTILINE)


def broken_links(page: Path, text: str) -> list[str]:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and anchor not in anchors(found.read_text())):
            broken.append(target)
    return broken


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text()) == []


def test_a_broken_link_is_noticed() -> None:
    page = ROOT / "README.md"
    assert broken_links(page, "[a](docs/nowhere.md) [b](docs/README.md#no-such-part) [c](LICENSE)") == [
        "docs/nowhere.md",
        "docs/README.md#no-such-part",
    ]


def unknown_commands(text: str) -> set[str]:
    """What a page tells people to type at the one door or at manage.py, and is not there."""
    arms = re.search(r"\ncase \$command in\n +demo \| up\) exec(?s:.*?)esac", (ROOT / "dev").read_text())
    assert arms is not None
    doors = set(re.findall(r"[a-z]+", " ".join(re.findall(r"^ +([a-z| -]+)\)", arms[0], re.MULTILINE))))
    said = set(re.findall(r"\./dev ([a-z_]+)", text))
    managed = set(re.findall(r"(?:\./dev manage|manage\.py) ([a-z_]+)", text))
    return (said - doors) | (managed - set(get_commands()))


@pages
def test_every_command_exists(page: Path) -> None:
    assert unknown_commands(page.read_text()) == set()


def test_a_command_that_is_not_there_is_noticed() -> None:
    text = "`./dev dance`, `./dev manage juggle`, `python manage.py migrate`, `./dev demo --once`"
    assert unknown_commands(text) == {"dance", "juggle"}


def foreign(text: str) -> list[str]:
    """Hosts that are not examples, and paths that belong to one machine."""
    hosts = [
        host
        for host in re.findall(r"https?://([\w.-]+)", text)
        if host.rstrip(".") not in HOSTS and not host.rstrip(".").endswith((".example", "example.org"))
    ]
    paths = [
        found for found in re.findall(r"(?<![\w.>}\])/*~$])/([a-z]+)/[\w.-]", text) if found not in PLACES
    ]
    return hosts + paths


@pages
def test_no_page_names_a_machine_or_a_workplace(page: Path) -> None:
    assert foreign(page.read_text()) == []


def test_a_foreign_path_and_host_are_noticed() -> None:
    assert foreign("see `/opt/someones/place` and https://mirror.corp.test/simple") == [
        "mirror.corp.test",
        "opt",
    ]


def test_the_reference_says_what_the_code_says() -> None:
    call_command("docs", check=True)


def variables() -> Iterator[str]:
    """Every environment variable the hub reads, wherever it is read."""
    for floor in ("casehub", "agencies", "referrals", "reporting"):
        for path in (ROOT / floor).rglob("*.py"):
            text = path.read_text()
            yield from re.findall(r'(?:\benv\.\w+|\bsecret)\(\s*"([A-Z_]+)"', text)
            yield from re.findall(r'os\.environ(?:\.get\(|\[)"((?:CASEHUB|DATABASE|CELERY)[A-Z_]+)"', text)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("settings", sorted(set(variables()))),
        ("roles", sorted([*ROLES, *Permission])),
        ("measures", sorted(measures())),
        ("grant-forms", sorted(FORMS)),
        (
            "commands",
            sorted(
                path.stem
                for floor in ("casehub", "agencies", "referrals", "reporting")
                for path in (ROOT / floor).glob("management/commands/[!_]*.py")
            ),
        ),
    ],
)
def test_the_reference_is_complete(page: str, names: list[str]) -> None:
    text = (DOCS / "reference" / f"{page}.md").read_text()
    assert names
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_decision_has_the_five_headings_and_stands_in_the_list() -> None:
    listed = (DOCS / "adr" / "README.md").read_text()
    numbers = []
    for page in sorted((DOCS / "adr").glob("[0-9]*.md")):
        headings = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives", "Status"], page.name
        assert f"({page.name})" in listed
        numbers.append(page.name[:4])
    assert len(numbers) == len(set(numbers))


def test_every_page_stands_in_the_index() -> None:
    index = (DOCS / "README.md").read_text()
    missing = [
        str(path.relative_to(DOCS))
        for path in PAGES
        if path.is_relative_to(DOCS)
        and path.parent != DOCS / "adr"
        and path != DOCS / "README.md"
        and f"({path.relative_to(DOCS)})" not in index
    ]
    assert missing == []


def test_the_front_page_says_what_it_must() -> None:
    assert len(READ_ME.splitlines()) < 120
    for words in ("./dev demo", "./dev test", "synthetic", "not legal advice", "refuses", "Apache-2.0"):
        assert words in READ_ME, words


def test_pictures_are_used_and_small() -> None:
    every = " ".join(page.read_text() for page in PAGES)
    for picture in (DOCS / "images").iterdir():
        assert f"images/{picture.name})" in every, picture.name
        assert picture.stat().st_size < 100_000, picture.name


def test_directors_read_the_words_they_will_sign() -> None:
    quoted = (DOCS / "explanation" / "for-agencies.md").read_text().replace("\n> ", " ")
    with override("en"):
        assert [sentence for sentence in map(str, AGREEMENT) if sentence not in quoted] == []


def grade(text: str) -> float:
    """The Flesch-Kincaid grade of a page's running text, syllables counted by groups of vowels."""
    text = re.sub(r"^(#|\|).*$", "", prose(text), flags=re.MULTILINE)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    sentences = [s for s in re.split(r"[.!?:](?:\s|$)|\n\n", text) if len(s.split()) > 2]
    words = re.findall(r"[A-Za-z']+", text)
    sounds = sum(max(1, len(re.findall(r"[aeiouy]+", re.sub(r"e[ds]?$", "", w.lower())))) for w in words)
    return 0.39 * len(words) / len(sentences) + 11.8 * sounds / len(words) - 15.59


@pytest.mark.parametrize(
    "name",
    [
        "explanation/for-agencies",
        "explanation/what-may-be-shown",
        "tutorial/first-report",
        "tutorial/first-five-minutes",
    ],
)
def test_pages_for_agencies_are_easy_to_read(name: str) -> None:
    assert grade((DOCS / f"{name}.md").read_text()) <= 8


def test_hard_words_would_be_noticed() -> None:
    assert grade("Notwithstanding organizational obligations, interoperability predominates.") > 8


def test_the_people_of_the_demo_s_tutorial_are_there() -> None:
    text = (DOCS / "tutorial" / "first-five-minutes.md").read_text()
    invented = synthetic_world("small")
    people = {one.email for spec in (*invented.offices, *invented.agencies) for one in spec.workers}
    named = set(re.findall(r"[\w.]+@[\w.-]+\.example", text))
    assert named and named <= people


def test_the_script_makes_the_secrets_that_compose_reads(tmp_path: Path) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    for folder in ("docker", "secrets"):
        (tmp_path / folder).mkdir()
    script = shutil.copy(ROOT / "docker" / "make-secrets.sh", tmp_path / "docker")
    runs = []
    for _again in range(2):
        subprocess.run(["/bin/sh", script], check=True, env={"PATH": os.environ["PATH"]})
        made = {path.name: path.read_text().strip() for path in (tmp_path / "secrets").iterdir()}
        assert set(made) == set(compose["secrets"])
        assert len(made["django_key"]) >= 50
        assert made["app_password"] in made["database_url"]
        assert made["owner_password"] in made["owner_database_url"]
        runs.append(made)
    assert runs[0] == runs[1], "a secret that stands is never changed"


# The tutorial "From a messy spreadsheet to your first report", step by step

TUTORIAL = (DOCS / "tutorial" / "first-report.md").read_text()


@pytest.fixture
def no_broker(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.INBOX = tmp_path / "inbox"
    monkeypatch.setattr(jobs, "publish", lambda reference, job_id: True)


def options_of(page: str) -> dict[str, str]:
    """What each `select` of a page stands on, by its name."""
    return {
        name: (re.findall(r'<option value="([^"]*)"[^>]*\bselected', inner) or [""])[0]
        for name, inner in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL)
    }


def do_steps_4_and_5(world: World, browser: Browser) -> Job:
    """An award that pays for a project, and the spreadsheet taken into it."""
    project = world.project("A", "Safe House")
    browser.post(
        "/agency/",
        {
            "act": "add_award",
            "award-funder": "VOCA",
            "award-number": "2025-VA-0417",
            "award-starts_on": "2024-10-01",
            "award-ends_on": "2026-10-01",
            "award-regimes": "voca",
        },
    )
    actor = world.actor("A", "data_lead")
    with acting_as(actor):
        award = Award.objects.get()
    link = {"link-award": award.pk, "link-project": project.pk, "link-starts_on": "2024-10-01"}
    browser.post("/agency/", {"act": "pay_for", **link})
    with acting_as(actor):
        assert AwardProject.objects.count() == 1
    content = (DOCS / "tutorial" / "messy-caseload.csv").read_bytes()
    sent = browser.post("/imports/", {"file": SimpleUploadedFile("messy-caseload.csv", content)})
    columns = browser.get(sent["Location"]).content.decode()
    chosen = options_of(columns)
    assert "63 rows were found" in columns
    # Name, phone and notes can't be chosen.
    assert [chosen[f"column_{place}"] for place in (1, 2, 15)] == ["", "", ""]
    assert columns.count("Looks like it says who somebody is") == 3
    assert chosen["column_6"] == "County"
    assert chosen["column_7"] == "Language"
    chosen |= {"column_6": "", "project": str(project.pk)}
    assert browser.post(sent["Location"], chosen).status_code == 302
    with acting_as(actor):
        job = Job.objects.get()
    jobs.run(actor.reference, str(job.pk))
    with acting_as(actor):
        job.refresh_from_db()
    return job


@pytest.mark.usefixtures("no_broker")
def test_the_tutorial_s_figures_come_out(world: World) -> None:
    browser = world.browser("A", "data_lead")
    job = do_steps_4_and_5(world, browser)
    assert job.state == JobState.DONE, job.error
    page = " ".join(re.sub(r"<[^>]+>", " ", browser.get(f"/imports/jobs/{job.pk}/").content.decode()).split())
    # read, taken, in part, not taken, new
    assert "Caseload 63 60 45 3 60" in page
    assert "63 rows read, 60 taken, 3 not" in TUTORIAL
    assert "**3 were not taken**" in TUTORIAL and "**45 were taken in part.**" in TUTORIAL

    stages = browser.get("/numbers/own/2025.json").json()["stages"]
    entered = {stage["stage"].replace("_", " ").capitalize(): stage["entered"] for stage in stages}
    told = dict(re.findall(r"^\| ([A-Z][a-z ]+) \| (\d+) \|$", TUTORIAL, re.MULTILINE))
    assert len(told) == 5
    assert {title: int(number) for title, number in told.items()} == {t: entered[t] for t in told}

    report = browser.post(
        "/reports/",
        {"form": next(iter(FORMS)), "award": award_of(world), "period": "q2025-07-01"},
        follow=True,
    )
    text = " ".join(re.sub(r"<[^>]+>", " ", report.content.decode()).split())
    assert "17 Race and ethnicity, new clients" in text
    assert "1 Type of victimization, all clients served" in text
    assert "17 Items that only you can answer" in text
    assert re.search(r"Q1 Total number of individuals who received services .{0,60}? 17 ", text), text
    assert re.search(r"Q3 Number of new individuals .{0,80}? 17 ", text), text
    assert "never asked of 17 people" in TUTORIAL and "17 people got services, all of them new" in TUTORIAL


def award_of(world: World) -> str:
    with acting_as(world.actor("A", "data_lead")):
        return str(Award.objects.get().pk)
