"""The ledger speaks to people: every code that the sources or the database enter has words."""

import re
from pathlib import Path

import pytest
from django.db import connection

from referrals.picklists import ResponseOutcome
from referrals.web import deeds
from referrals.web.deeds import deed

ROOT = Path(__file__).parents[3]
CODE = re.compile(r'"([a-z]+\.[a-z_]+)"')


def entered_by_sources() -> set[str]:
    """The codes that `ledger.record` is given, however it is called, and those of the network's pages."""
    found = set()
    for package in ("agencies", "referrals", "reporting", "casehub"):
        for file in (ROOT / package).rglob("*.py"):
            for call in re.findall(r"(?:ledger\.record|_enter)\(([^\n]*)", text := file.read_text()):
                found |= set(CODE.findall(call.split("why=")[0]))
            for line in re.findall(r"\bverb = ([^\n]*)", text):
                found |= set(CODE.findall(line))
    return found


def entered_by_the_database() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal")
        nouns = {
            noun
            for (text,) in cursor.fetchall()
            for noun in re.findall(r"casehub_enter_write\('(\w+)'\)", text)
        }
    assert len(nouns) > 15
    return {f"{noun}.{way}" for noun in nouns for way in ("created", "changed", "deleted")}


def wordless(codes: set[str]) -> list[str]:
    return sorted(code for code in codes if deed(code) == code)


@pytest.mark.django_db
def test_every_code_has_words():
    sources = entered_by_sources()
    assert {"client.viewed", "member.put_to_rest", "agency.opened", "agency.sharing_allowed"} <= sources
    answers = {f"offer.{outcome.value}" for outcome in ResponseOutcome}
    assert wordless(sources | entered_by_the_database() | answers) == []


@pytest.mark.django_db
def test_a_code_without_words_is_noticed(monkeypatch):
    """Sabotage: one line and one noun gone."""
    monkeypatch.delitem(deeds.SAID, "ledger.exported")
    monkeypatch.delitem(deeds.NOUNS, "touchpoint")
    assert wordless(entered_by_sources()) == ["ledger.exported"]
    assert "touchpoint.created" in wordless(entered_by_the_database())


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("client.viewed", "Looked at a client"),
        ("clients.listed", "Saw clients in a list"),
        ("touchpoints.listed", "Saw in a list: contact"),
        ("touchpoint.created", "Recorded: contact"),
        ("nothing.known", "nothing.known"),
    ],
)
def test_words(code, said):
    assert deed(code) == said
