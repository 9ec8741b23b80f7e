"""One cell: dates only where they are certain, and no cleaner that lets an odd value through or fails."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referrals.agency_side.cells import age_band, age_on, cleaner, read_date
from referrals.agency_side.schema import FILES, Handling, Type


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("2025-03-04", date(2025, 3, 4)),
        ("2021-04-29 07:37:40", date(2021, 4, 29)),
        ("2021-04-29T07:37:40.123Z", date(2021, 4, 29)),
        ("2021/4/29", date(2021, 4, 29)),
        ("20210429", date(2021, 4, 29)),
        ("04/29/2021", date(2021, 4, 29)),
        ("29.04.2021 9:05 PM", date(2021, 4, 29)),
        ("29-Apr-2021", date(2021, 4, 29)),
        ("05/05/2021", date(2021, 5, 5)),
        ("05-05-05", date(2005, 5, 5)),
        ("03/04/2021", None),  # March or April
        ("03-11-21", None),  # 2003, March or November
        ("13-06-19", None),  # 2013 or 2019
        ("2021-02-29", None),
        ("44315", None),  # a spreadsheet's day number, or anything else
        ("yesterday", None),
        ("1066-10-14", None),
        ("", None),
    ],
)
def test_a_date_is_read_only_if_it_can_mean_one_day(raw: str, read: date | None) -> None:
    found, problem = read_date(raw)
    assert found == read
    iso = re.fullmatch(r"\d{4}-\d\d-\d\d", raw) is not None
    assert problem == (
        None if not raw or (iso and read) else "date_wrong_format" if read else "date_unreadable"
    )


_OUTPUT = {
    Type.DATE: r"\d{4}-\d\d-\d\d",
    Type.DATETIME: r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    Type.INTEGER: r"-?\d{1,6}",
    Type.YEAR: r"\d{4}",
    Type.MONEY: r"-?\d{0,6}(\.\d{1,4})?",
}
_CELLS = st.text() | st.from_regex(r"[\d/: .-]{1,24}") | st.dates().map(str) | st.integers().map(str)


_WORDS_AND_NUMBERS_OF_PEOPLE = (
    "maria", "v maria", "maria2", "555-014-7788", "987-65-4320", "1987-03-19", "123456789", "1.2.3.4.5",
)  # fmt: skip


@pytest.mark.parametrize("raw", _WORDS_AND_NUMBERS_OF_PEOPLE)
def test_a_version_is_a_number_and_never_a_word(raw: str) -> None:
    (column,) = (c for c in FILES["Screening"].columns if c.name == "ToolVersion")
    memo = cleaner(
        column, hash_id=lambda kind, value: "0" * 32, export_end=date(2025, 9, 30), export_stamp="STAMP"
    )
    assert memo[raw][0] == ""
    for version in ("1", "2.1", "1.10.3b", "v2", "2024", "2024-05"):
        assert memo[version] == (version, None)


@given(st.sampled_from([c for f in FILES.values() if f.about_clients for c in f.columns]), _CELLS)
def test_whatever_stands_in_a_clients_cell_leaves_only_in_the_columns_form(column, raw: str) -> None:
    memo = cleaner(
        column, hash_id=lambda kind, value: "0" * 32, export_end=date(2025, 9, 30), export_stamp="STAMP"
    )
    value, _ = memo[raw]
    if not value:
        return
    match column.handling:
        case Handling.ID:
            assert value == "0" * 32
        case Handling.BLUR:
            assert value == "STAMP"
        case Handling.BAND:
            assert re.fullmatch(r"\d\d?_(\d\d|over)", value)
        case Handling.KEEP:
            if column.type is Type.CODE:
                assert value in column.codes
            elif column.type is Type.SHAPED:
                assert column.shape.fullmatch(value)
            else:
                assert re.fullmatch(_OUTPUT[column.type], value)
        case _:
            assert column.handling is Handling.DROP, "free text must be blank"


@pytest.mark.parametrize(
    ("age", "band"),
    [(0, "0_12"), (12, "0_12"), (13, "13_17"), (17, "13_17"), (18, "18_24"), (25, "25_59"), (60, "60_over"),
     (110, "60_over"), (111, ""), (-1, ""), (None, "")],
)  # fmt: skip
def test_age_bands(age: int | None, band: str) -> None:
    assert age_band(age) == band


def test_ages_turn_on_the_birthday() -> None:
    assert [age_on(date(2000, 2, 29), date(2018, *day)) for day in ((2, 28), (3, 1))] == [17, 18]
    assert [age_on(date(2000, 5, 6), date(2018, *day)) for day in ((5, 5), (5, 6))] == [17, 18]
