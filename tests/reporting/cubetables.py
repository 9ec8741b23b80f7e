"""The raw table of a cube's rows, for tests that protect one without a database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from reporting.measures import UNKNOWN, Cube, Dimension, Period, Row, View
from reporting.measures.dimensions import dimensions
from reporting.measures.layout import laid_out
from reporting.sdc import Provenance, RawTable

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))


class Counties:
    """Stands where the door's cursor stands, and knows counties (code, name, region) alone."""

    def __init__(self, rows: list[tuple[str, str, str]]) -> None:
        self._rows = rows

    def execute(self, _sql: str, _parameters: Mapping[str, Any]) -> None:
        """Whatever is asked, the counties are the answer."""

    def fetchall(self) -> list[tuple[str, str, str]]:
        return self._rows


def known(*counties: tuple[str, str, str]) -> dict[str, Dimension]:
    """Every dimension, with these counties and their regions."""
    found = dimensions(Counties(list(counties)))  # type: ignore[arg-type]
    assert UNKNOWN in dict(found["region"].values)
    return found


def raw(
    cube: Cube,
    known: Mapping[str, Dimension],
    rows: Iterable[Row],
    views: Sequence[View],
    agencies: Sequence[int],
    period: Period = YEAR,
) -> RawTable:
    """The views of the cube in one table, as the engine lays them out."""
    about = Provenance(
        source=str(cube.source),
        period=(period.start, period.end),
        agencies_reporting=len(agencies),
        agencies_expected=len(agencies),
        counted_as=str(cube.counts),
        does_not_show=str(cube.does_not_show),
        release_id="test",
        generated_at=datetime(2026, 1, 11, tzinfo=UTC),
    )
    return laid_out(cube, known, rows, views, agencies=agencies, period=period, about=about)
