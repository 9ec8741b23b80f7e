"""Every shape a table leaves the hub in: terminal, JSON, CSV, XLSX, PDF, SVG, and the parts of a page.

Takes a ProtectedTable or an OwnTable and nothing else. Every shape reads the same cells, says the same of a
hidden one, and carries the same caveats. How a table reads is written in reading.py, pictures are drawn in
charts/, and what may be in a table is decided in sdc/.
"""

from reporting.charts import svg
from reporting.reading import (
    HIDDEN_MARK,
    NO_FIGURE_MARK,
    NOT_REPORTED_MARK,
    Names,
    Sheet,
    Table,
    Value,
    caveats,
    conversions,
    name_of,
    period_text,
    sheets,
)
from reporting.render.files import csv, csv_of, data, harmless, pdf, text, xlsx, xlsx_of
from reporting.render.grids import Grid, grid
from reporting.render.pipeline import Bar, bars, page, spoken

__all__ = [
    "HIDDEN_MARK",
    "NOT_REPORTED_MARK",
    "NO_FIGURE_MARK",
    "Bar",
    "Grid",
    "Names",
    "Sheet",
    "Table",
    "Value",
    "bars",
    "caveats",
    "conversions",
    "csv",
    "csv_of",
    "data",
    "grid",
    "harmless",
    "name_of",
    "page",
    "pdf",
    "period_text",
    "sheets",
    "spoken",
    "svg",
    "text",
    "xlsx",
    "xlsx_of",
]
