"""Names, dates and numbers come to one spelling, or to none."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referrals.linkage import normalise
from referrals.linkage.normalise import Birth, Name


@pytest.mark.parametrize(
    ("written", "whole", "halves"),
    [
        ("O'Brien", "obrien", ()),
        ("O’BRIEN", "obrien", ()),
        ("o`brien", "obrien", ()),
        ("García-López", "garcialopez", ("garcia", "lopez")),
        ("garcia lopez", "garcialopez", ("garcia", "lopez")),
        ("de la Cruz", "delacruz", ("cruz",)),
        ("Bank_Bridge", "bankbridge", ("bank", "bridge")),
        ("Mary  Ann", "maryann", ("ann", "mary")),
        ("Smith, Jr.", "smith", ()),
        ("SMITH III", "smith", ()),
        ("Mrs. Smith", "smith", ()),
        ("St. John", "stjohn", ("john",)),
        ("Nguyễn", "nguyen", ()),
        ("Øystein", "oystein", ()),
        ("Łukasz", "lukasz", ()),
        ("Straße", "strasse", ()),
        ("İbrahim", "ibrahim", ()),
        ("ﬁona", "fiona", ()),
        ("Mari\u00ada", "maria", ()),
        ("李", "李", ()),
        ("Иванова", "иванова", ()),
        ("J.R.", "jr", ()),
        ("X", "x", ()),
        ("Li", "li", ()),
        ("Na", "na", ()),
        ("Ann3", "ann", ()),
    ],
)
def test_a_name_has_one_spelling(written, whole, halves):
    assert normalise.name(written) == Name(whole, halves)


@pytest.mark.parametrize(
    "written",
    "|-|.|''|Unknown|unk|UNK.|Doe|DOE|John Doe|Baby|Baby Girl|baby boy smith|Infant of Maria|N/A|n.a.|none|"
    "Refused|Client|XX|xxx|aa|FNU|lnu|No Name|anonymous|12345|withheld|test".replace("n.a.|", "").split("|"),
)
def test_what_stands_for_no_name_is_none(written):
    assert normalise.name(written) == Name()


@pytest.mark.parametrize(
    ("written", "birth"),
    [
        ("19900315", Birth("1990", "03", "15", True)),
        (" 1990-03-15 ", Birth("1990", "03", "15", True)),
        ("1990-03-15T00:00:00", Birth("1990", "03", "15", True)),
        ("3/5/1990", Birth("1990", "03", "05", True)),
        ("1990-01-01", Birth("1990")),
        ("1990-00-00", Birth("1990")),
        ("19901345", Birth("1990", "13", "45", False)),
        ("19000101", Birth()),
        ("18991230", Birth()),
        ("99990909", Birth()),
        ("unknown", Birth()),
        ("", Birth()),
        ("1990", Birth()),
        ("٣٣٣٣-٠١-٠٢", Birth()),
    ],
)
def test_a_date_is_its_digits_and_a_default_keeps_its_year(written, birth):
    assert normalise.birth(written) == birth


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("1234", "1234"),
        ("123-45-6780", "6780"),
        ("xxx-xx-6780", "6780"),
        ("123456789", ""),
        ("999999999", ""),
        ("0000", ""),
        ("9999", ""),
        ("67", ""),
        ("", ""),
    ],
)
def test_ssn4(written, found):
    assert normalise.ssn4(written) == found


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("90210", "90210"),
        ("90210-1234", "90210"),
        ("8540", "08540"),
        ("99999", ""),
        ("902", ""),
        ("A1B 2C3", ""),
    ],
)
def test_zip(written, found):
    assert normalise.zip5(written) == found


@given(st.text(max_size=40))
def test_a_spelling_is_its_own_spelling_and_only_letters(text):
    found = normalise.name(text)
    assert all(unicodedata.category(c)[0] == "L" for c in found.whole + "".join(found.halves))
    assert len(found.halves) <= normalise.MOST_HALVES
    again = normalise.name(found.whole)
    assert again.whole in (found.whole, "")


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=12))
def test_case_accents_and_apostrophes_change_nothing(name):
    as_written = normalise.name(name)
    for other in (name.upper(), name.title(), name[0] + "'" + name[1:], name[0] + "\u0301" + name[1:]):
        assert normalise.name(other).whole == as_written.whole
