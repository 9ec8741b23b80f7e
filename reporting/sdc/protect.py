"""Exact counts in, a table that may be read out, with its proof and what an attacker of other code found.

It asks the disclosure engine (solve.py) the right question of a table and builds the ProtectedTable from the
answer. How to protect is not decided here, nor how a table hangs together with earlier ones (ledger.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import floor
from typing import Any

import numpy as np

from reporting.sdc import ledger
from reporting.sdc.certificate import certify
from reporting.sdc.coalitions import AttackReport, coalitions
from reporting.sdc.ledger import Said, joint
from reporting.sdc.linked import linked_range, released_share
from reporting.sdc.pattern import Refused
from reporting.sdc.people import people_range
from reporting.sdc.policy import Mode, Policy
from reporting.sdc.protected import ProtectedTable, assemble
from reporting.sdc.raw import RawTable
from reporting.sdc.rounding import interval, rounded
from reporting.sdc.rules import primary
from reporting.sdc.second_opinion import audit
from reporting.sdc.shape import (
    Cell,
    Coord,
    Figure,
    Hidden,
    MedianDays,
    Nested,
    NotReported,
    Range,
    Relation,
    Shown,
    Sum,
    line_of,
    order,
)
from reporting.sdc.solve import Protection, protected
from reporting.sdc.system import read

_ROUNDS = 25


class Unprotectable(Exception):
    """Nothing that could be hidden makes this table safe. Hold it; do not show part of it.

    `blocking` are the labels of earlier releases whose figures are in the way; there are none where the table
    can't stand alone either. The message names no count.
    """

    def __init__(self, message: str, blocking: Iterable[str] = ()) -> None:
        self.blocking = tuple(sorted(blocking))
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A protected table; the certificate that `from_stored` holds it against; what it adds to the ledger, to
    be sealed, for it has the true counts; the attacker's report. Only the table may be shown."""

    table: ProtectedTable
    certificate: dict[str, Any] = field(repr=False)
    said: Said = field(repr=False)
    attack: AttackReport = field(repr=False)


def protect(
    raw: RawTable,
    policy: Policy | None = None,
    *,
    earlier: Sequence[Said] = (),
    mode: Mode = Mode.SUPPRESSED,
    seed: bytes,
    release: str = "",
    replaces: ProtectedTable | None = None,
) -> Outcome:
    """The table with every figure hidden that must be, and no reason given for any.

    The same counts and `seed` (32 secret bytes) give the same table, whatever the order of rows, columns or
    agencies, and whatever these are called. Promised, to the public and to each agency that knows its own
    counts: every count shown passes `Policy.may_show`, and so does every number left over when shown cells
    are taken from a shown total, and of events (`RawTable.people`) the clients behind these; no hidden cell
    can be worked out to closer than `Policy.width`, with all that was said `earlier` at hand. In strict mode
    a small one also looks as if it could be the threshold.
    Not covered: agencies that pool what they know (reported), and relations not declared.

    `release` is the label in the ledger; as a rule the one printed with the table. `replaces` is the table
    that this one corrects: what the ledger does not hold, a median or the low end of a range, is not said
    anew. Raises Unprotectable.
    """
    policy, release = replace(policy or Policy(), mode=mode), release or raw.about.release_id
    asked = _Question(raw, policy, earlier, release)
    try:
        return _outcome(asked, raw, policy, seed, replaces)
    except Unprotectable as error:
        if error.blocking or not asked.beside:
            raise
        try:
            _outcome(_Question(raw, policy, (), release), raw, policy, seed, replaces)
        except Unprotectable:
            raise error from None
        # It stands alone, and no single figure said before is to blame: all that it is beside are.
        raise Unprotectable(str(error), asked.beside) from error


def _outcome(
    asked: _Question, raw: RawTable, policy: Policy, seed: bytes, replaces: ProtectedTable | None
) -> Outcome:
    if policy.mode is Mode.ROUNDED:
        values, proof, attack = asked.round(seed, replaces)
    else:
        answer, attack = asked.settle(seed)
        values, proof = answer.shown, answer.to_data()
    seen = {at: values[name] for at, name in asked.places() if name in values}
    try:
        table = assemble(
            title=raw.title,
            axes={name: tuple(values) for name, values in raw.axes.items()},
            cells=_not_anew(_cells(raw, policy, seen), replaces),
            relations=asked.relations(),
            policy=policy,
            about=raw.about,
        )
    except ValueError as error:
        raise Unprotectable(str(error)) from error
    places = [[list(at), name] for at, name in asked.places()]
    return Outcome(
        table=table,
        certificate={**proof, "places": places},
        said=asked.said(values),
        attack=attack,
    )


def _cells(raw: RawTable, policy: Policy, seen: Mapping[Coord, int]) -> dict[Coord, Cell]:
    """What stands in each place, once it is known which counts are seen, and as what number."""
    is_rounded = policy.mode is Mode.ROUNDED
    cells: dict[Coord, Cell] = {}
    for at, counts in raw.counts.items():
        if at in raw.beside | raw.inside:
            continue
        if isinstance(counts, NotReported):
            cells[at] = counts
        else:
            cells[at] = Shown(seen[at]) if at in seen else Hidden()
    for at, median in raw.medians.items():
        if not isinstance(cells[median.cell], Shown) or not policy.may_show(median.by_agency):
            cells[at] = Hidden()
        else:
            cells[at] = (
                MedianDays(floor(median.days + 0.5)) if any(median.by_agency.values()) else NotReported()
            )
    for at, spread in raw.ranges.items():
        safe = spread.cell is None or isinstance(cells[spread.cell], Shown)
        cells[at] = people_range(spread.by_agency, policy) if safe else Hidden()
        if is_rounded and spread.cell is not None and isinstance(found := cells[at], Range):
            # The range's own high end would say more of the count than its multiple does.
            cells[at] = Range(found.low, seen[spread.cell] + policy.rounding)
    for at, one in raw.linked.items():
        safe = isinstance(cells[one.cell], Range) and not is_rounded
        cells[at] = linked_range(one.by_agency, one.links, one.before, policy) if safe else Hidden()
        cells[one.share_at] = (
            released_share(one.by_agency, one.released, policy) if isinstance(cells[at], Range) else Hidden()
        )
    return cells


def _not_anew(cells: dict[Coord, Cell], replaces: ProtectedTable | None) -> dict[Coord, Cell]:
    """A correction's cells: the low end of a range is one agency's own count, and a median moves with one
    person. Beside the old one a new one would tell of the few who came late."""
    for at, cell in cells.items():
        old = replaces.cells.get(at) if replaces else None
        if isinstance(old, MedianDays) and cell != old:
            cells[at] = Hidden()
        if isinstance(old, Range) and isinstance(cell, Range):
            cells[at] = Range(old.low if old.low <= cell.low else 0, cell.high)
    return cells


class _Question:
    """A raw table as the engine reads it, alone or with earlier releases, and what is asked besides."""

    def __init__(self, raw: RawTable, policy: Policy, earlier: Sequence[Said], release: str) -> None:
        self._raw, self._policy, self._release = raw, policy, release
        between = {relation for relation in raw.relations if isinstance(relation, Nested)}
        # By names alone, so that the order of the input decides nothing.
        self._figures: list[Figure] = sorted([*raw.counts, *between], key=order)
        self._lines = sorted(
            (line_of(relation) for relation in raw.relations),
            key=lambda line: (order(line[0]), sorted(map(order, line[1]))),
        )
        if earlier:
            together = joint(
                earlier, self.said({}), threshold=policy.threshold, width=policy.width, strict=policy.strict
            )
            self._table, names = dict(together.table), together.places
            known = {names[self._figures.index(at)] for at in raw.beside}
            self._table["hidden"] = [one for one in self._table["hidden"] if one not in known]
            self._table["forced"] = sorted({*self._table["forced"], *known})
            self._labels: Callable[[Iterable[str]], set[str]] = together.labels
        else:
            names = [str(number) for number in range(len(self._figures))]
            self._table, self._labels = self._alone(names), lambda ids: set()
        #: The labels of the earlier releases whose figures hang together with these.
        self.beside = frozenset(self._labels(cell["id"] for cell in self._table["cells"]))
        self._table |= {"min_agencies": policy.min_agencies, "dominance": str(policy.dominance)}
        self._name = dict(zip(self._figures, names, strict=True))
        few = {self._name[at] for at, clients in raw.people.items() if not policy.may_show(clients)}
        self._table["sensitive"] = sorted({*self._table.get("sensitive", ()), *few})
        self._called = _names(self._table)
        for part in ("cells", "known"):
            self._table[part] = [self._renamed(one) for one in self._table.get(part, [])]
        self._left: set[frozenset[str]] = set()

    def _alone(self, names: Sequence[str]) -> dict[str, Any]:
        """The table in the JSON form of `./dev protect`."""
        raw, policy = self._raw, self._policy
        name = dict(zip(self._figures, names, strict=True))
        kept = [one for one in self._figures if isinstance(one, Nested) or one in raw.inside]
        return {
            "threshold": policy.threshold,
            "width": policy.width,
            "strict": policy.strict,
            "least": 1,
            "cells": [
                {"id": name[one], "value": sum(raw.by_agency(one).values()), "by": dict(raw.by_agency(one))}
                for one in self._figures
            ],
            "relations": [
                {"total": name[total], "parts": sorted((name[part] for part in parts), key=int)}
                for total, parts in self._lines
            ],
            "forced": [name[at] for at in sorted(raw.beside)],
            "hidden": [name[one] for one in kept],
        }

    def _renamed(self, one: Mapping[str, Any]) -> dict[str, Any]:
        by = {self._called[agency]: n for agency, n in (one.get("by") or {}).items()}
        scope = {"scope": self._called.get(one["scope"], one["scope"])} if "scope" in one else {}
        return {**one, **scope, **({"by": by} if "by" in one else {})}

    def places(self) -> list[tuple[Coord, str]]:
        """The counts that have a cell in the table, with what they are called in the question."""
        out = self._raw.beside | self._raw.inside
        return [(at, self._name[at]) for at in sorted(self._raw.counts) if at not in out]

    def relations(self) -> tuple[Relation, ...]:
        """Those between counts that have a cell."""
        cells = {at for at, _name in self.places()}
        return tuple(
            one
            for one in self._raw.relations
            if cells.issuperset([one.total, *one.parts] if isinstance(one, Sum) else [one.inner, one.outer])
        )

    def said(self, shown: Mapping[str, int]) -> Said:
        """What the ledger keeps of this table when these counts are shown."""
        raw = self._raw
        number = {figure: place for place, figure in enumerate(self._figures)}
        agencies = {agency for figure in self._figures for agency in raw.by_agency(figure)}

        def read_as(figure: Figure) -> int | tuple[int, int] | None:
            if isinstance(figure, Nested) or figure in raw.inside:
                return None
            if figure in raw.beside:
                return sum(raw.by_agency(figure).values())
            value = shown.get(self._name[figure]) if shown else None
            if value is None or self._policy.mode is not Mode.ROUNDED:
                return value
            low, high = interval(value, self._policy.rounding)
            return low if low == high else (low, high)

        return Said(
            release=self._release,
            period=raw.about.period,
            taken=raw.about.generated_at,
            agencies=tuple(sorted(agencies)),
            figures=tuple(
                ledger.Figure(
                    key=raw.key(figure),
                    by={agency: n for agency, n in sorted(raw.by_agency(figure).items()) if n},
                    said=read_as(figure),
                    has_place=not isinstance(figure, Nested) and figure not in raw.beside | raw.inside,
                    people=None if isinstance(figure, Nested) else raw.people.get(figure),
                )
                for figure in self._figures
            ),
            sums=tuple(
                (number[total], tuple(number[part] for part in parts)) for total, parts in self._lines
            ),
            adds_up=raw.adds_up,
            counted_up=tuple(raw.counted_up),
        )

    def settle(self, seed: bytes) -> tuple[Protection, AttackReport]:
        """What the engine answers, asked again until no line and no hidden cell gives more away."""
        self._close(self._may_show)
        for _ in range(_ROUNDS):
            try:
                answer = protected(read(self._table), seed)
            except Refused as error:
                blocking = self._labels(error.blocks)
                raise Unprotectable(
                    f"nothing is left to hide beside {self._at(error.blocked)}", blocking
                ) from error
            if self._close(lambda figure, shown=answer.shown: self._name[figure] in shown):  # type: ignore[misc]
                continue
            # Not the small counts alone: whatever is hidden stays uncertain.
            everything = {"sensitive": sorted({*self._table["sensitive"], *answer.suppressed})}
            found = audit(self._table | everything, answer.shown)
            if not found.exposed:
                return answer, self._report(answer, found.targets, found.readers)
            weak = {one.cell for one in found.exposed} - set(self._table["sensitive"])
            if not weak or not weak <= set(answer.secondary):
                raise Unprotectable(
                    f"an attacker could work out {self._at(one.cell for one in found.exposed)}"
                )
            # Hidden beside a small count, and not uncertain enough itself: from now on it counts like one.
            self._table["sensitive"] = sorted({*self._table["sensitive"], *weak})
        raise Unprotectable("hiding more did not come to an end")

    def round(
        self, seed: bytes, replaces: ProtectedTable | None
    ) -> tuple[dict[str, int], dict[str, Any], AttackReport]:
        """The rounded counts by what they are called, with the proof that holds while each is its interval.

        A count that was said exactly before is rounded all the same, and known.
        """
        self._close(self._may_show)
        places = {name for _at, name in self.places()}
        value = {cell["id"]: cell["value"] for cell in self._table["cells"]}
        for name in sorted(places & set(self._table["forced"])):
            self._table["forced"] = [one for one in self._table["forced"] if one != name]
            self._table["slack"] = [one for one in self._table.get("slack", []) if one != name]
            self._add(f"{name} as said", value[name], "forced", "slack")
            self._relate(name, f"{name} as said")
        base = self._policy.rounding
        old = replaces.cells if replaces else {}
        said = {name: one.value for at, name in self.places() if isinstance(one := old.get(at), Shown)}
        try:
            values = rounded(read(self._table), base=base, seed=seed, before=said)
        except Refused as error:
            raise Unprotectable(
                f"no rounding keeps {self._at(error.blocked)}", self._labels(error.blocks)
            ) from error
        values = {name: n for name, n in values.items() if name in places}
        for name, multiple in values.items():
            low, high = interval(multiple, base)
            if low == high:
                continue
            self._table["hidden"] = [*self._table["hidden"], name]
            for bound in (low, high):
                if f"= {bound}" not in value:
                    value[f"= {bound}"] = bound
                    self._add(f"= {bound}", bound, "forced", "slack")
            self._add(f"{name} above", value[name] - low, "hidden", "slack")
            self._add(f"{name} below", high - value[name], "hidden", "slack")
            self._relate(name, f"= {low}", f"{name} above")
            self._relate(f"= {high}", name, f"{name} below")
        system = read(self._table)
        kept = system.published & ~system.forced & (system.values > 0)
        proof, exposed = certify(system, kept, seed=seed)
        shown = {system.ids[at]: int(system.values[at]) for at in np.flatnonzero(system.published & ~kept)}
        found = audit(self._table, shown)
        if exposed or found.exposed:
            names = {one.cell for one in exposed} | {one.cell for one in found.exposed}
            raise Unprotectable(f"an attacker could work out {self._at(names)}")
        secondary = set(system.names(kept)) - set(system.names(primary(system)))
        data = {
            "shown": shown,
            "suppressed": system.names(kept),
            "secondary": sorted(secondary),
            "certificate": proof,
        }
        # Each pair would have to be tried against every interval: minutes for one table of twelve agencies.
        return values, data, AttackReport(found.targets, found.readers, 0, 0, (), 0)

    def _add(self, name: str, value: int, *flags: str) -> None:
        self._table["cells"] = [*self._table["cells"], {"id": name, "value": value}]
        for flag in flags:
            self._table[flag] = [*self._table.get(flag, []), name]

    def _relate(self, total: str, *parts: str) -> None:
        self._table["relations"] = [*self._table["relations"], {"total": total, "parts": list(parts)}]

    def _may_show(self, figure: Figure) -> bool:
        return all(map(self._policy.may_show, (self._raw.by_agency(figure), self._raw.behind(figure))))

    def _close(self, is_shown: Callable[[Figure], bool]) -> bool:
        """What is left of a shown total without its shown parts is a count of its own where it may not be
        read. Whether there was one that is not in the question yet.

        How many clients are behind what is left of a count of events nobody has counted: one client may be
        behind several parts. At each agency there are at least as many as behind the largest part left, and
        as are behind the total and not behind the parts shown; at most as many as behind the total, and
        behind all parts left together. It may be read if it could be whatever lies between.
        """
        found = False
        for total, parts in self._lines:
            left = [part for part in parts if isinstance(part, Nested) or not is_shown(part)]
            names = frozenset(self._name[part] for part in left)
            if not is_shown(total) or len(left) < 2 or names in self._left:
                continue
            by = _together(self._raw.by_agency(part) for part in left)
            is_of_few = total in self._raw.people and not self._policy.may_surely_show(
                *self._behind(total, left, [part for part in parts if part not in left])
            )
            if self._policy.may_show(by) and not is_of_few:
                continue
            found = True
            self._left.add(names)
            name = f"left {len(self._left)}"
            self._table["cells"] = [
                *self._table["cells"],
                {"id": name, "value": sum(by.values()), "by": self._renamed({"by": by})["by"]},
            ]
            self._table["relations"] = [*self._table["relations"], {"total": name, "parts": sorted(names)}]
            self._table["hidden"] = [*self._table["hidden"], name]
            if is_of_few:
                self._table["sensitive"] = sorted({*self._table["sensitive"], name})
        return found

    def _behind(
        self, total: Figure, left: Sequence[Figure], shown: Sequence[Figure]
    ) -> tuple[dict[str, int], dict[str, int]]:
        """The least and the most clients by agency behind what is left of a total."""
        everybody, behind = self._raw.behind(total), [self._raw.behind(part) for part in left]
        said, together = _together(map(self._raw.behind, shown)), _together(behind)
        least = {
            agency: max(n - said.get(agency, 0), *(one.get(agency, 0) for one in behind))
            for agency, n in everybody.items()
        }
        return least, {agency: min(n, together.get(agency, 0)) for agency, n in everybody.items()}

    def _report(self, answer: Protection, targets: int, readers: int) -> AttackReport:
        cells = {name: " / ".join(at) for at, name in self.places()}
        agencies = {inner: name for name, inner in self._called.items()}
        found, pairs = coalitions(self._table, answer.shown, cells, agencies)
        return AttackReport(
            targets=targets,
            readers=readers,
            exact=0,
            narrow=0,
            coalitions=tuple(found),
            pairs=pairs,
        )

    def _at(self, names: Iterable[str]) -> str:
        called = {name: figure for figure, name in self._name.items()}
        return ", ".join(str(called.get(name, "what is left of a total")) for name in sorted(names))


def _together(many: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Without zeros, as in the ledger's system, which has no name for an agency with nothing else."""
    total: dict[str, int] = {}
    for by_agency in many:
        for agency, n in by_agency.items():
            if n:
                total[agency] = total.get(agency, 0) + n
    return total


def _names(table: Mapping[str, Any]) -> dict[str, str]:
    """What agencies are called in the question: by their counts, so that their own names decide nothing."""
    agencies = sorted({agency for cell in table["cells"] for agency in cell.get("by") or ()})
    column = {
        agency: [(cell.get("by") or {}).get(agency, 0) for cell in table["cells"]] for agency in agencies
    }
    in_order = sorted(agencies, key=lambda agency: (column[agency], agency))
    return {agency: f"agency {number:03}" for number, agency in enumerate(in_order, start=1)}
