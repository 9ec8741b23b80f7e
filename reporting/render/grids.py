"""A table's cells as the rows and columns of an HTML table: one axis or two, the others held at a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from reporting.measures import ALL
from reporting.reading import (
    NO_FIGURE_MARK,
    Names,
    Table,
    caveats,
    cell_at,
    gate,
    kind,
    name_of,
    place,
    said,
    share_said,
    title_of,
    titled,
)
from reporting.sdc import Cell, Coord

MOST_ON_A_PHONE = 3
"""Columns of figures beside the names of the rows, on 320 px."""
HALF_A_PAGE = 6
"""As many beside a picture."""


@dataclass(frozen=True, slots=True)
class Grid:
    """For the template `_grid.html`. `columns` and the `label` of rows are {label, url, is_all};
    a cell is {kind, text} and its column's, with `kind` value, zero, hidden, missing or none."""

    caption: str
    corner: str
    columns: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    caveats: list[tuple[str, str]]

    @property
    def folds(self) -> bool:
        """Whether it is too wide for a phone, where its rows become cards then."""
        return len(self.columns) > MOST_ON_A_PHONE

    @property
    def is_wide(self) -> bool:
        """Whether it takes more than half of a page."""
        return len(self.columns) > HALF_A_PAGE

    @property
    def signs(self) -> list[str]:
        """Which of the three signs stand in it, for the explanation below."""
        used = {cell["kind"] for row in self.rows for cell in row["cells"]}
        return [sign for sign in ("hidden", "missing", "zero") if sign in used]


def grid(
    table: Table,
    rows: str,
    columns: str = "",
    *,
    names: Names | None = None,
    caption: str = "",
    links: Mapping[str, str] | None = None,
    shares: bool = False,
    **fixed: str,
) -> Grid:
    """The cells by the values of axis `rows`, and of axis `columns` if there is one; `all` last.

    An axis in `fixed` is held at that value, every other is summed over. `links`: value of the rows' axis ->
    address. `shares`: one column more, each row in percent of the whole, where both are shown. Rows and
    columns for which the measure has no figure are left out. Raises TypeError for what passed no gate,
    ValueError for an axis or value that the table has not.
    """
    gate(table)
    place(table, {axis: table.axes[axis][0] for axis in (rows, columns) if axis in table.axes} | fixed)
    down = _all_last(table, rows)
    across = _all_last(table, columns) if columns else [""]

    def at(row: str, column: str) -> Coord:
        return place(table, fixed | {rows: row} | ({columns: column} if columns else {}))

    cells = {(row, column): cell_at(table, at(row, column)) for row in down for column in across}
    down = [row for row in down if any(cells[row, column] is not None for column in across)]
    across = [column for column in across if any(cells[row, column] is not None for row in down)]
    heads = [_head(name_of(one, columns, names) if one else gettext("Count"), one) for one in across]
    whole = at(ALL, across[-1]) if shares and across and ALL in table.axes[rows] else None
    if whole is not None:
        heads.append(_head(gettext("Share"), ""))
    return Grid(
        caption=caption or titled(table, fixed, names),
        corner=title_of(rows, names),
        columns=heads,
        rows=[
            {
                **_head(name_of(row, rows, names), row),
                "url": (links or {}).get(row, ""),
                "cells": [
                    *(_shown(cells[row, one], head) for one, head in zip(across, heads, strict=False)),
                    *([_share(share_said(table, at(row, across[-1]), whole), heads[-1])] if whole else []),
                ],
            }
            for row in down
        ],
        caveats=caveats(table, [cells[row, column] for row in down for column in across]),
    )


def _all_last(table: Table, axis: str) -> list[str]:
    values = table.axes[axis]
    return [*(value for value in values if value != ALL), *(value for value in values if value == ALL)]


def _head(label: str, value: str) -> dict[str, Any]:
    return {"label": label, "is_all": value == ALL}


def _shown(cell: Cell | None, head: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind(cell), "text": said(cell), **head}


def _share(text: str, head: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "value" if text else "none", "text": text or NO_FIGURE_MARK, **head}
