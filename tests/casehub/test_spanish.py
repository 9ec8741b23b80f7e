"""The hub in Spanish: nothing left in English, nothing half done, the compiled catalog as it is written.

Reads the catalogs in plain Python, so that a machine without gettext can run it; only looking for sentences
that are marked in the code and stand in no catalog needs gettext.
"""

import ast
import gettext
import html
import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client as Browser
from django.test import override_settings
from django.utils import formats, translation

ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "locale" / "es" / "LC_MESSAGES" / "django.po"
MARKED_IN = ("agencies", "casehub", "referrals", "reporting")
FORMS = 3  # of a Spanish plural, as Django's own catalog has them: one, millions, all others

LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d)\])?\s+)?(".*")')
# What must come through a translation whole: values, the percent sign of a format, and tags.
KEPT = re.compile(r"%\(\w+\)[sd]|%%|\{\w*\}|<[^>]+>")


@dataclass(frozen=True)
class Message:
    """One entry: its English in one or two forms, and its Spanish, by number of the form."""

    context: str = ""
    english: str = ""
    plural: str = ""
    spanish: dict[int, str] = field(default_factory=dict)
    is_fuzzy: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        return self.context, self.english, self.plural


def read(catalog: Path) -> list[Message]:
    """The entries of a .po file but its header and what is commented out, in order."""
    found = []
    for block in catalog.read_text(encoding="utf-8").split("\n\n"):
        parts: dict[str, str] = {}
        spanish: dict[int, str] = {}
        place, number = "", 0
        for line in block.splitlines():
            match = LINE.fullmatch(line)
            if match is None:
                continue
            if match[1]:
                place, number = match[1], int(match[2] or 0)
            text = ast.literal_eval(match[3])
            if place == "msgstr":
                spanish[number] = spanish.get(number, "") + text
            else:
                parts[place] = parts.get(place, "") + text
        if parts.get("msgid"):
            fuzzy = any(line.startswith("#,") and "fuzzy" in line for line in block.splitlines())
            found.append(
                Message(
                    parts.get("msgctxt", ""), parts["msgid"], parts.get("msgid_plural", ""), spanish, fuzzy
                )
            )
    return found


def faults(message: Message) -> list[str]:
    """What is wrong with the Spanish of one entry, in words; nothing for a good one."""
    found = []
    if message.is_fuzzy:
        found.append("fuzzy")
    if sorted(message.spanish) != list(range(FORMS if message.plural else 1)):
        found.append("forms")
    for number, text in message.spanish.items():
        english = message.plural if message.plural and number else message.english
        if not text.strip():
            found.append("untranslated")
            continue
        if Counter(KEPT.findall(text)) != Counter(KEPT.findall(english)):
            found.append("placeholders")
        if (text[0].isspace(), text[-1].isspace()) != (english[0].isspace(), english[-1].isspace()):
            found.append("space at an end")
        if re.search("v[íi]ctima", text.lower()) and "victim" not in english.lower():
            found.append("víctima")
    return found


def compiled(messages: list[Message]) -> dict[str | tuple[str, int], str]:
    """The entries as Python's gettext holds them."""
    wanted: dict[str | tuple[str, int], str] = {}
    for one in messages:
        key = f"{one.context}\x04{one.english}" if one.context else one.english
        if one.plural:
            wanted |= {(key, number): text for number, text in one.spanish.items()}
        else:
            wanted[key] = one.spanish[0]
    return wanted


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return read(CATALOG)


def test_every_sentence_has_good_spanish(messages):
    assert len(messages) > 1000
    assert {one.english: said for one in messages if (said := faults(one))} == {}


SOUND = Message(
    "", "%(n)s client, <b>now</b>", "%(n)s clients", {0: "%(n)s cliente, <b>ya</b>", 1: "%(n)s", 2: "%(n)s"}
)


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (replace(SOUND, is_fuzzy=True), "fuzzy"),
        (replace(SOUND, spanish=SOUND.spanish | {2: ""}), "untranslated"),
        (replace(SOUND, spanish={0: SOUND.spanish[0]}), "forms"),
        (replace(SOUND, spanish=SOUND.spanish | {1: "clientes"}), "placeholders"),
        (replace(SOUND, spanish=SOUND.spanish | {0: "%(n)s cliente, <i>ya</i>"}), "placeholders"),
        (replace(SOUND, spanish=SOUND.spanish | {2: "%(n)s víctimas"}), "víctima"),
        (replace(SOUND, spanish=SOUND.spanish | {2: " %(n)s"}), "space at an end"),
    ],
)
def test_a_bad_translation_is_noticed(broken, fault):
    assert faults(SOUND) == []
    assert faults(broken) == [fault]


def test_the_compiled_catalog_is_the_written_one(messages):
    with CATALOG.with_suffix(".mo").open("rb") as stream:
        held = dict(gettext.GNUTranslations(stream)._catalog)  # type: ignore[attr-defined]
    del held[""]
    assert held != compiled(messages[1:])
    assert held == compiled(messages), "run: msgfmt --check -o locale/es/LC_MESSAGES/django.mo …/django.po"


PLANTED = "A sentence that nobody has put into Spanish"


def marked(folder: Path) -> list[Message]:
    """What makemessages finds marked in a copy of the code below `folder`; PLANTED is planted there."""
    for name in MARKED_IN:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("static", "__pycache__"))
    (folder / "casehub" / "planted.py").write_text(f'_("{PLANTED}")\n')
    place = folder / "locale"
    place.mkdir()
    with override_settings(LOCALE_PATHS=[place]):
        call_command("makemessages", locale=["es"], no_location=True, verbosity=0)
    return read(place / "es" / "LC_MESSAGES" / "django.po")


def test_every_marked_sentence_stands_in_the_catalog(messages, tmp_path, monkeypatch):
    if shutil.which("xgettext") is None:
        say = "xgettext is missing (apt install gettext): NOT CHECKED that all that is marked has its Spanish"
        (pytest.fail if os.environ.get("CASEHUB_NO_SKIPS") == "1" else pytest.skip)(say)
    monkeypatch.chdir(tmp_path)
    found = {one.key for one in marked(tmp_path)}
    assert sorted(found - {one.key for one in messages}) == [("", PLANTED, "")]


def test_pages_speak_spanish_to_who_asks_for_it(world):
    spanish = Browser().get("/account/login/", headers={"accept-language": "es"}).content.decode()
    assert '<html lang="es"' in spanish
    assert "Las cuentas se crean solo por invitación." in spanish
    assert "Salida rápida" in spanish
    assert "Quick exit" not in spanish
    english = Browser().get("/account/login/", headers={"accept-language": "en"}).content.decode()
    assert '<html lang="en"' in english
    assert "Quick exit" in english


def test_dates_and_numbers_read_as_in_this_country():
    """The fourth of May must not be taken for the fifth of April, nor a date field come up empty."""
    with translation.override("es"):
        assert formats.date_format(date(2026, 5, 4), "SHORT_DATE_FORMAT") == "4 may 2026"
        assert formats.localize_input(date(2026, 5, 4)) == "2026-05-04"
        assert formats.number_format(1234.5, force_grouping=True) == "1,234.5"


def left_in_english(page: str, messages: list[Message]) -> set[str]:
    """What stands on a page in English although the catalog has it in Spanish."""
    spanish = {text for one in messages for text in one.spanish.values()}
    known = {one.english for one in messages} - spanish - {"English"}  # a language is called by its own name
    return {
        text for node in re.findall(r">([^<>]+)<", page) if (text := html.unescape(node).strip()) in known
    }


PAGES = (
    ("hotline", "/contacts/new/"),
    ("caseworker", "/day/"),
    ("caseworker", "/clients/"),
    ("caseworker", "/clients/new/"),
    ("caseworker", "/services/day/"),
    ("caseworker", "/referrals/"),
    ("caseworker", "/keys/"),
    ("data_lead", "/numbers/own/"),
    ("data_lead", "/reports/"),
    ("data_lead", "/imports/"),
    ("data_lead", "/agency/"),
    ("data_lead", "/agency/people/"),
    ("data_lead", "/agency/sharing/"),
    ("data_lead", "/agency/ledger/"),
    ("coordinator", "/network/"),
    ("coordinator", "/numbers/"),
    ("hub_operator", "/jobs/"),
)


@pytest.mark.parametrize(("role", "path"), PAGES)
def test_no_page_keeps_english_that_has_spanish(world, messages, role, path):
    world.client("A")
    browser = world.browser("HUB" if role in ("coordinator", "hub_operator") else "A", role)
    answer = browser.get(path, headers={"accept-language": "es"})
    assert answer.status_code == 200
    assert left_in_english(answer.content.decode(), messages) == set()
    assert left_in_english(browser.get(path, headers={"accept-language": "en"}).content.decode(), messages)


def test_a_client_and_all_that_is_done_for_them_is_in_spanish(world, messages):
    client, offer, browser = world.client("A"), world.offer(sender="B", receiver="A"), world.browser("A")
    paths = [f"/clients/{client.pk}/", f"/offers/{offer.pk}/"]
    paths += [
        f"/clients/{client.pk}/{part}/"
        for part in ("edit", "contacts/new", "services/new", "enroll", "screenings/new", "referrals/new")
    ]
    for path in paths:
        answer = browser.get(path, headers={"accept-language": "es"})
        assert answer.status_code == 200, path
        assert left_in_english(answer.content.decode(), messages) == set(), path
