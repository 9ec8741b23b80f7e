"""Invented tables for the disclosure engine: all counts come from a seeded generator."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

Table = dict[str, Any]


def linked(rng: np.random.Generator, dims: tuple[int, int, int] | None = None) -> Table:
    """The margins of a hidden three-way count: three linked tables of two dimensions."""
    sides = dims or tuple(int(n) for n in rng.integers(3, 8, size=3))
    mean = rng.uniform(1, 6)
    counts = rng.negative_binomial(0.6, 0.6 / (0.6 + mean), size=sides)
    cells, relations, hidden = [], [], []
    for at in itertools.product(*([*range(side), "T"] for side in sides)):
        index = tuple(slice(None) if part == "T" else part for part in at)
        cells.append({"id": _name(at), "value": int(counts[index].sum())})
        if "T" not in at:
            hidden.append(_name(at))
        for axis, side in enumerate(sides):
            if at[axis] == "T":
                parts = [_name((*at[:axis], n, *at[axis + 1 :])) for n in range(side)]
                relations.append({"total": _name(at), "parts": parts})
    return {"cells": cells, "relations": relations, "hidden": hidden}


def two_way(rng: np.random.Generator, rows: int, columns: int, mean: float = 8.0) -> Table:
    """Rows by columns, with totals."""
    return of_grid(rng.negative_binomial(0.7, 0.7 / (0.7 + mean), size=(rows, columns)))


def of_grid(counts: Any) -> Table:
    """A two-way table of these counts, with totals."""
    grid = np.asarray(counts)
    rows, columns = grid.shape
    full = np.zeros((rows + 1, columns + 1), dtype=int)
    full[:rows, :columns] = grid
    full[rows, :columns] = grid.sum(axis=0)
    full[:, columns] = full[:, :columns].sum(axis=1)
    cells = [
        {"id": _name((r, c)), "value": int(full[r, c])} for r in range(rows + 1) for c in range(columns + 1)
    ]
    along = [
        {"total": _name((r, columns)), "parts": [_name((r, c)) for c in range(columns)]}
        for r in range(rows + 1)
    ]
    down = [
        {"total": _name((rows, c)), "parts": [_name((r, c)) for r in range(rows)]} for c in range(columns + 1)
    ]
    return {"cells": cells, "relations": along + down}


def counties(rng: np.random.Generator) -> Table:
    """58 counties in 6 regions by 12 services by 4 groups with every margin: 4,225 cells."""
    sizes = [rng.lognormal(0, spread, n) for spread, n in ((1.1, 58), (0.8, 12), (0.5, 4))]
    rate = np.einsum("a,b,c->abc", *(size / size.mean() for size in sizes)) * 2.4
    counts = rng.poisson(rate * rng.gamma(0.8, 1 / 0.8, rate.shape))
    region = np.arange(58) % 6
    places: list[tuple[str, list[str], Any]] = [(str(c), [], [c]) for c in range(58)]
    for r in range(6):
        inside = np.flatnonzero(region == r)
        places.append((f"R{r}", [str(c) for c in inside], inside))
    places.append(("T", [f"R{r}" for r in range(6)], slice(None)))
    cells, relations = [], []
    for (place, parts, rows), s, g in itertools.product(places, [*range(12), "T"], [*range(4), "T"]):
        of_place = counts[rows].sum(axis=0)
        value = of_place[slice(None) if s == "T" else s, slice(None) if g == "T" else g].sum()
        cells.append({"id": _name((place, s, g)), "value": int(value)})
        for total, below in (
            (bool(parts), [_name((part, s, g)) for part in parts]),
            (s == "T", [_name((place, n, g)) for n in range(12)]),
            (g == "T", [_name((place, s, n)) for n in range(4)]),
        ):
            if total:
                relations.append({"total": _name((place, s, g)), "parts": below})
    return {"cells": cells, "relations": relations}


def with_agencies(table: Table, rng: np.random.Generator, names: int = 5) -> Table:
    """A two-way table's counts, split among agencies of unequal size."""
    value = {cell["id"]: cell["value"] for cell in table["cells"]}
    shares = rng.dirichlet(np.linspace(1, 3, names))
    totals = {relation["total"] for relation in table["relations"]}
    by = {name: rng.multinomial(n, shares) for name, n in value.items() if name not in totals}
    waiting = list(table["relations"])
    while waiting:
        relation = waiting.pop(0)
        if all(part in by for part in relation["parts"]):
            by[relation["total"]] = sum(by[part] for part in relation["parts"])
        else:
            waiting.append(relation)
    cells = [
        {**cell, "by": {f"agency {n}": int(count) for n, count in enumerate(by[cell["id"]])}}
        for cell in table["cells"]
    ]
    return {**table, "cells": cells}


def history(rng: np.random.Generator, releases: int, answers: list[Mapping[str, int]]) -> Iterator[Table]:
    """Months and quarters of 176 cells and five agencies, each with all that was shown before it.

    The caller appends to `answers` what is shown of each before it asks for the next.
    """
    cells: dict[str, Table] = {}
    relations: list[Table] = []
    forced: set[str] = set()
    hidden: set[str] = set()
    month = 0
    for number in range(releases):
        quarter = number % 4 == 3
        now = f"quarter {month}" if quarter else f"month {month}"
        table = with_agencies(two_way(rng, 15, 10, mean=40), rng)
        new = {f"{now}: {cell['id']}": cell for cell in table["cells"]}
        if quarter:
            for name, cell in new.items():
                parts = [f"month {n}: {cell['id']}" for n in range(month - 3, month)]
                by = {agency: sum(cells[part]["by"][agency] for part in parts) for agency in cell["by"]}
                new[name] = {"value": sum(cells[part]["value"] for part in parts), "by": by}
                relations.append({"total": name, "parts": parts})
        cells |= {name: {**cell, "id": name} for name, cell in new.items()}
        relations += [
            {"total": f"{now}: {line['total']}", "parts": [f"{now}: {part}" for part in line["parts"]]}
            for line in table["relations"]
        ]
        yield {
            "cells": list(cells.values()),
            "relations": list(relations),
            "forced": sorted(forced),
            "hidden": sorted(hidden),
        }
        forced |= answers[-1].keys()
        hidden |= new.keys() - answers[-1].keys()
        month += not quarter


def _name(at: tuple[Any, ...]) -> str:
    return "/".join(map(str, at))
