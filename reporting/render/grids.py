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
    about_fixed,
    caveats,
    cell_at,
    gate,
    kind,
    name_of,
    place,
    said,
    share,
    title_of,
)
from reporting.sdc import Cell, Coord


@dataclass(frozen=True, slots=True)
class Grid:
    """For the template `_grid.html`. `columns` and the `label` of rows are {label, url, is_all};
    a cell is {kind, text}, with `kind` value, zero, hidden, missing or none."""

    caption: str
    corner: str
    columns: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    caveats: list[tuple[str, str]]

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
    share_of = at(ALL, across[-1]) if shares and ALL in table.axes[rows] else None
    if share_of is not None:
        heads.append(_head(gettext("Share"), ""))
    return Grid(
        caption=caption or ", ".join(filter(None, [gettext(table.title), about_fixed(fixed, names)])),
        corner=title_of(rows, names),
        columns=heads,
        rows=[
            {
                **_head(name_of(row, rows, names), row),
                "url": (links or {}).get(row, ""),
                "cells": [
                    *(_shown(cells[row, column], column) for column in across),
                    *([_share(share(table, at(row, across[-1]), share_of))] if share_of else []),
                ],
            }
            for row in down
        ],
        caveats=caveats(table),
    )


def _all_last(table: Table, axis: str) -> list[str]:
    values = table.axes[axis]
    return [*(value for value in values if value != ALL), *(value for value in values if value == ALL)]


def _head(label: str, value: str) -> dict[str, Any]:
    return {"label": label, "is_all": value == ALL}


def _shown(cell: Cell | None, column: str) -> dict[str, Any]:
    return {"kind": kind(cell), "text": said(cell), "is_all": column == ALL}


def _share(percent: int | None) -> dict[str, Any]:
    if percent is None:
        return {"kind": "none", "text": NO_FIGURE_MARK, "is_all": False}
    return {"kind": "value", "text": gettext("%(percent)d %%") % {"percent": percent}, "is_all": False}
