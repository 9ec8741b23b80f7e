"""Attacks a table that anyone has published: what can be worked out of it, by which arithmetic, in words.

Pure: nothing is stored, and no other part of the hub is known here but the disclosure engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from reporting.leakcheck.attack import Attack, Contradiction, Finding, attack, whole_table
from reporting.leakcheck.files import Unreadable, sheets_of
from reporting.leakcheck.sums import Doubt, Hints, Place, Reading, understand
from reporting.leakcheck.tables import tables_of
from reporting.leakcheck.words import Sentence, _
from reporting.sdc.pattern import Refused, choose
from reporting.sdc.system import read

__all__ = ["Doubt", "Finding", "Hints", "Report", "Sentence", "Unreadable", "check"]

_SEED = bytes(32)
_LARGE = 1_500
_PLAIN = Hints()


@dataclass(frozen=True, slots=True)
class Report:
    """What was read and what it gives away. `further` are the counts to hide besides, so that nothing does;
    None where no such set was found."""

    reading: Reading
    hints: Hints
    findings: list[Finding]
    larger: list[tuple[Place, int]]
    further: list[Place] | None
    advice: list[Sentence] = field(default_factory=list)

    @property
    def is_exposed(self) -> bool:
        return bool(self.findings)

    @property
    def hidden(self) -> int:
        return sum(not place.is_shown for place in self.reading.places.values())


def check(content: bytes, hints: Hints = _PLAIN, *, seconds: float | None = None) -> Report:
    """Reads a CSV or XLSX file and attacks it, for about so many `seconds` if given. Raises Unreadable."""
    sheets = sheets_of(content)
    tables = [table for sheet in sheets for table in tables_of(sheet)]
    if not tables:
        raise Unreadable(_("No table was found: rows of counts with words beside and above them are needed."))
    reading = understand(tables, hints)
    if not reading.places:
        raise Unreadable(_("No table was found: rows of counts with words beside and above them are needed."))
    reading.doubts += [
        Doubt(Sentence(_("The sheet %(name)s is hidden, and anyone can open it."), {"name": sheet.name}))
        for sheet in sheets
        if sheet.is_hidden
    ]
    reading, found = _attacked(reading, hints, seconds)
    if found.left:
        text = _("The tables are large: %(n)s hidden counts were held against their own lines only.")
        reading.doubts.append(Doubt(Sentence(text, {"n": found.left})))
    further, advice = _propose(reading, found, hints)
    return Report(reading, hints, found.findings, found.larger, further, advice)


def _attacked(reading: Reading, hints: Hints, seconds: float | None) -> tuple[Reading, Attack]:
    """Where what is shown can't all be true, the least certain part of the reading is left out, and said."""
    weaker = [
        (None, reading),
        (
            _("With the ranges of marks the counts contradict each other, so the ranges are left out."),
            _unboxed(reading),
        ),
        (
            _("With the percentages the counts contradict each other, so they are left out."),
            replace(reading, shares=[]),
        ),
        (
            _("Taken together the tables contradict each other, so each is read by itself."),
            replace(_unboxed(reading), shares=[], sums=[one for one in reading.sums if one.along != 2]),
        ),
    ]
    for why, one in weaker:
        try:
            found = attack(one, threshold=hints.threshold, width=hints.width, seconds=seconds)
        except Contradiction:
            continue
        if why:
            one.doubts.append(Doubt(Sentence(why)))
        return one, found
    alone = replace(reading, shares=[], sums=[])
    alone.doubts.append(
        Doubt(Sentence(_("The counts shown contradict their totals, so nothing was worked out from sums.")))
    )
    return alone, attack(alone, threshold=hints.threshold, width=hints.width)


def _unboxed(reading: Reading) -> Reading:
    places = {
        name: place if place.is_shown else replace(place, low=0, high=None)
        for name, place in reading.places.items()
    }
    return replace(reading, places=places)


def _propose(reading: Reading, found: Attack, hints: Hints) -> tuple[list[Place] | None, list[Sentence]]:
    """The fewest and smallest counts to hide besides, by the engine, and held against a second attack."""
    if not found.findings:
        return [], []
    advice = [
        Sentence(
            _(
                "What is published can't be taken back: whoever has a copy keeps it. Correct the "
                "file all the "
                "same, and publish the next edition with these counts hidden."
            )
        )
    ]
    shares = {share.where for share in reading.shares}
    if shares:
        advice.append(
            Sentence(_("Hide the percentages of hidden counts too, or give them for shown counts only."))
        )
    boxed = any(
        not place.is_shown and (place.low or place.high is not None) for place in reading.places.values()
    )
    if boxed:
        advice.append(
            Sentence(
                _(
                    "Give every hidden count the same mark, without a range: a mark such as <11 "
                    "says which one is small."
                )
            )
        )
    if len(reading.places) > _LARGE:
        advice.append(
            Sentence(
                _("The table is too large for a proposal here. ./dev protect makes one from the true counts.")
            )
        )
        return None, advice
    further: dict[str, Place] = {}
    bare = replace(_unboxed(reading), shares=[])
    for _turn in range(4):
        new = _suppressed(bare, reading, found)
        if new is None:
            advice.append(Sentence(_("No further hiding protects these counts. Give fewer rows or columns.")))
            return None, advice
        further |= {name: reading.places[name] for name in new}
        places = {
            name: replace(place, low=0, high=None, mark=place.mark or "*") if name in further else place
            for name, place in bare.places.items()
        }
        bare = replace(bare, places=places)
        try:
            left = attack(bare, threshold=hints.threshold, width=hints.width)
        except Contradiction:
            return None, advice
        if not left.findings:
            return list(further.values()), advice
        found = left
    return None, advice


def _suppressed(bare: Reading, reading: Reading, found: Attack) -> list[str] | None:
    """What the engine hides besides, for counts that fit what is shown; marks count as hidden already."""
    for one in (reading, bare):
        try:
            counts = whole_table(one)
            break
        except Contradiction:
            continue
    else:
        return None
    exposed = {finding.place.id for finding in found.findings}
    names = [place.id for place in bare.places.values()]
    values = {
        name: place.low if place.is_shown else counts.get(name, 0) for name, place in bare.places.items()
    }
    data: dict[str, Any] = {
        "cells": [{"id": name, "value": values[name]} for name in names],
        "relations": [
            {"total": one.total, "parts": list(one.parts)}
            for one in bare.sums
            if values[one.total] == sum(values[part] for part in one.parts)
        ],
        "hidden": [name for name in names if not bare.places[name].is_shown],
        "sensitive": [name for name in names if name in exposed],
    }
    try:
        pattern = choose(read(data), seed=_SEED, tries=3)
    except Refused:
        return None
    return [
        names[int(at)] for at in np.flatnonzero(pattern.suppressed) if bare.places[names[int(at)]].is_shown
    ]
