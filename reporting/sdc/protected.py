"""ProtectedTable: the only thing about people at several agencies that may be rendered, stored or sent.

It is made by `protect`, or read back by `from_stored`; nothing here decides what to hide.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import InitVar, asdict, dataclass, fields
from datetime import date, datetime
from fractions import Fraction
from types import MappingProxyType
from typing import Any, final

from reporting.sdc.certificate import verify
from reporting.sdc.policy import Mode, Policy
from reporting.sdc.raw import Provenance, on_axes
from reporting.sdc.rounding import interval
from reporting.sdc.shape import (
    Cell,
    Coord,
    Hidden,
    MedianDays,
    Nested,
    NotReported,
    Range,
    Relation,
    Share,
    Shown,
    Sum,
    line_of,
)

HIDDEN_MARK = "*"
"""The one sign for every hidden figure, whatever the reason."""
NOT_REPORTED_MARK = "n/r"
"""The sign where nobody reported: never the same as a hidden figure or a zero."""

FORMAT = 1
_KEY = object()


@dataclass(frozen=True, kw_only=True)
class Caveats(Provenance):
    """What must be read beside the figures. `share_hidden`: percent of the table's cells that are hidden."""

    suppression_rule: str
    share_hidden: int

    def __post_init__(self) -> None:
        Provenance.__post_init__(self)
        if not isinstance(self.suppression_rule, str) or not self.suppression_rule.strip():
            raise ValueError("a table must say its suppression_rule")
        if type(self.share_hidden) is not int or not 0 <= self.share_hidden <= 100:
            raise ValueError("share_hidden is a whole percent")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedTable:
    """A table that may be read by anybody its release is for. Immutable.

    Calling the class raises TypeError: only `protect` and `from_stored` hold the key. `axes`, `cells` and
    `relations` are as in RawTable; `cells` is in the order of the axes, whatever the counts.
    """

    title: str
    axes: Mapping[str, tuple[str, ...]]
    cells: Mapping[Coord, Cell]
    relations: tuple[Relation, ...]
    policy: Policy
    caveats: Caveats
    key: InitVar[object] = None

    def __post_init__(self, key: object) -> None:
        if key is not _KEY:
            raise TypeError("only protect() and from_stored() make a ProtectedTable")
        if not isinstance(self.caveats, Caveats):
            raise TypeError("a ProtectedTable carries its caveats")

    def __init_subclass__(cls) -> None:
        raise TypeError("a ProtectedTable has no other kinds")

    def __reduce__(self) -> str:
        raise TypeError("a ProtectedTable travels as to_data(), never pickled")

    def __getitem__(self, at: Coord) -> Cell:
        return self.cells[at]

    def share(self, part: Coord, whole: Coord) -> int | None:
        """`part` in percent of `whole`, to the nearest rounding step; None unless both are shown counts."""
        top, bottom = self.cells[part], self.cells[whole]
        if not isinstance(top, Shown) or not isinstance(bottom, Shown) or bottom.value == 0:
            return None
        step = self.policy.rounding
        return (200 * top.value + step * bottom.value) // (2 * step * bottom.value) * step

    def to_data(self) -> dict[str, Any]:
        """The whole table as JSON-able data; hidden is null, not reported is the string "not_reported"."""
        about = asdict(self.caveats)
        about["period"] = [day.isoformat() for day in self.caveats.period]
        about["generated_at"] = self.caveats.generated_at.isoformat()
        policy = asdict(self.policy) | {"dominance": str(self.policy.dominance)}
        if self.policy.mode is Mode.SUPPRESSED:
            del policy["mode"]  # as tables were stored before there were others
        return {
            "format": FORMAT,
            "title": self.title,
            "axes": [{"name": name, "values": list(values)} for name, values in self.axes.items()],
            "cells": [{"at": list(at), "value": _to_value(cell)} for at, cell in self.cells.items()],
            "relations": [_to_relation(relation) for relation in self.relations],
            "policy": policy,
            "caveats": about,
        }

    def digest(self) -> str:
        """SHA-256 of the canonical content, in hex: printed with a release, so that a copy can be checked."""
        content = json.dumps(self.to_data(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()


def from_stored(
    data: Mapping[str, Any], *, digest: str, certificate: Mapping[str, Any] | None = None
) -> ProtectedTable:
    """A table as `to_data` gave it and the release ledger kept it, with the digest recorded then.

    It is trusted no further than it can be checked: shape, caveats, the threshold, rounding, sums, and that
    no line gives a hidden cell away. With its certificate (`protect.Outcome`), also that each hidden cell is
    proven uncertain in this very table; one sparse product, nothing is solved. Raises ValueError.
    """
    try:
        table = _read(data)
    except (KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise ValueError("this is not a stored table") from error
    if table.digest() != digest:
        raise ValueError("the stored table is not the one that was released")
    if certificate is not None:
        try:
            _hold(table, certificate)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError("this is not the certificate of a table") from error
    return table


def assemble(
    *,
    title: str,
    axes: Mapping[str, tuple[str, ...]],
    cells: Mapping[Coord, Cell],
    relations: tuple[Relation, ...],
    policy: Policy,
    about: Provenance,
) -> ProtectedTable:
    """For `protect`, `from_stored` and live steps alone: put the table together if it keeps its own rule.

    Takes cells that have been protected already; raises ValueError.
    """
    if not all(on_axes(at, axes) for at in cells):
        raise ValueError("a figure is not on the axes")
    in_order = sorted(
        cells, key=lambda at: [axis.index(v) for v, axis in zip(at, axes.values(), strict=True)]
    )
    for cell in cells.values():
        _check(cell, policy)
    hidden = [at for at, cell in cells.items() if isinstance(cell, Hidden)]
    for relation in relations:
        _check_line(cells, relation, is_rounded=policy.mode is Mode.ROUNDED)
    provenance = {f.name: getattr(about, f.name) for f in fields(Provenance)}
    return ProtectedTable(
        title=title,
        axes=MappingProxyType(dict(axes)),
        cells=MappingProxyType({at: cells[at] for at in in_order}),
        relations=relations,
        policy=policy,
        caveats=Caveats(
            **provenance,
            suppression_rule=policy.rule,
            share_hidden=round(100 * len(hidden) / len(cells)) if cells else 0,
        ),
        key=_KEY,
    )


def _check(cell: Cell, policy: Policy) -> None:
    match cell:
        case Shown(value):
            fine = type(value) is int and (value == 0 or value >= policy.threshold)
        case Range(low, high):
            fine = all(type(end) is int and end % policy.rounding == 0 for end in (low, high))
            fine = fine and (low == 0 or low >= policy.threshold) and max(low, policy.threshold) <= high
        case MedianDays(days):
            fine = type(days) is int and days >= 0
        case Share(percent):
            fine = type(percent) is int and 0 <= percent <= 100 and percent % policy.rounding == 0
        case _:
            fine = isinstance(cell, Hidden | NotReported)
    if not fine:
        raise ValueError("a figure breaks the rule of its own table")


def _check_line(cells: Mapping[Coord, Cell], relation: Relation, *, is_rounded: bool) -> None:
    """One line by itself contradicts nothing and gives nothing away. The certificate is about all of them."""
    total, parts = line_of(relation)
    seen = [cells[part] for part in parts if not isinstance(part, Nested)]
    least = sum(cell.value if isinstance(cell, Shown) else _least_of(cell, is_rounded) for cell in seen)
    unknown = sum(isinstance(cell, Hidden) for cell in seen)
    top = cells[total] if not isinstance(total, Nested) else Hidden()
    if isinstance(top, Hidden):
        given_away = not unknown and isinstance(relation, Sum)
    else:
        most = top.value if isinstance(top, Shown) else 0
        if least > most or (isinstance(relation, Sum) and not unknown and least < most):
            raise ValueError("the figures shown contradict each other")
        given_away = unknown == 1 and isinstance(relation, Sum)
    if given_away and not is_rounded:
        raise ValueError("a hidden figure can be worked out")


def _least_of(cell: Cell, is_rounded: bool) -> int:
    # Zeros are shown. Beside rounded counts that says nothing of what is left of them.
    return int(isinstance(cell, Hidden) and not is_rounded)


def _hold(table: ProtectedTable, certificate: Mapping[str, Any]) -> None:
    """Raises ValueError unless the certificate holds and is about what this table shows and hides."""
    if wrong := verify(certificate):
        raise ValueError("the certificate does not hold: " + " ".join(wrong))
    made, policy = certificate["certificate"], table.policy
    asked = (policy.threshold, policy.width, policy.strict)
    if (made["threshold"], made["width"], made["strict"]) != asked:
        raise ValueError("the certificate is for another rule")
    name = {tuple(at): place for at, place in certificate["places"]}
    shown, suppressed = certificate["shown"], set(certificate["suppressed"])
    number = {cell: place for place, cell in enumerate(made["cells"])}
    lines = {(line[0], frozenset(line[1:])) for line in made["lines"]}
    for at, cell in table.cells.items():
        fine = True
        if at in name and isinstance(cell, Hidden):
            fine = name[at] in suppressed
        elif at in name and (
            policy.mode is not Mode.ROUNDED or not isinstance(cell, Shown) or not cell.value
        ):
            fine = shown.get(name[at]) == (cell.value if isinstance(cell, Shown) else 0)
        elif at in name and isinstance(cell, Shown):
            # The proof holds for every count that the rounded one may stand for.
            low, high = interval(cell.value, policy.rounding)
            one = name[at]
            above = frozenset([number[f"= {low}"], number[f"{one} above"]])
            below = frozenset([number[one], number[f"{one} below"]])
            fine = {(number[one], above), (number[f"= {high}"], below)} <= lines
            fine = fine and (shown[f"= {low}"], shown[f"= {high}"]) == (low, high)
        elif isinstance(cell, Shown):
            fine = False
        if not fine:
            raise ValueError("the certificate is of another table")
    pairs = {(line[0], part) for line in made["lines"] if len(line) == 3 for part in line[1:]}
    for relation in table.relations:
        if isinstance(relation, Sum):
            parts = frozenset(number[name[part]] for part in relation.parts)
            fine = (number[name[relation.total]], parts) in lines
        else:
            fine = (number[name[relation.outer]], number[name[relation.inner]]) in pairs
        if not fine:
            raise ValueError("the certificate knows less of how figures add up than the table says")


def _read(data: Mapping[str, Any]) -> ProtectedTable:
    if data["format"] != FORMAT:
        raise ValueError("stored in a format this version does not read")
    about, policy = dict(data["caveats"]), dict(data["policy"])
    rule, share = about.pop("suppression_rule"), about.pop("share_hidden")
    start, end = (date.fromisoformat(day) for day in about.pop("period"))
    generated_at = datetime.fromisoformat(about.pop("generated_at"))
    cells = {tuple(cell["at"]): _from_value(cell["value"]) for cell in data["cells"]}
    if len(cells) != len(data["cells"]):
        raise ValueError("two figures stand in one cell")
    table = assemble(
        title=data["title"],
        axes={axis["name"]: tuple(axis["values"]) for axis in data["axes"]},
        cells=cells,
        relations=tuple(_from_relation(relation) for relation in data["relations"]),
        policy=Policy(**(policy | {"dominance": Fraction(policy["dominance"])})),
        about=Provenance(**about, period=(start, end), generated_at=generated_at),
    )
    if (rule, share) != (table.caveats.suppression_rule, table.caveats.share_hidden):
        raise ValueError("the caveats are not those of this table")
    return table


def _to_value(cell: Cell) -> int | str | dict[str, int] | None:
    match cell:
        case Shown(value):
            return value
        case Range(low, high):
            return {"low": low, "high": high}
        case MedianDays(days):
            return {"median_days": days}
        case Share(percent):
            return {"percent": percent}
        case NotReported():
            return "not_reported"
        case _:
            return None


def _from_value(value: Any) -> Cell:
    match value:
        case None:
            return Hidden()
        case "not_reported":
            return NotReported()
        case bool():
            raise ValueError("a figure is a number")
        case int():
            return Shown(value)
        case {"low": low, "high": high}:
            return Range(low, high)
        case {"median_days": days}:
            return MedianDays(days)
        case {"percent": percent}:
            return Share(percent)
        case _:
            raise ValueError("a figure of no known kind")


def _to_relation(relation: Relation) -> dict[str, Any]:
    if isinstance(relation, Nested):
        return {"kind": "nested", "inner": list(relation.inner), "outer": list(relation.outer)}
    return {"kind": "sum", "total": list(relation.total), "parts": [list(part) for part in relation.parts]}


def _from_relation(data: Mapping[str, Any]) -> Relation:
    if data["kind"] == "nested":
        return Nested(tuple(data["inner"]), tuple(data["outer"]))
    if data["kind"] == "sum":
        return Sum(tuple(data["total"]), tuple(tuple(part) for part in data["parts"]))
    raise ValueError("a relation of no known kind")
