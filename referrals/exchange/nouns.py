"""What becomes of each file's rows: which noun of ours they are, in SQL over the temporary table `judged`.

One function a file; it sees only rows that are taken and new or changed since the last time. The reasons
behind every choice: docs/adr/0009-how-files-become-stages.md.
"""

# ruff: noqa: S608 - the SQL is put together of our own names and lists; values are parameters.

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, models

from agencies.models import Project
from referrals import picklists
from referrals.agency_side.schema import CODES
from referrals.models import Client, Enrollment, FollowUp, Referral, Screening, Service, Touchpoint

FRESH = "j.taken AND j.state <> 'unchanged'"
LIVING = f"{FRESH} AND NOT j.deleted"
GONE = f"{FRESH} AND j.deleted"
_MISSING = "('not_asked', 'declined', 'unknown')"


@dataclass(frozen=True, slots=True)
class Taking:
    """Whose rows these are, the year of HMIS CSV they came in, and the project of those that name none."""

    agency_id: int
    sector: str
    version: str
    project_id: str | None = None


def _quoted(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def at_noon(day: str) -> str:
    """A day as a moment: noon where the hub is, so that it stays the same day in the zones around."""
    return f"(({day} + time '12:00') AT TIME ZONE '{settings.TIME_ZONE}')"


def _by_code(codelist: type[picklists.Picklist], column: str, codes: Iterable[str], otherwise: str) -> str:
    """CASE from a column's HMIS codes to the list's values; codes that mean no one value are left out."""
    whens = []
    for code in sorted(codes, key=int):
        try:
            whens.append(f"WHEN {code} THEN '{codelist.from_code('hmis', code).value}'")
        except ValueError:
            continue
    return f"CASE {column} {' '.join(whens)} ELSE {otherwise} END"


def _run(sql: str, parameters: Mapping[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def put(
    model: type[models.Model],
    select: str,
    columns: Mapping[str, str],
    taking: Taking,
    *,
    key: str,
    gentle: Iterable[str] = (),
    special: Mapping[str, str] | None = None,
    only_new: Iterable[str] = (),
) -> None:
    """Update the agency's rows of `model` that came under this source key, insert those that are not there.

    `select` is everything after FROM; `columns` maps columns to SQL over it. For `gentle` columns a missing
    answer in the file never takes the place of a given one. `special` replaces an update's assignment.
    Columns that are `only_new` are written at the first time and never again.
    A row that belongs to a record closed to the actor is neither seen nor written.
    """
    table = model._meta.db_table
    given = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    parameters: dict[str, Any] = {
        "agency": taking.agency_id,
        "sector": taking.sector,
        "project": taking.project_id,
    }
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.wanted")
    _run(
        f"CREATE TEMP TABLE wanted ON COMMIT DROP AS SELECT DISTINCT ON (source_key) * FROM "
        f"(SELECT {key} AS source_key, j.row AS from_row, {given} FROM {select}) found "
        "ORDER BY source_key, from_row",
        parameters,
    )
    assignments = {name: f"w.{name}" for name in columns if name not in set(only_new)}
    for name in gentle:
        missing = "{0} <@ ARRAY['not_asked', 'declined', 'unknown']::varchar[]" if name == "races" else (
            "{0} IN " + _MISSING
        )  # fmt: skip
        assignments[name] = (
            f"CASE WHEN {missing.format(f'w.{name}')} AND NOT {missing.format(f'n.{name}')} "
            f"THEN n.{name} ELSE w.{name} END"
        )
    assignments |= special or {}
    touched = ", changed_at = now()" if _has(model, "changed_at") else ""
    changed = ", ".join(f"{name} = {sql}" for name, sql in assignments.items())
    own = f"({', '.join(f'n.{name}' for name in assignments)})"
    _run(
        f"UPDATE {table} n SET {changed}{touched} FROM wanted w WHERE n.agency_id = %(agency)s "
        f"AND n.source_key <> '' AND n.source_key = w.source_key "
        f"AND {own} IS DISTINCT FROM ({', '.join(assignments.values())})",
        parameters,
    )
    filled = {"id": "gen_random_uuid()", "agency_id": "%(agency)s", "source_key": "w.source_key"}
    filled |= {name: f"w.{name}" for name in columns}
    for field in model._meta.local_concrete_fields:
        if not field.column or field.column in filled:
            continue
        if field.column in ("recorded_at", "changed_at"):
            filled[field.column] = "now()"
        else:
            parameters[f"d_{field.column}"] = field.get_db_prep_save(field.get_default(), connection)
            cast = field.db_type(connection)
            filled[field.column] = f"%(d_{field.column})s::{cast}"
    _run(
        f"INSERT INTO {table} ({', '.join(filled)}) SELECT {', '.join(filled.values())} FROM wanted w "
        f"WHERE NOT EXISTS (SELECT FROM {table} n WHERE n.agency_id = %(agency)s AND n.source_key <> '' "
        f"AND n.source_key = w.source_key) ON CONFLICT DO NOTHING",
        parameters,
    )


def _has(model: type[models.Model], name: str) -> bool:
    return any(field.name == name for field in model._meta.local_concrete_fields)


def drop(model: type[models.Model], taking: Taking, *, key: str) -> None:
    """Delete the rows of `model` whose source row the file marks as deleted."""
    table = model._meta.db_table
    spare = (
        " AND NOT EXISTS (SELECT FROM referrals_offer o WHERE o.referral_id = n.id)"
        if model is Referral
        else ""
    )
    _run(
        f"DELETE FROM {table} n USING judged j WHERE {GONE} AND n.agency_id = %(agency)s "
        f"AND n.source_key <> '' AND n.source_key = {key}{spare}",
        {"agency": taking.agency_id},
    )


# --- projects and clients ---------------------------------------------------------------------------------


def project(taking: Taking) -> None:
    put(
        Project,
        f"judged j WHERE {LIVING}",
        {
            "name": """COALESCE(left(j."ProjectName", 120), '')""",
            "hmis_type": 'j."ProjectType"',
            "started_on": 'j."OperatingStartDate"',
            "ended_on": 'j."OperatingEndDate"',
        },
        taking,
        key='j."ProjectID"',
    )


_WHY_NONE = "CASE {0} WHEN 8 THEN 'unknown' WHEN 9 THEN 'declined' ELSE 'not_asked' END"

_RACES = {
    "AmIndAKNative": "american_indian_alaska_native",
    "Asian": "asian",
    "BlackAfAmerican": "black",
    "HispanicLatinao": "hispanic_latino",
    "HispanicLatinaeo": "hispanic_latino",
    "MidEastNAfrican": "middle_eastern_north_african",
    "NativeHIPacific": "native_hawaiian_pacific_islander",
    "White": "white",
}


def client(taking: Taking) -> None:
    columns = [name for name in _RACES if name != _other_spelling(taking.version)]
    races = ", ".join(f"CASE WHEN j.\"{name}\" = 1 THEN '{_RACES[name]}' END" for name in columns)
    races = f"array_remove(ARRAY[{races}]::varchar[], NULL)"
    no_race = _WHY_NONE.format('j."RaceNone"')
    gender = "CASE j.\"Sex\" WHEN 0 THEN 'female' WHEN 1 THEN 'male' WHEN 8 THEN 'unknown' " \
        "WHEN 9 THEN 'declined' ELSE 'not_asked' END"  # fmt: skip
    if taking.version == "2024":
        # Several may be ticked then; our list holds one, so more than one of them is "another gender".
        no_gender = _WHY_NONE.format('j."GenderNone"')
        others = " OR ".join(
            f'j."{name}" = 1'
            for name in ("NonBinary", "CulturallySpecific", "Questioning", "DifferentIdentity")
        )
        gender = (
            f"CASE WHEN j.\"Transgender\" = 1 THEN 'transgender' "
            f'WHEN {others} OR (j."Woman" = 1 AND j."Man" = 1) THEN \'other\' '
            f"WHEN j.\"Woman\" = 1 THEN 'female' WHEN j.\"Man\" = 1 THEN 'male' "
            f"ELSE {no_gender} END"
        )
    put(
        Client,
        f"judged j WHERE {LIVING}",
        {
            "age_band": 'COALESCE(j."AgeBand", CASE j."DOBDataQuality" WHEN 9 THEN \'declined\' '
            "WHEN 99 THEN 'not_asked' ELSE 'unknown' END)",
            "gender": gender,
            "races": f"CASE WHEN cardinality({races}) > 0 THEN {races} ELSE ARRAY[{no_race}]::varchar[] END",
        },
        taking,
        key='j."PersonalID"',
        gentle=("age_band", "gender", "races"),
    )


def _other_spelling(version: str) -> str:
    return "HispanicLatinaeo" if version == "2026" else "HispanicLatinao"


# --- enrollments and exits --------------------------------------------------------------------------------


def enrollment(taking: Taking) -> None:
    put(
        Enrollment,
        f"judged j JOIN referrals_client c ON c.id = j.client_id WHERE {LIVING}",
        {
            "client_id": "j.client_id",
            "project_id": "j.project_id",
            "entry_on": 'j."EntryDate"',
            "age_band_at_entry": f'COALESCE(j."AgeBandAtEntry", CASE WHEN c.age_band IN {_MISSING} '
            "THEN c.age_band ELSE 'unknown' END)",
            "age_at_entry": 'j."AgeAtEntry"',
            "referral_source": _by_code(
                picklists.ReferralSource, 'j."ReferralSource"', CODES["ReferralSource"], "'not_asked'"
            ),
        },
        taking,
        key='j."EnrollmentID"',
        # An exit that the new entry would come after is taken back; Exit.csv, read next, may set it again.
        special={"exit_on": "CASE WHEN n.exit_on < w.entry_on THEN NULL ELSE n.exit_on END"},
    )


_SEX = (
    '(j."AskedOrForcedToExchangeForSex" = 1 OR j."AskedOrForcedToExchangeForSexPastThreeMonths" = 1 '
    'OR ((j."ExchangeForSex" = 1 OR j."ExchangeForSexPastThreeMonths" = 1) '
    "AND j.age_band_at_entry IN ('0_12', '13_17')))"
)
_LABOR = (
    '(j."WorkplaceViolenceThreats" = 1 OR j."WorkplacePromiseDifference" = 1 '
    'OR j."CoercedToContinueWork" = 1 OR j."LaborExploitPastThreeMonths" = 1)'
)
# NULL is neither yes nor no.
_SAID = f"(COALESCE({_SEX}, false) OR COALESCE({_LABOR}, false))"
_TYPE = (
    f"CASE WHEN COALESCE({_SEX}, false) AND COALESCE({_LABOR}, false) THEN 'sex_and_labor' "
    f"WHEN COALESCE({_SEX}, false) THEN 'sex' ELSE 'labor' END"
)


def exit_(taking: Taking) -> None:
    own = {"agency": taking.agency_id}
    destination = _by_code(picklists.Destination, 'j."Destination"', CODES["Destination"], "'not_asked'")
    reason = (
        'CASE WHEN j."Destination" = 24 THEN \'deceased\' ELSE CASE j."ProjectCompletionStatus" '
        "WHEN 1 THEN 'completed' WHEN 2 THEN 'left_early' WHEN 3 THEN 'discharged' ELSE 'not_asked' END END"
    )
    # The latest of several exits ends the enrollment; a corrected row always speaks for itself.
    _run(
        f"""
        UPDATE referrals_enrollment n
        SET exit_on = w.day, destination = w.destination, exit_reason = w.reason, changed_at = now()
        FROM (
            SELECT DISTINCT ON (j.stay_id) j.stay_id, j."ExitDate" AS day, j.state,
                   {destination} AS destination, {reason} AS reason
            FROM judged j
            WHERE {LIVING} AND j."ExitDate" >= j.entry_on
            ORDER BY j.stay_id, j."ExitDate" DESC, j.row
        ) w
        WHERE n.id = w.stay_id AND (n.exit_on IS NULL OR n.exit_on < w.day OR w.state = 'changed')
          AND (n.exit_on, n.destination, n.exit_reason) IS DISTINCT FROM (w.day, w.destination, w.reason)
        """,
        own,
    )
    _run(
        f"UPDATE referrals_enrollment n SET exit_on = NULL, destination = 'not_asked', "
        f"exit_reason = 'not_asked', changed_at = now() FROM judged j "
        f'WHERE {GONE} AND n.id = j.stay_id AND n.exit_on = j."ExitDate"',
        own,
    )
    said = f'judged j WHERE {LIVING} AND j."ExitDate" IS NOT NULL AND {_SAID}'
    put(
        Touchpoint,
        said,
        {
            "client_id": "j.client_id",
            "enrollment_id": "j.stay_id",
            "project_id": "j.stay_project",
            "occurred_at": at_noon('j."ExitDate"'),
            "sector": "%(sector)s::varchar",
            "kind": "'closure'",
            "trafficking_status": "'possible'",
            "status_decided_by": "'self_identified'",
            "trafficking_type": _TYPE,
        },
        taking,
        key="'exit:' || j.\"ExitID\"",
    )
    _run(
        f"""
        DELETE FROM referrals_touchpoint n USING judged j
        WHERE {FRESH} AND j.state = 'changed' AND (j.deleted OR NOT {_SAID}) AND n.agency_id = %(agency)s
          AND n.source_key <> '' AND n.source_key = 'exit:' || j."ExitID"
        """,
        own,
    )
    _decide(f"SELECT j.client_id, 'possible' AS status, 'self_identified' AS by, j.\"ExitDate\" AS day, "
            f"{_TYPE} AS type FROM {said}", own)  # fmt: skip
    put(
        FollowUp,
        f'judged j WHERE {LIVING} AND j."AftercareProvided" IN (1, 9) AND j."AftercareDate" >= j."ExitDate"',
        {
            "client_id": "j.client_id",
            "enrollment_id": "j.stay_id",
            "followed_up_at": at_noon('j."AftercareDate"'),
            "outcome": "CASE j.\"AftercareProvided\" WHEN 9 THEN 'reached_declined' ELSE 'reached' END",
        },
        taking,
        key="'after:' || j.\"ExitID\"",
    )
    drop(FollowUp, taking, key="'after:' || j.\"ExitID\"")


def _decide(statuses: str, parameters: Mapping[str, Any]) -> None:
    """Let clients learn a trafficking status: never over a decision, but for possible, which may become
    actual. `statuses` selects client_id, status, by, day, type."""
    _run(
        f"""
        UPDATE referrals_client n
        SET trafficking_status = w.status, status_decided_by = w.by, status_decided_on = w.day,
            trafficking_type = CASE WHEN w.type IN {_MISSING} THEN n.trafficking_type ELSE w.type END,
            changed_at = now()
        FROM (
            SELECT DISTINCT ON (client_id) * FROM ({statuses}) found
            ORDER BY client_id,
                     array_position(ARRAY['actual', 'possible', 'not_trafficked'], status::text), day DESC
        ) w
        WHERE n.id = w.client_id
          AND (n.trafficking_status IN {_MISSING}
               OR (n.trafficking_status = 'possible' AND w.status = 'actual'))
        """,
        parameters,
    )


# --- services, referrals, screenings ----------------------------------------------------------------------

# (RecordType, TypeProvided) -> our service. A type that is not listed is another service.
_HOUSING = "shel_lt"
SERVICES: Mapping[int, Mapping[int, str]] = {
    141: {1: "outreach", 2: "intake", 3: "life", 4: "mh_lt", 5: "sud", 6: "cm", 7: _HOUSING, 8: _HOUSING,
          9: _HOUSING, 10: _HOUSING, 11: "fin", 12: "fin", 14: "mh_lt"},
    142: {2: "other", 5: "edu", 6: "empl", 7: "cjadv", 8: "life", 10: "family", 12: "med_lt", 13: "med_lt",
          14: "med_lt", 17: "sud", 18: "sud", 26: "other", 27: "med_lt", 28: "med_lt", 29: "outreach"},
    143: {1: "other", 2: "cm", 3: "child", 4: "cjadv", 5: "edu", 6: "empl", 7: "basic", 8: "med_lt",
          9: "life", 10: "mh_lt", 11: "outreach", 12: "sud", 13: "transp", 14: "other"},
    144: {1: "outreach", 2: "cm", 3: "benefits", 4: "benefits", 5: "benefits", 6: "other", 7: _HOUSING,
          8: "other", 9: _HOUSING, 10: "cm"},
    151: {1: "fin", 2: "fin", 3: "fin", 4: "fin", 7: "fin"},
    152: {1: "fin", 2: "fin", 3: "fin", 4: "fin", 5: "fin", 8: "transp", 9: "transp", 10: "child", 12: "fin",
          14: "fin", 15: "fin", 16: "basic", 17: "fin", 18: "fin"},
    200: {200: "shel_em"},
    300: {1: _HOUSING, 2: "fin", 3: _HOUSING, 4: _HOUSING, 5: "other"},
}  # fmt: skip

PATH_REFERRALS: Mapping[int, str] = {
    1: "mh_lt", 2: "sud", 3: "med_lt", 4: "empl", 5: "edu", 6: _HOUSING, 7: _HOUSING, 8: "benefits",
    9: "empl", 10: "benefits", 11: "shel_em",
}  # fmt: skip

# Event code -> (what was needed, sector of the receiver). Event 2 is help on the spot, no referral.
EVENTS: Mapping[int, tuple[str, str]] = {
    1: ("fin", ""), 3: ("intake", ""), 4: ("intake", ""), 5: ("cm", ""), 6: ("outreach", "outreach"),
    7: (_HOUSING, "housing"), 8: ("info_ref", ""), 9: ("info_ref", ""), 10: ("shel_em", "shelter"),
    11: ("shel_tr", "housing"), 12: ("shel_tr", "housing"), 13: (_HOUSING, "housing"),
    14: (_HOUSING, "housing"),
    15: (_HOUSING, "housing"), 16: ("fin", ""), 17: (_HOUSING, "housing"), 18: (_HOUSING, "housing"),
}  # fmt: skip


def services(taking: Taking) -> None:
    meant = ", ".join(
        f"({record}, {code}, '{service}')"
        for record, types in SERVICES.items()
        for code, service in types.items()
    )
    paid = 'j."FAAmount" > 0 AND j."RecordType" <> 200'
    put(
        Service,
        f"judged j LEFT JOIN (VALUES {meant}) AS m (record, code, type) "
        f'ON m.record = j."RecordType" AND m.code = j."TypeProvided" '
        # A referral, and the steps of a voucher's paperwork, are no service given.
        f'WHERE {LIVING} AND j."DateProvided" IS NOT NULL AND j."RecordType" IS DISTINCT FROM 161 '
        f'AND j."RecordType" IS DISTINCT FROM 210',
        {
            "client_id": "j.client_id",
            "enrollment_id": "j.stay_id",
            "project_id": "j.stay_project",
            "provided_on": 'j."DateProvided"',
            "type": "COALESCE(m.type, 'other')",
            "quantity": f'CASE WHEN {paid} THEN round(j."FAAmount", 2) ELSE 1 END',
            "unit": f"CASE WHEN {paid} THEN 'dollars' WHEN j.\"RecordType\" = 200 THEN 'nights' "
            "ELSE 'occurrences' END",
        },
        taking,
        key='j."ServicesID"',
    )
    drop(Service, taking, key='j."ServicesID"')
    needs = " ".join(f"WHEN {code} THEN '{need}'" for code, need in PATH_REFERRALS.items())
    put(
        Referral,
        f'judged j WHERE {LIVING} AND j."DateProvided" IS NOT NULL AND j."RecordType" = 161',
        {
            "client_id": "j.client_id",
            "enrollment_id": "j.stay_id",
            "needed": f"CASE j.\"TypeProvided\" {needs} ELSE 'other' END",
            "sent_at": at_noon('j."DateProvided"'),
            "reported_outcome": "CASE j.\"ReferralOutcome\" WHEN 1 THEN 'accepted' WHEN 2 THEN 'declined' "
            "ELSE '' END",
            "decline_reason": "CASE j.\"ReferralOutcome\" WHEN 2 THEN 'other' ELSE '' END",
        },
        taking,
        key='j."ServicesID"',
    )
    drop(Referral, taking, key='j."ServicesID"')


def event(taking: Taking) -> None:
    meant = ", ".join(f"({code}, '{need}', '{sector}')" for code, (need, sector) in EVENTS.items())
    put(
        Referral,
        f'judged j JOIN (VALUES {meant}) AS m (code, needed, sector) ON m.code = j."Event" '
        f'WHERE {LIVING} AND j."EventDate" IS NOT NULL',
        {
            "client_id": "j.client_id",
            "enrollment_id": "j.stay_id",
            "needed": "m.needed",
            "sent_at": at_noon('j."EventDate"'),
            "receiver_sector": "m.sector",
            "reported_outcome": "CASE j.\"ReferralResult\" WHEN 1 THEN 'accepted' WHEN 2 THEN 'declined' "
            "WHEN 3 THEN 'declined' ELSE '' END",
            "reported_outcome_at": 'CASE WHEN j."ReferralResult" IS NOT NULL THEN '
            + at_noon('j."ResultDate"')
            + " END",
            "decline_reason": "CASE j.\"ReferralResult\" WHEN 2 THEN 'client_declined' WHEN 3 THEN 'other' "
            "ELSE '' END",
        },
        taking,
        key='j."EventID"',
    )
    drop(Referral, taking, key='j."EventID"')


def assessment(taking: Taking) -> None:
    put(
        Screening,
        f'judged j WHERE {LIVING} AND j."AssessmentDate" IS NOT NULL',
        {
            "client_id": "j.client_id",
            "enrollment_id": "j.stay_id",
            "screened_at": at_noon('j."AssessmentDate"'),
            "tool": "'hmis_assessment'",
            # The file says that it happened and not what came of it; this result claims nothing.
            "result": "'stopped'",
        },
        taking,
        key='j."AssessmentID"',
    )
    drop(Screening, taking, key='j."AssessmentID"')


def living_situation(taking: Taking) -> None:
    put(
        Touchpoint,
        f'judged j WHERE {LIVING} AND j."InformationDate" IS NOT NULL',
        {
            "client_id": "j.client_id",
            "enrollment_id": "j.stay_id",
            "project_id": "j.stay_project",
            "occurred_at": at_noon('j."InformationDate"'),
            "sector": "%(sector)s::varchar",
            "kind": "'contact'",
        },
        taking,
        key='j."CurrentLivingSitID"',
    )
    drop(Touchpoint, taking, key='j."CurrentLivingSitID"')


def post_exit(taking: Taking) -> None:
    """Rows collected after the exit (stage 6): one follow-up for an enrollment and day, in whatever file."""
    put(
        FollowUp,
        f'judged j WHERE {LIVING} AND j."DataCollectionStage" = 6 AND j."InformationDate" IS NOT NULL',
        {
            "client_id": "j.client_id",
            "enrollment_id": "j.stay_id",
            "followed_up_at": at_noon('j."InformationDate"'),
            "outcome": "'reached'",
        },
        taking,
        key="'post:' || j.\"EnrollmentID\" || ':' || to_char(j.\"InformationDate\", 'YYYYMMDD')",
    )


# --- our own files ----------------------------------------------------------------------------------------


def touchpoint(taking: Taking) -> None:
    own = {"agency": taking.agency_id}
    put(
        Touchpoint,
        f"judged j WHERE {LIVING}",
        {
            "client_id": "j.client_id",
            "enrollment_id": "j.stay_id",
            "project_id": "j.stay_project",
            "occurred_at": at_noon('j."OccurredOn"'),
            "sector": 'j."Sector"',
            "kind": 'j."Kind"',
            "given": "COALESCE(string_to_array(j.\"Given\", ';'), ARRAY[]::text[])::varchar[]",
            "trafficking_status": "COALESCE(j.\"TraffickingStatus\", 'not_asked')",
            "status_decided_by": "COALESCE(j.\"StatusDecidedBy\", 'not_asked')",
            "trafficking_type": "COALESCE(j.\"TraffickingType\", 'not_asked')",
            "age_band": "COALESCE(j.\"AgeBand\", 'not_asked')",
            "county_id": 'j."County"',
        },
        taking,
        key='j."TouchpointID"',
    )
    drop(Touchpoint, taking, key='j."TouchpointID"')
    _decide(
        'SELECT j.client_id, j."TraffickingStatus" AS status, '
        'COALESCE(j."StatusDecidedBy", \'not_asked\') AS by, j."OccurredOn" AS day, '
        "COALESCE(j.\"TraffickingType\", 'not_asked') AS type "
        f"FROM judged j WHERE {LIVING} AND j.client_id IS NOT NULL "
        "AND j.\"TraffickingStatus\" IN ('actual', 'possible', 'not_trafficked')",
        own,
    )
    _run(
        f"""
        UPDATE referrals_client n SET county_id = w.county, changed_at = now()
        FROM (
            SELECT DISTINCT ON (j.client_id) j.client_id, j."County" AS county
            FROM judged j WHERE {LIVING} AND j."County" IS NOT NULL AND j.client_id IS NOT NULL
            ORDER BY j.client_id, j."OccurredOn" DESC
        ) w
        WHERE n.id = w.client_id AND n.county_id IS NULL
        """,
        own,
    )
    put(
        FollowUp,
        f"judged j WHERE {LIVING} AND j.\"Kind\" = 'follow_up' AND j.client_id IS NOT NULL AND CASE "
        'WHEN j.stay_id IS NOT NULL THEN j.exit_on <= j."OccurredOn" ELSE EXISTS (SELECT FROM '
        'referrals_enrollment e WHERE e.client_id = j.client_id AND e.exit_on <= j."OccurredOn") END',
        {
            "client_id": "j.client_id",
            "enrollment_id": "j.stay_id",
            "followed_up_at": at_noon('j."OccurredOn"'),
            "outcome": "'reached'",
        },
        taking,
        key="'contact:' || j.\"TouchpointID\"",
    )
    drop(FollowUp, taking, key="'contact:' || j.\"TouchpointID\"")


def screening(taking: Taking) -> None:
    def asked(column: str) -> str:
        return (
            f"CASE WHEN j.\"{column}\" IN ('yes', 'true', '1') THEN true "
            f"WHEN j.\"{column}\" IN ('no', 'false', '0') THEN false END"
        )

    put(
        Screening,
        f"judged j WHERE {LIVING}",
        {
            "client_id": "j.client_id",
            "enrollment_id": "j.stay_id",
            "screened_at": at_noon('j."ScreenedOn"'),
            "tool": 'j."Tool"',
            "tool_version": "COALESCE(j.\"ToolVersion\", '')",
            "language": "COALESCE(j.\"Language\", 'not_asked')",
            "result": 'j."Result"',
            "sex_asked": asked("SexAsked"),
            "labor_asked": asked("LaborAsked"),
        },
        taking,
        key='j."ScreeningID"',
    )
    drop(Screening, taking, key='j."ScreeningID"')
    _run(
        f"""
        UPDATE referrals_client n SET language = w.language, changed_at = now()
        FROM (
            SELECT DISTINCT ON (j.client_id) j.client_id, j."Language" AS language FROM judged j
            WHERE {LIVING} AND j."Language" IS NOT NULL ORDER BY j.client_id, j."ScreenedOn" DESC
        ) w
        WHERE n.id = w.client_id AND n.language IN {_MISSING} AND w.language NOT IN {_MISSING}
        """,
        {"agency": taking.agency_id},
    )


def referral(taking: Taking) -> None:
    # Several needs in one row are several referrals: each may find its own answer.
    put(
        Referral,
        "judged j CROSS JOIN LATERAL unnest(string_to_array(j.\"Needed\", ';')) WITH ORDINALITY "
        f"AS need (type, at) WHERE {LIVING}",
        {
            "client_id": "j.client_id",
            "enrollment_id": "j.stay_id",
            "needed": "need.type",
            "sent_at": at_noon('j."SentOn"'),
            "receiver_sector": "COALESCE(j.\"ReceiverSector\", '')",
            "reported_outcome": "COALESCE(j.\"Outcome\", '')",
            "reported_outcome_at": 'CASE WHEN j."Outcome" IS NOT NULL THEN '
            + at_noon('j."OutcomeOn"')
            + " END",
            "decline_reason": "COALESCE(j.\"DeclineReason\", '')",
        },
        taking,
        key="j.\"ReferralID\" || CASE WHEN need.at > 1 THEN ':' || need.at ELSE '' END",
    )
    drop(Referral, taking, key='j."ReferralID"')


# --- an agency's own spreadsheet ---------------------------------------------------------------------------


def caseload(taking: Taking) -> None:
    own = {"agency": taking.agency_id}
    # A client whose code somebody typed in before is this client, not another.
    _run(
        f'UPDATE referrals_client n SET source_key = j."PersonalID" FROM judged j WHERE {LIVING} '
        "AND n.agency_id = %(agency)s AND n.source_key = '' "
        "AND n.code_token = decode(j.\"PersonalID\", 'hex')",
        own,
    )
    put(
        Client,
        f'judged j LEFT JOIN agencies_county county ON county.fips = j."County" WHERE {LIVING}',
        {
            "id": 'j."ClientRow"',
            "code_sealed": 'j."CodeBox"',
            "code_token": "decode(j.\"PersonalID\", 'hex')",
            "age_band": "COALESCE(j.\"AgeBand\", 'not_asked')",
            "gender": "COALESCE(j.\"Gender\", 'not_asked')",
            "language": "COALESCE(j.\"Language\", 'not_asked')",
            "county_id": "county.fips",
            "trafficking_type": "COALESCE(j.\"TraffickingType\", 'not_asked')",
        },
        taking,
        key='j."PersonalID"',
        gentle=("age_band", "gender", "language", "trafficking_type"),
        special={"county_id": "COALESCE(w.county_id, n.county_id)"},
        only_new=("id", "code_sealed", "code_token"),
    )
    client = (
        "judged j JOIN referrals_client c ON c.agency_id = %(agency)s AND c.source_key <> '' "
        f'AND c.source_key = j."PersonalID" LEFT JOIN referrals_enrollment e ON e.agency_id = %(agency)s '
        f"AND e.source_key <> '' AND e.source_key = j.\"RowKey\" WHERE {LIVING}"
    )
    put(
        Enrollment,
        f'{client} AND j."EntryOn" IS NOT NULL',
        {
            "client_id": "c.id",
            "project_id": "%(project)s::uuid",
            "entry_on": 'j."EntryOn"',
            "exit_on": 'CASE WHEN j."ExitOn" >= j."EntryOn" THEN j."ExitOn" END',
            "age_band_at_entry": "COALESCE(j.\"AgeBand\", 'not_asked')",
            "referral_source": "COALESCE(j.\"ReferralSource\", 'not_asked')",
        },
        taking,
        key='j."RowKey"',
        gentle=("age_band_at_entry", "referral_source"),
    )
    _decide(
        'SELECT c.id AS client_id, j."TraffickingStatus" AS status, '
        "COALESCE(j.\"StatusDecidedBy\", 'unknown') AS by, "
        'COALESCE(j."EntryOn", j."LastContactOn") AS day, '
        "COALESCE(j.\"TraffickingType\", 'not_asked') AS type "
        f"FROM {client} AND j.\"TraffickingStatus\" IN ('actual', 'possible', 'not_trafficked')",
        own,
    )
    seen = 'COALESCE(j."EntryOn", j."LastContactOn", j."ScreenedOn", j."ReferredOn")'
    put(
        Touchpoint,
        f"{client} AND j.\"TraffickingStatus\" IN ('actual', 'possible') AND {seen} IS NOT NULL",
        {
            "client_id": "c.id",
            "enrollment_id": "e.id",
            "occurred_at": at_noon(seen),
            "sector": "%(sector)s::varchar",
            "kind": "'contact'",
            "trafficking_status": 'j."TraffickingStatus"',
            "status_decided_by": "COALESCE(j.\"StatusDecidedBy\", 'unknown')",
            "trafficking_type": "COALESCE(j.\"TraffickingType\", 'not_asked')",
        },
        taking,
        key="j.\"RowKey\" || ':i'",
    )
    put(
        Touchpoint,
        f'{client} AND j."LastContactOn" IS NOT NULL',
        {
            "client_id": "c.id",
            "enrollment_id": "e.id",
            "occurred_at": at_noon('j."LastContactOn"'),
            "sector": "%(sector)s::varchar",
            "kind": "'contact'",
        },
        taking,
        key="j.\"RowKey\" || ':c'",
    )
    given = client.replace(" WHERE ", " CROSS JOIN LATERAL unnest(string_to_array(j.\"Services\", ';')) "
                           "WITH ORDINALITY AS given (type, at) WHERE ", 1)  # fmt: skip
    put(
        Service,
        f'{given} AND COALESCE(j."EntryOn", j."LastContactOn") IS NOT NULL',
        {
            "client_id": "c.id",
            "enrollment_id": "e.id",
            "project_id": "e.project_id",
            "provided_on": 'COALESCE(j."EntryOn", j."LastContactOn")',
            "type": "given.type",
        },
        taking,
        key="j.\"RowKey\" || ':s' || given.at",
    )
    put(
        Screening,
        f'{client} AND j."ScreenedOn" IS NOT NULL',
        {
            "client_id": "c.id",
            "enrollment_id": "e.id",
            "screened_at": at_noon('j."ScreenedOn"'),
            "tool": "'agency_own'",
            "result": "COALESCE(j.\"ScreeningResult\", 'stopped')",
        },
        taking,
        key="j.\"RowKey\" || ':n'",
    )
    put(
        Referral,
        f'{client} AND j."ReferredOn" IS NOT NULL',
        {
            "client_id": "c.id",
            "enrollment_id": "e.id",
            "needed": "'other'",
            "sent_at": at_noon('j."ReferredOn"'),
        },
        taking,
        key="j.\"RowKey\" || ':r'",
    )
    put(
        FollowUp,
        f'{client} AND j."FollowedUpOn" IS NOT NULL AND j."FollowedUpOn" >= e.exit_on',
        {
            "client_id": "c.id",
            "enrollment_id": "e.id",
            "followed_up_at": at_noon('j."FollowedUpOn"'),
            "outcome": "'reached'",
        },
        taking,
        key="j.\"RowKey\" || ':f'",
    )


NOUNS: Mapping[str, Callable[[Taking], None]] = {
    "Project": project,
    "Client": client,
    "Enrollment": enrollment,
    "Exit": exit_,
    "Services": services,
    "Event": event,
    "Assessment": assessment,
    "CurrentLivingSituation": living_situation,
    "HealthAndDV": post_exit,
    "IncomeBenefits": post_exit,
    "Disabilities": post_exit,
    "EmploymentEducation": post_exit,
    "YouthEducationStatus": post_exit,
    "Touchpoint": touchpoint,
    "Screening": screening,
    "Referral": referral,
    "Caseload": caseload,
}
"""By file: what its rows become. Rows of every file, these too, are also kept as they came."""


def drop_deleted_enrollments(taking: Taking) -> int:
    """Delete enrollments that the file marks as deleted and that nothing points at; how many."""
    own = {"agency": taking.agency_id}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.id FROM referrals_importedrow kept JOIN referrals_enrollment n "
            "ON n.agency_id = kept.agency_id AND n.source_key = kept.source_key "
            "WHERE kept.agency_id = %(agency)s AND kept.file = 'Enrollment' AND kept.deleted_at IS NOT NULL "
            "AND n.source_key <> ''",
            own,
        )
        gone = {row for (row,) in cursor.fetchall()}
    for model in (Service, Touchpoint, Screening, Referral, FollowUp) if gone else ():
        gone -= set(model.objects.filter(enrollment__in=gone).values_list("enrollment_id", flat=True))
    return Enrollment.objects.filter(pk__in=gone).delete()[0] if gone else 0
