"""`./dev manage docs`: writes docs/reference/ from the code; `--check` says what differs."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import override

from agencies.privacy import Privacy
from agencies.roles import ROLES, Permission
from referrals.picklists import LISTS
from reporting.grants import FORMS
from reporting.measures import Cube, cubes, measures

FOLDER = settings.ROOT / "docs" / "reference"
OURS = ("agencies", "referrals", "reporting", "casehub")


class Command(BaseCommand):
    help = "Write docs/reference/ from the code, or check that it still says the same."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        with override("en"):
            pages = {name: page() for name, page in PAGES.items()}
        stale = []
        for name, text in pages.items():
            path = FOLDER / f"{name}.md"
            if options["check"]:
                if not path.exists() or path.read_text() != text:
                    stale.append(path.name)
            else:
                path.write_text(text)
        if stale:
            raise CommandError(f"docs/reference is behind the code ({', '.join(stale)}): ./dev manage docs")


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |"]
    lines.append("|" + "---|" * len(lines[0].split(" | ")))
    for row in rows:
        cells = (" ".join(str(cell).split()).replace("|", "\\|") for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _page(title: str, intro: str, *parts: str) -> str:
    return "\n".join([f"# {title}\n", f"{intro}\n", *parts])


def roles() -> str:
    held = [
        [f"`{permission}`", *("yes" if permission in role.grants else "" for role in ROLES.values())]
        for permission in Permission
    ]
    return _page(
        "Roles and permissions",
        "A role is held by a person at one agency. What each may do is `agencies/roles.py`; which rows they "
        "see is written in PostgreSQL. A role marked with a star needs a second factor.",
        _table(
            ["role", "name", "what it is for"],
            [
                (f"`{role.name}`{' *' if role.needs_second_factor else ''}", role.title, role.means)
                for role in ROLES.values()
            ],
        ),
        _table(["permission", *ROLES], held),
    )


def the_settings() -> str:
    """Every environment variable, with the comment that stands above it in the settings."""
    rows, above = [], ""
    for line in (settings.ROOT / "casehub/settings/base.py").read_text().splitlines():
        if line.startswith("#"):
            above = f"{above} {line.lstrip('# ')}".strip()
            continue
        found = re.search(r'(env\.\w+|secret)\("([A-Z_]+)"(?:, default=(.+?))?\)(?:\)|$)', line)
        if found and "{name}" not in line:
            kind = "secret, also as a file: `" + found[2] + "_FILE`" if found[1] == "secret" else found[1][4:]
            rows.append((f"`{found[2]}`", kind, f"`{found[3]}`" if found[3] else "", above))
        above = ""
    return _page(
        "Settings",
        "Environment variables of the hub; `casehub/settings/base.py` reads them all. The embedded "
        "servers add `CASEHUB_DATA`, the folder of their data; the tests add `CASEHUB_TEST_SLOT`, a suffix "
        "of the test database's name, and `CASEHUB_NO_SKIPS`, under which a missing Chromium or gettext "
        "is an error.",
        _table(["variable", "kind", "default", "meaning"], rows),
    )


def the_measures() -> str:
    return _page(
        "Measures",
        "Every number about many people has one definition, in `reporting/measures/`. Periods are half-open: "
        "the last day named is the first that no longer counts. A new one is one function under `@cube` that "
        "returns a row for each atom and agency: its values, the agency, the count.",
        *(
            f"## {measure.title}\n\n`{name}`, version {measure.version}. Counts: {measure.counts}. "
            f"Does not show: {measure.does_not_show}\n\n{' '.join((measure.find.__doc__ or '').split())}\n"
            for name, measure in sorted(measures().items())
        ),
        *(_cube(one) for _name, one in sorted(cubes().items())),
    )


def _cube(one: Cube) -> str:
    facts = [
        ("universe", f"`{one.universe}`"),
        ("source", one.source),
        ("unit", one.unit),
        ("counted as", one.counts),
        ("does not show", one.does_not_show),
        ("cut by", ", ".join(f"`{name}`" for name in one.dimensions)),
        ("views", _views(one.views)),
        *(("coarser", _views(views)) for views in one.coarser),
        ("two periods add up", "yes" if one.adds_up else "no"),
    ]
    if one.within:
        facts.append(("only", ", ".join(f"`{name}` is `{value}`" for name, value in one.within)))
    if one.periods_apart:
        facts.append(("periods", "no two releases of it may overlap"))
    what = " ".join((one.find.__doc__ or "").split())
    return f"## {one.title}\n\n`{one.name}`, version {one.version}. {what}\n\n{_table(['', ''], facts)}\n"


def _views(views: Iterable[tuple[str, ...]]) -> str:
    return ", ".join(f"`{' x '.join(view)}`" if view else "the total" for view in views)


def commands() -> str:
    found = sorted(name for name, app in get_commands().items() if app in OURS)
    return _page(
        "Commands",
        "Run as `./dev manage NAME`. Each says more with `--help`.",
        _table(
            ["command", "what it does"],
            [(f"`{n}`", load_command_class(get_commands()[n], n).help) for n in found],
        ),
    )


def code_lists() -> str:
    parts = []
    for one in LISTS.values():
        note = "" if one.verified else " **Wording not yet checked by a grantee.**"
        codes = [
            (
                f"`{member.value}`",
                member.label,
                *(
                    "" if code is None else code
                    for code in (member.codes.hmis, member.codes.htcds, member.codes.voca, member.codes.otip)
                ),
            )
            for member in one
        ]
        parts.append(f"## {one.__name__}\n\nSource: {one.source}.{note}\n")
        parts.append(_table(["value", "label", "HMIS", "HTCDS", "VOCA", "OTIP"], codes))
    return _page(
        "Code lists",
        "*Not asked*, *declined* and *unknown* are three answers, everywhere. The lists are "
        "`referrals/picklists.py`.",
        *parts,
    )


def data_dictionary() -> str:
    parts = []
    for model in apps.get_models():
        if model._meta.app_label not in OURS or not isinstance(getattr(model, "privacy", None), Privacy):
            continue
        privacy = Privacy.of(model)
        kinds = {
            "sealed or identifying": privacy.direct,
            "about one client": privacy.linkable,
            "open": privacy.open,
        }
        kind_of = {name: kind for kind, names in kinds.items() for name in names}
        rows = [
            (f"`{field.column}`", field.get_internal_type(), kind_of.get(field.name, ""))
            for field in model._meta.concrete_fields
        ]
        about = " ".join((model.__doc__ or "").split())
        parts.append(f"## {model._meta.db_table}\n\n{about}\n")
        parts.append(_table(["column", "type", "privacy"], rows))
    return _page(
        "Data dictionary",
        "Every column of every table that agencies' rows stand in. *About one client* columns may be "
        "counted, never shown to another agency; *sealed or identifying* ones are read by no counting "
        "role at all.",
        *parts,
    )


def forms() -> str:
    parts = []
    for form in FORMS.values():
        note = "" if form.verified else " **Not yet checked by a grantee.**"
        parts.append(
            f"## {form.title}\n\n`{form.slug}`, version {form.version}. Source: {form.source}.{note}\n"
        )
        rows = [(item.code, item.label, item.rule) for section in form.sections for item in section.items]
        parts.append(_table(["item", "label", "rule"], rows))
    return _page("Grant forms", "Each form is one file in `reporting/grants/`.", *parts)


PAGES: dict[str, Callable[[], str]] = {
    "roles": roles,
    "settings": the_settings,
    "measures": the_measures,
    "commands": commands,
    "code-lists": code_lists,
    "data-dictionary": data_dictionary,
    "grant-forms": forms,
}
