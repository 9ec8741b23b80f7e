"""The laws of the schema: no identifier and no text about a client has a way out."""

import re

from referrals import picklists
from referrals.agency_side.schema import (
    AGE_BANDS,
    CODES,
    FILES,
    HMIS_FILES,
    IDENTIFIERS,
    SHAPES,
    Handling,
    Type,
    bundle_header,
)

# Columns whose names say that they identify someone, however the list in the schema changes.
_IDENTIFYING_NAME = re.compile(
    r"^(First|Middle|Last)Name$|^User(First|Last)|^NameSuffix$|^SSN$|^DOB$|Phone|Email$|Extension|Contact(First|Last)"
    r"|Address|^ZIP$"
)


def test_the_format_is_whole() -> None:
    assert len(HMIS_FILES) == 24
    assert sum(len(FILES[name].of_version("2026")) for name in HMIS_FILES) == 519


def test_no_text_of_a_file_about_clients_leaves() -> None:
    for file in FILES.values():
        for column in file.columns:
            if file.about_clients and column.type is Type.TEXT:
                assert column.handling in (Handling.FREE_TEXT, Handling.DROP), (file.name, column.name)


def test_every_identifier_is_dropped_and_in_no_header() -> None:
    named = {
        (file.name, column.name)
        for file in FILES.values()
        for column in file.columns
        if _IDENTIFYING_NAME.search(column.name) and (file.name, column.name) != ("Exit", "EmailSocialMedia")
    } - {("Exit", "Telephone")}
    assert named == IDENTIFIERS
    for file, column in IDENTIFIERS:
        for version in ("2024", "2026"):
            header = bundle_header(file, version=version, victim_service_provider=False, report=True)
            assert column not in header


def test_every_id_is_replaced() -> None:
    for file in FILES.values():
        for column in file.columns:
            if column.type is Type.ID:
                assert column.handling is Handling.ID
            elif column.name.endswith("ID"):
                assert file.name in ("Export", "Funder"), "agency-level numbers, not ids of rows"


def test_a_shared_row_has_no_time_stamp_of_its_own() -> None:
    stamps = [c for c in FILES["Client"].columns if c.type is Type.DATETIME]
    assert stamps and all(c.handling is Handling.BLUR for c in stamps)


def test_code_lists_are_too_short_to_hold_an_identifier() -> None:
    codes = {code for name, codes in CODES.items() if name != "AgeBand" for code in codes}
    assert all(re.fullmatch(r"\d{1,3}", code) for code in codes)


def test_every_value_of_the_hubs_lists_is_a_word_to_the_tool() -> None:
    assert {band for band, _ in AGE_BANDS} <= {band.value for band in picklists.AgeBand}
    assert CODES["AgeBand"] == {band.value for band in picklists.AgeBand}
    lists = (
        "Sector",
        "TouchpointKind",
        "TraffickingStatus",
        "StatusDecidedBy",
        "TraffickingType",
        "ServiceType",
    )
    checked = 0
    for name in lists:
        for member in getattr(picklists, name, ()):
            assert SHAPES["word"].fullmatch(member.value), (name, member)
            checked += 1
    assert checked > 20
