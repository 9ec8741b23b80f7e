"""Laws about what the source may say: templates, settings, queries, responses. Read as text and as syntax."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.ROOT
FLOORS = ("agencies", "referrals", "reporting", "casehub")
PYTHON = sorted(
    path for floor in FLOORS for path in (ROOT / floor).rglob("*.py") if "migrations" not in path.parts
)
TEMPLATES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.html"))
DOORS = [path for path in PYTHON if {"web", "api", "pages"} & set(path.relative_to(ROOT).parts)]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield node


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


# Drawn here from numbers of our own: allauth makes the square code of the secret it has just thought up; the
# import map holds digests of scripts, and the content policy names it by its own.
UNESCAPED_ON_PURPOSE = {
    "casehub/templates/mfa/totp/activate_form.html": "{{ totp_svg|safe }}",
    "casehub/templates/base.html": '<script type="importmap">{{ vault.import_map|safe }}</script>',
}

# Templates: a strict content policy has nothing to allow, and nothing is put in unescaped.

FORBIDDEN_IN_TEMPLATES = {
    "unescaped": r"\|\s*safe\b|\{%\s*autoescape\s+off",
    "inline style": r"<style\b|\sstyle\s*=",
    "inline script": r"<script(?![^>]*\ssrc=)[^>]*>",
    "inline handler": r"\son[a-z]+\s*=",
    "javascript address": r"javascript:",
    "evaluated htmx": r"hx-on|hx-vals\s*=\s*['\"]?js:|hx-vars",
    "something from elsewhere": r"(?:src|href)\s*=\s*['\"](?:https?:)?//",
}


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_a_template_has_nothing_inline_and_nothing_unescaped(path):
    text = re.sub(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", "", path.read_text(), flags=re.DOTALL)
    text = text.replace(UNESCAPED_ON_PURPOSE.get(named(path), "\0"), "", 1)
    found = [
        what for what, pattern in FORBIDDEN_IN_TEMPLATES.items() if re.search(pattern, text, re.IGNORECASE)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{{ note|safe }}", "unescaped"),
        ('<p style="x">', "inline style"),
        ("<script>go()</script>", "inline script"),
        ('<a onclick="go()">', "inline handler"),
        ('<script src="https://cdn.example/x.js">', "something from elsewhere"),
    ],
)
def test_each_of_these_would_be_seen(text, what):
    assert re.search(FORBIDDEN_IN_TEMPLATES[what], text, re.IGNORECASE)


# The field's own terms that a form or a law prints: OVC's grant form counts "victims", and so must its copy.
ITS_OWN_WORDS = ("Victim unit", "victim service", "crime victim", "Victims of Crime", "victimization")


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_a_page_says_client(path):
    text = re.sub(
        r"\{%.*?%\}|\{#.*?#\}", lambda m: m.group() if "translate" in m.group() else "", path.read_text()
    )
    for words in ITS_OWN_WORDS:
        text = re.sub(words, "", text, flags=re.IGNORECASE)
    assert not re.search(r"\bvictims?\b", text, re.IGNORECASE)


# Settings


# Who else may look at the environment, and why.
READS_THE_ENVIRONMENT = {
    "casehub/embedded.py": "is started before settings, and hands its servers as little of it as it can",
    "casehub/demo.py": "sets up the demo before settings are read",
    "casehub/management/commands/demo.py": "chooses the demo's own database before it starts the servers",
    "referrals/agency_side/keys.py": "runs on the agency's machine, without settings",
}


def test_the_environment_is_read_in_settings_only():
    found = {
        named(path)
        for path in PYTHON
        if re.search(
            r"\bos\.(environ(?!\.setdefault\(\"DJANGO_SETTINGS)|getenv)|\benv\.\w+\(", path.read_text()
        )
        and not named(path).startswith("casehub/settings/")
    }
    assert found - set(READS_THE_ENVIRONMENT) == set()


# Queries


# The front door's pages are about agencies and staff, which stand in front of the walls.
@pytest.mark.parametrize("path", [path for path in DOORS if "pages" not in path.parts], ids=named)
def test_a_door_never_decides_again_which_rows_are_visible(path):
    """Visibility is PostgreSQL's: a filter by agency in a door is either idle or covers a hole."""
    for node in calls(path):
        if called(node) in ("filter", "exclude", "get") and isinstance(node.func, ast.Attribute):
            names = {keyword.arg for keyword in node.keywords}
            assert not names & {"agency", "agency_id", "agency__pk", "agency__id"}, ast.unparse(node)


# What a door may save or delete by that name: itself, a bound form or serializer that calls an action.
THEIR_OWN = {"self", "sent", "form", "serializer", "request.session", "cache"}


@pytest.mark.parametrize("path", [path for path in DOORS if "pages" not in path.parts], ids=named)
def test_a_door_writes_through_actions_only(path):
    """Doors are thin: `.save()`, `.create()` and `.delete()` stand in actions."""
    writes = {"save", "bulk_create", "bulk_update", "delete", "get_or_create", "update_or_create"}
    found = [
        ast.unparse(node)
        for node in calls(path)
        if isinstance(node.func, ast.Attribute)
        and called(node) in writes
        and ast.unparse(node.func.value) not in THEIR_OWN
    ]
    assert found == []


# Files that write SQL by hand, each with why. Whatever enters a statement there is a constant of the code.
WRITES_SQL = {
    "agencies/actions.py",
    "agencies/ledger.py",  # one query over the chain
    "agencies/scope/actor.py",  # the settings themselves
    "agencies/scope/counting.py",
    "agencies/scope/grants.py",  # names of tables and columns out of the models
    "agencies/scope/linking.py",
    "agencies/scope/rows.py",  # migrations
    "agencies/scope/shredding.py",
    "agencies/vault/keys.py",
    "agencies/vault/rows.py",
    "agencies/vault/store.py",
    "casehub/checks.py",
    "casehub/embedded.py",
    "casehub/old_keys.py",
    "casehub/pages/health.py",
    "casehub/pages/joining.py",
    "casehub/running.py",  # makes the demo's database, by a name of our own
    "referrals/disclosures.py",  # one call of the function that enters an opening in the sender's ledger
    "referrals/linkage/join.py",  # in DuckDB, in memory: it reaches no database
    # As the linking role, which reads no client's row; constants of the code, and records by number.
    "referrals/linking/arrivals.py",
    "referrals/linking/bulk.py",
    "referrals/linking/decisions.py",
    "referrals/linking/departures.py",
    "referrals/linking/people.py",
    "referrals/linking/records.py",
    "referrals/linking/scorer.py",
    "referrals/linking/turns.py",
    "reporting/engine.py",
    "reporting/measures/__init__.py",
}


def writes_sql(path: Path) -> bool:
    return any(
        called(node) in ("execute", "executemany", "copy_expert", "raw", "RawSQL", "extra")
        for node in calls(path)
    )


def test_sql_is_written_by_hand_in_listed_files_only():
    """Whoever can run a statement as casehub_app can open any wall: there is no way from input to a statement."""
    found = {named(path) for path in PYTHON if writes_sql(path)}
    doors = {named(path) for path in DOORS if writes_sql(path)} - WRITES_SQL
    assert doors == set(), "a door asks queries and actions"
    assert {
        name
        for name in found - WRITES_SQL
        if not name.startswith(("referrals/exchange/", "reporting/measures/"))
    } == set()


@pytest.mark.parametrize("path", [path for path in PYTHON if writes_sql(path)], ids=named)
def test_no_statement_is_put_together_from_what_somebody_sent(path):
    """ruff's S608 finds strings built into SQL; each place that does so says `noqa: S608` beside constants."""
    text = path.read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and called(node) == "execute" and node.args:
            inside = ast.unparse(node.args[0])
            assert not re.search(r"request|\.GET|\.POST|cleaned_data|kwargs|query_params", inside), inside


# Responses


def test_nothing_streams_but_what_is_listed():
    """A streamed body is read after the door has closed. `made_inside` says it was made before."""
    found = {
        named(path) for path in PYTHON if re.search(r"StreamingHttpResponse|FileResponse", path.read_text())
    }
    for name in found - {"agencies/doors.py"}:
        assert "made_inside" in (ROOT / name).read_text(), name


def test_nobody_turns_csrf_off():
    found = {named(path) for path in PYTHON if "csrf_exempt" in path.read_text()}
    assert found <= {"casehub/pages/session.py"}, "quick exit is a beacon, which carries no token"


def test_nothing_of_ours_marks_text_as_safe():
    found = {named(path) for path in PYTHON if re.search(r"\bmark_safe\b|\bSafeString\b", path.read_text())}
    assert found <= {"reporting/charts/drawing.py"}, "only what we draw ourselves"


def test_no_file_listens_to_a_signal_but_the_two_named():
    found = {
        named(path)
        for path in PYTHON
        if re.search(r"@receiver\(|\.connect\b(?!\()|_\w+\.connect\(", path.read_text())
    }
    assert found <= {"casehub/apps.py", "casehub/celery.py", "casehub/signin.py"}


def test_no_file_is_called_after_nothing():
    empty_names = {"utils", "helpers", "common", "core", "misc", "base_utils"}
    assert [named(p) for p in PYTHON if p.stem in empty_names or empty_names & set(p.parts)] == []


@pytest.mark.parametrize("path", [path for path in PYTHON if path.read_text().strip()], ids=named)
def test_a_file_opens_by_saying_what_lives_there(path):
    doc = ast.get_docstring(ast.parse(path.read_text()))
    assert doc and len(doc) > 20
