"""A release as a tagged PDF to be read and signed by hand, and the client's own list of what was shared."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typst
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from referrals.web.release_words import Part, Said, text_of

PAPER = Path(__file__).with_name("release.typ")
Rows = list[list[str]]


def release_paper(said: Said, *, state: str, number: str, worker: str) -> bytes:
    """The release in the active language. `number` finds its record; names are written on it by hand."""
    return _paper(
        title=_("Release of information"),
        agency=said.agency,
        state=state,
        foot=number,
        parts=[_section(one.plain()) for one in text_of(said)],
        lines=[
            [_("Name and signature of who signs"), _("Date")],
            [_("Name and signature of the interpreter, if there was one"), _("Date")],
            [_("For %(agency)s: %(worker)s") % {"agency": said.agency, "worker": worker}, _("Date")],
        ],
    )


def shared_paper(
    *, agency: str, state: str, tables: Sequence[tuple[str, str, list[str], list[int], Rows]]
) -> bytes:
    """The client's own list. `tables`: title, what to say if it is empty, heads, widths, rows."""
    return _paper(
        title=_("What was shared about me"),
        agency=agency,
        state=state,
        foot=_("Keep this paper where nobody finds it who should not."),
        parts=[
            {
                **_section(Part(title, [] if rows else [nothing])),
                "heads": heads,
                "widths": widths,
                "rows": rows,
            }
            for title, nothing, heads, widths, rows in tables
        ],
        lines=[],
    )


def _section(part: Part) -> dict[str, Any]:
    return {**asdict(part), "heads": [], "widths": [], "rows": []}


def _paper(
    *, title: str, agency: str, state: str, foot: str, parts: list[dict[str, Any]], lines: list[list[str]]
) -> bytes:
    """PDF/UA: readable aloud, fonts inside, nothing fetched."""
    content = {
        "lang": (get_language() or "en")[:2],
        "title": title,
        "agency": agency,
        "state": state,
        "foot": foot,
        "sections": parts,
        "lines": lines,
    }
    made = typst.compile(
        PAPER,
        root=PAPER.parent,
        ignore_system_fonts=True,
        sys_inputs={"content": json.dumps(content)},
        pdf_standards="ua-1",
    )
    return bytes(made)
