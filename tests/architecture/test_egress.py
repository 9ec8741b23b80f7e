"""The egress gate: nothing outside the engine adds up clients' rows for other agencies' eyes, and what takes a
network's table takes that type alone. A grep of the syntax; what answers really hold is attacks/test_egress.py's.
"""

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

from agencies.scope import Scoped
from reporting import charts, engine, reading, render
from reporting.sdc import ProtectedTable, RawTable
from reporting.sdc.own import OwnTable
from tests.architecture.test_source import PYTHON, ROOT, TEMPLATES, called, named

# Where rows are counted for everybody: what they count leaves as a ProtectedTable or not at all.
ENGINE = ("reporting/engine.py", "reporting/measures/")

# Who else adds rows up, function by function, and why no other agency reads it. Behind acting_as, PostgreSQL
# shows an agency its own rows alone: such a figure is the agency's own and exact.
OWN = "an agency's own rows, behind its wall"
TRUST = "agencies, staff, keys and sessions; no client's row"
WORK = "rows of an upkeep's or import's own turn, said to nobody but the agency"
ALLOWED = {
    "agencies/cardkeys.py": TRUST,
    "agencies/ledger.py": TRUST,
    "agencies/linknet.py": TRUST,
    "agencies/scope/rows.py": "the wall itself: what a policy of the database asks",
    "agencies/vault/rows.py": TRUST,
    "agencies/vault/store.py": TRUST,
    "casehub/old_keys.py": "whether any sealed row still needs an old key: yes or no",
    "casehub/pages/session.py": TRUST,
    "referrals/exchange/intake.py": WORK,
    "referrals/exchange/staging.py": WORK,
    "referrals/linkage/join.py": "files on an agency's own machine, or of an evaluation; no database",
    "referrals/queries.py": OWN,
    "referrals/releases.py": OWN,
    "referrals/shredders.py": WORK,
    "referrals/web/cards.py": OWN,
    "referrals/web/day.py": OWN,
    "referrals/web/disclosures.py": OWN,
    "referrals/web/imports.py": OWN,
    "referrals/web/tokens.py": OWN,
    "reporting/actions.py": "the versions of an agency's own grant report",
    "reporting/grants/count.py": "an agency's own grant report, exact by purpose",
    "reporting/saved.py": "a person's own saved views",
}
# Adds rows up across agencies and says it to nobody: the linker's own upkeep.
LINKER = "referrals/linking/"

_AGGREGATES = {"Count", "Sum", "Avg", "Max", "Min", "StdDev", "Variance", "ArrayAgg", "JSONBAgg", "StringAgg"}
_SQL = re.compile(
    r"\b(count|sum|avg|min|max|array_agg|json_agg|jsonb_agg|string_agg|percentile_(cont|disc))\s*\(|\bGROUP BY\b"
)


def adds_up(source: str) -> Iterator[tuple[int, str]]:
    """Each place (line, what) of a Python file that adds up rows, in the ORM or in SQL."""
    tree = ast.parse(source)
    words = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django")
        for alias in node.names
        if alias.name in _AGGREGATES
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = called(node)
            is_method = isinstance(node.func, ast.Attribute)
            if is_method and name in ("aggregate", "acount", "aaggregate"):
                yield node.lineno, f".{name}()"
            # With an argument it is a list's or a text's own.
            if is_method and name == "count" and not node.args and not node.keywords:
                yield node.lineno, ".count()"
            if (name in imported and not is_method) or (
                is_method
                and name in _AGGREGATES
                and ast.unparse(node.func).startswith(("models.", "django."))
            ):
                yield node.lineno, f"{name}(…)"
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in words
            and re.search(r"\b(SELECT|FROM|WITH)\b", node.value)
            and (found := _SQL.search(node.value))
        ):
            yield node.lineno, f"SQL {found[0]}"


def outside(path: Path) -> bool:
    return not named(path).startswith((*ENGINE, LINKER)) and "synthetic" not in path.parts


def test_nobody_but_the_engine_adds_up_clients_rows():
    found = {named(path): list(adds_up(path.read_text())) for path in PYTHON if outside(path)}
    assert {name: where for name, where in found.items() if where and name not in ALLOWED} == {}


def test_whoever_is_allowed_still_needs_it():
    """A leave that nobody uses is one that somebody will."""
    used = {named(path) for path in PYTHON if outside(path) and list(adds_up(path.read_text()))}
    assert set(ALLOWED) - used == set()


def test_no_door_to_network_figures_is_allowed_to_add_up():
    """Nothing of this floor's pages, API, files or pictures stands in the list."""
    doors = ("reporting/web", "reporting/api", "reporting/charts", "reporting/render", "reporting/reading")
    assert [
        name for name in ALLOWED if name.startswith((*doors, "reporting/releases", "reporting/tasks"))
    ] == []


@pytest.mark.parametrize(
    "line",
    [
        "Client.objects.count()",
        "Client.objects.filter(county=county).aggregate(n=Count('pk'))",
        "rows.annotate(n=Count('clients'))",
        "models.Count('pk')",
        "cursor.execute('SELECT count(*) FROM referrals_client')",
        "cursor.execute('SELECT agency_id FROM referrals_client GROUP BY 1')",
        "text = 'WITH a AS (SELECT max(id) FROM b) SELECT 1'",
    ],
)
def test_each_way_to_add_up_would_be_seen(line):
    """Sabotage: put into a page, each is found."""
    text = (ROOT / "reporting/web/numbers.py").read_text()
    assert list(adds_up(text)) == []
    assert list(adds_up(f"{text}\nfrom django.db.models import Count\ndef leak():\n    {line}\n")) != []


def test_what_only_looks_like_it_is_left_alone():
    for line in (
        '"a,b".count(",")',
        "codes.count(code)",
        'say = "count (of people)"',
        '"""SELECT count(*)"""',
    ):
        assert list(adds_up(line)) == [], line


# --- client rows ---------------------------------------------------------------------------------------------

# Who on this floor names a client's model, and for whose eyes.
NAMES_CLIENTS = {"reporting/web/grants.py": "lists behind an agency's own report, for its data lead"}


def client_models() -> set[str]:
    """Models of casework behind a wall."""
    return {
        model.__name__ for model in apps.get_app_config("referrals").get_models() if issubclass(model, Scoped)
    }


def test_no_page_of_figures_can_reach_a_client_s_row():
    """Without a model there is nothing to add up, by `len` or by a loop either."""
    known = client_models()
    assert {"Client", "Touchpoint", "Enrollment"} <= known
    found = set()
    for path in PYTHON:
        name = named(path)
        if not name.startswith("reporting/") or name.startswith(ENGINE):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else set()
            if names & known and (node.module or "").startswith("referrals"):
                found.add(name)
            if called(node) == "get_model" if isinstance(node, ast.Call) else False:
                found.add(name)
    assert found == set(NAMES_CLIENTS)


def test_no_template_of_figures_counts():
    """`.count` in a template asks the database. A grant report is the agency's own and counted in Python."""
    for path in TEMPLATES:
        if "reporting" in path.parts and not path.name.startswith(("grant", "_answer", "_item")):
            assert not re.search(r"\{[{%][^}]*\.(count|aggregate)\b(?!_)", path.read_text()), named(path)


# --- types ---------------------------------------------------------------------------------------------------

TABLES = (ProtectedTable, OwnTable)


def takes_a_table() -> list[tuple[str, object]]:
    """Every function of the renderers, the charts and the reading whose first argument is a table."""
    found = []
    for module in (render, charts, reading):
        for name, one in vars(module).items():
            if not callable(one) or name.startswith("_") or not hasattr(one, "__module__"):
                continue
            if not inspect.isfunction(one) or not one.__module__.startswith("reporting."):
                continue
            first = next(iter(inspect.signature(one).parameters.values()), None)
            if first is not None and "Table" in str(first.annotation):
                found.append((f"{one.__module__}.{name}", one))
    return found


def test_renderers_are_found():
    names = {name for name, _one in takes_a_table()}
    assert len(names) >= 8 and any("csv" in name for name in names), names


@pytest.mark.parametrize(
    ("name", "one"), takes_a_table(), ids=lambda given: given if isinstance(given, str) else ""
)
def test_what_takes_a_table_takes_a_protected_or_an_own_one(name, one):
    annotation = str(next(iter(inspect.signature(one).parameters.values())).annotation)
    assert "RawTable" not in annotation
    assert re.search(r"\b(Table|ProtectedTable|OwnTable|Cells)\b", annotation), annotation


def test_raw_counts_are_known_to_the_engine_and_releases_alone():
    """Whoever can't name the type can't hand it on."""
    known = {
        named(path)
        for path in PYTHON
        if re.search(r"\b(RawTable|NetworkRun)\b", path.read_text())
        and not named(path).startswith("reporting/sdc/")
    }
    allowed = ("reporting/engine.py", "reporting/measures/", "reporting/releases/")
    assert [name for name in known if not name.startswith(allowed)] == []


def test_a_protected_table_is_made_by_the_gate_alone():
    """Outside the disclosure engine nobody writes `ProtectedTable(...)`; it comes from protect or a release."""
    found = set()
    for path in PYTHON:
        if named(path).startswith("reporting/sdc/"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and called(node) in ("ProtectedTable", "replace"):
                text = ast.unparse(node)
                if called(node) == "ProtectedTable" or "table" in text.split("(", 1)[1][:12]:
                    found.add(named(path))
    assert found == set()
    with pytest.raises(TypeError):
        ProtectedTable()  # type: ignore[call-arg]


def test_no_figure_is_put_into_a_cache_a_session_or_a_job():
    """Doors of figures keep nothing: the release is what is kept."""
    for path in PYTHON:
        name = named(path)
        if not name.startswith("reporting/"):
            continue
        text = path.read_text()
        assert not re.search(
            r"\bcache\.(set|add|get_or_set|set_many)\b|@cache_page|django\.core\.cache", text
        ), name
        assert not re.search(r"request\.session\[[^\]]+\]\s*=|session\.(update|setdefault)\(", text), name
        if name.startswith(("reporting/web", "reporting/api", "reporting/tasks", "reporting/actions")):
            assert not re.search(r"\b(print|logger|logging|log)\b[.(]", text), name


def test_a_job_of_this_floor_hands_back_no_counts():
    """What a task returns is stored with its job: labels and ids of releases, never a table."""
    from reporting import tasks

    source = ast.parse(inspect.getsource(tasks))
    for node in ast.walk(source):
        if isinstance(node, ast.FunctionDef):
            said = ast.unparse(node.returns) if node.returns else "None"
            assert not re.search(r"Table|int\b.*int\b|Mapping\[.*int|dict\[.*int", said), (
                f"{node.name} -> {said}"
            )


def test_the_engine_s_run_says_by_type_what_may_leave():
    fields = {one.name: str(one.type) for one in dataclasses.fields(engine.NetworkRun)}
    assert "ProtectedTable" in fields["table"]
    assert issubclass(RawTable, tuple(TABLES)) is False
