"""The page that checks a published table: who may, what it says, that it takes corrections, and that nothing of
the file stays anywhere."""

import base64
import re
import tempfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reporting.web import leakcheck
from tests.reporting import leaks
from tests.world import World

WORD = "Zanzibarville"
TABLE = f"County,Shelter,Legal help,Total\n{WORD},20,*,25\nOak,30,13,43\nTotal,50,18,68".encode()


@pytest.fixture
def browser(world: World):
    return world.browser("A", "partner_viewer")


def send(browser, content=TABLE, name="table.csv", **more):
    return browser.post(
        reverse("reporting:leakcheck"), {"file": SimpleUploadedFile(name, content), "threshold": "11", **more}
    )


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.mark.parametrize(
    ("role", "status"), [("partner_viewer", 200), ("coordinator", 200), ("hotline", 404), (None, 302)]
)
def test_it_is_for_those_who_may_see_network_numbers(world, client, role, status):
    letter = "HUB" if role == "coordinator" else "A"
    world.agency("HUB")
    who = world.browser(letter, role) if role else client
    assert who.get(reverse("reporting:leakcheck")).status_code == status


def test_it_says_what_is_exposed_and_how(browser):
    answer = send(browser)
    said = text(answer)
    assert answer.status_code == 200
    assert "1 small count can be worked out" in said
    assert f"{WORD}, Legal help = Total of {WORD} 25 less Shelter 20 = 5" in said
    assert "Is the reading wrong?" in said


def test_a_safe_table_is_said_to_be_so(browser):
    said = text(send(browser, leaks.safe("four", 0).content(), "table.csv"))
    assert "No small count can be worked out" in said


def test_the_second_step_takes_what_the_reader_says(browser):
    kept = base64.b64encode(TABLE).decode()
    where = reverse("reporting:leakcheck")
    # No line is a total.
    said = text(browser.post(where, {"kept": kept, "found_total": ["Total"], "threshold": "11"}))
    assert "No small count can be worked out" in said
    # The mark means none, so the row does not add up, and nothing hides.
    answer = browser.post(
        where, {"kept": kept, "mark_text": ["*"], "mark-0": "none", "total": ["Total"], "threshold": "11"}
    )
    assert answer.status_code == 200
    assert 'value="none" id="mark-0-none" checked' in answer.content.decode()
    said = text(
        browser.post(
            where,
            {
                "kept": kept,
                "mark_text": ["*"],
                "mark-0": "hidden",
                "found_total": ["Total"],
                "total": ["Total"],
                "threshold": "5",
            },
        )
    )
    assert "No small count" in said or "1 small count" in said


def test_linked_tables_can_be_taken_apart(browser):
    content = leaks.planted("linked", 0).content()
    answer = send(browser, content, "tables.xlsx")
    assert "can be worked out" in text(answer)
    assert 'name="linked" value="2"' in answer.content.decode()
    kept = base64.b64encode(content).decode()
    said = text(
        browser.post(
            reverse("reporting:leakcheck"),
            {"kept": kept, "linked": ["2"], "found_total": ["Total"], "total": ["Total"], "threshold": "11"},
        )
    )
    assert "No small count can be worked out" in said


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"PK\x03\x04x", "not a spreadsheet"),
        (b"a,b\n" * 6000, "too many"),
        (b"1,2\n" * 600_000, "larger than 2 MB"),
    ],
)
def test_refusals_are_sentences_at_the_field(browser, content, why):
    answer = send(browser, content)
    assert answer.status_code == 200
    assert why in text(answer)
    assert b"error" in answer.content


@pytest.mark.parametrize("kept", ["", "not base64 !", "AAAA"])
def test_a_broken_second_step_is_refused_in_words(browser, kept):
    answer = browser.post(reverse("reporting:leakcheck"), {"kept": kept, "threshold": "11"})
    assert answer.status_code == 200 and "Choose a table" in text(answer)


def test_a_file_too_large_for_memory_never_touches_the_disk(browser, tmp_path, settings, monkeypatch):
    """Seen to: with Django's own handlers alone a temporary file is made."""
    made = []
    real = tempfile.NamedTemporaryFile
    monkeypatch.setattr(
        "django.core.files.uploadedfile.tempfile.NamedTemporaryFile",
        lambda *args, **more: made.append(1) or real(*args, **more),
    )
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    content = b"1,2\n" * (3 * leakcheck.MAX_BYTES // 4)
    assert "larger than 2 MB" in text(send(browser, content))
    assert made == []
    settings.FILE_UPLOAD_HANDLERS = settings.FILE_UPLOAD_HANDLERS[1:]
    send(browser, content)
    assert made != []


def test_nothing_of_the_file_is_kept(browser, caplog):
    """Not in the log, and no statement to the database carries a word of it."""
    caplog.set_level("DEBUG")
    browser.get(reverse("reporting:leakcheck"))
    with CaptureQueriesContext(connection) as asked:
        send(browser)
    assert asked.captured_queries
    assert not [query for query in asked.captured_queries if WORD in query["sql"]]
    assert WORD not in caplog.text
    assert WORD not in str(dict(browser.session.items()))


def test_a_table_s_words_can_not_become_markup(browser):
    content = b"County,<script>alert(1)</script>,Total\n<b>Cedar</b>,*,25\nOak,13,43\nTotal,18,68"
    answer = send(browser, content).content
    assert b"<script>alert" not in answer and b"<b>Cedar" not in answer
