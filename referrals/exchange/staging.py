"""A piece of a file, copied into temporary tables and held to its columns in SQL, before anything is written.

Row security refuses COPY on our own tables, so rows go through two temporary ones: `staged` (text, as it
came) and `judged` (typed, with the row's problems, what it points at, and whether we know it already).
What becomes of a judged row is for `nouns`.
"""

# ruff: noqa: S608 - the SQL is put together of our own names and lists; values are parameters.

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from django.db import connection

from referrals import picklists
from referrals.agency_side.schema import AGE_BANDS, FILES, Handling, Level, Type
from referrals.agency_side.schema import Column as FileColumn

MAPPING_VERSION = 1
"""Part of every digest: raise it when `nouns` reads a file differently, and every row is read again."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its typed SQL as a function of the raw text, and what to say where the text doesn't fit."""

    name: str
    type: str
    typed: Callable[[str], str]
    wrong: str
    is_required: bool = False
    is_kept: bool = True  # in the row that is kept
    counts_as_change: bool = True
    is_expected: bool = True  # its absence from the header is worth a word


@dataclass(frozen=True, slots=True)
class Layout:
    """What the hub expects of a file. `must`: without these the row can't be taken. Rules that hold between
    rows or between columns are in `rules`: (column, code, condition in SQL over t, client, stay)."""

    file: str
    key: str
    columns: tuple[Column, ...]
    must: tuple[str, ...]
    person: str = ""  # "must" or "may": whether the row has a PersonalID
    stay: str = ""  # the same for EnrollmentID
    project: bool = False
    rules: tuple[tuple[str, str, str], ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> list[str]:
        return [column.name for column in self.columns]


# --- what a cell must look like ---------------------------------------------------------------------------


def _quoted(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


_DAY = r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"


def _date(raw: str) -> str:
    last = f"extract(day FROM (left({raw}, 7) || '-01')::date + interval '1 month' - interval '1 day')"
    return (
        f"CASE WHEN {raw} ~ '^{_DAY}$' THEN CASE WHEN substr({raw}, 9, 2)::int <= 28 "
        f"OR substr({raw}, 9, 2)::int <= {last} THEN {raw}::date END END"
    )


def _moment(raw: str) -> str:
    last = f"extract(day FROM (left({raw}, 7) || '-01')::date + interval '1 month' - interval '1 day')"
    return (
        rf"CASE WHEN {raw} ~ '^{_DAY}([ T]([01]\d|2[0-3]):[0-5]\d:[0-5]\d)?$' THEN "
        f"CASE WHEN substr({raw}, 9, 2)::int <= 28 OR substr({raw}, 9, 2)::int <= {last} "
        f"THEN {raw}::timestamp END END"
    )


def _matches(pattern: str, then: str = "{raw}") -> Callable[[str], str]:
    return lambda raw: f"CASE WHEN {raw} ~ '^(?:{pattern})$' THEN {then.format(raw=raw)} END"


def one_of(values: Iterable[str], then: str = "{raw}") -> Callable[[str], str]:
    """Typed SQL for a cell that must be one of the values."""
    listed = _quoted(values)
    return lambda raw: f"CASE WHEN {raw} IN ({listed}) THEN {then.format(raw=raw)} END"


def some_of(values: Iterable[str]) -> Callable[[str], str]:
    """Typed SQL for a cell of several values with semicolons between."""
    listed = _quoted(values)
    return lambda raw: f"CASE WHEN string_to_array({raw}, ';') <@ ARRAY[{listed}] THEN {raw} END"


def _values(codelist: type[picklists.Picklist]) -> list[str]:
    return [member.value for member in codelist]


_TYPED: Mapping[Type, tuple[str, Callable[[str], str], str]] = {
    Type.ID: ("text", _matches("[0-9a-f]{32}"), "id_not_replaced"),
    Type.DATE: ("date", _date, "date_unreadable"),
    Type.DATETIME: ("timestamp", _moment, "date_unreadable"),
    Type.INTEGER: ("int", _matches(r"-?\d{1,6}", "{raw}::int"), "number_unreadable"),
    Type.MONEY: ("numeric", _matches(r"-?\d{1,6}(\.\d{1,4})?", "{raw}::numeric"), "number_unreadable"),
    Type.YEAR: ("int", _matches(r"(19|20)\d\d", "{raw}::int"), "number_unreadable"),
    Type.TEXT: ("text", lambda raw: f"left({raw}, 250)", "text_withheld"),
}


def _county(raw: str) -> str:
    """The FIPS code of a county given by that code, or by a name that only one county of the hub has."""
    return (
        "(SELECT min(k.fips) FROM agencies_county k "
        f"WHERE {raw} IN (k.fips, replace(lower(k.name), ' ', '_')) HAVING count(*) = 1)"
    )


# Columns of our own files, by the list that their words come from.
_OURS: Mapping[tuple[str, str], Callable[[str], str]] = {
    ("Touchpoint", "Sector"): one_of(_values(picklists.Sector)),
    ("Touchpoint", "Kind"): one_of(_values(picklists.TouchpointKind)),
    ("Touchpoint", "Given"): some_of(_values(picklists.ContactGiven)),
    ("Touchpoint", "TraffickingStatus"): one_of(_values(picklists.TraffickingStatus)),
    ("Touchpoint", "StatusDecidedBy"): one_of(_values(picklists.StatusDecidedBy)),
    ("Touchpoint", "TraffickingType"): one_of(_values(picklists.TraffickingType)),
    ("Touchpoint", "County"): _county,
    ("Screening", "Tool"): one_of(_values(picklists.ScreeningTool)),
    ("Screening", "Language"): one_of(_values(picklists.Language)),
    ("Screening", "Result"): one_of(_values(picklists.ScreeningResult)),
    ("Screening", "SexAsked"): one_of(("yes", "no", "true", "false", "1", "0")),
    ("Screening", "LaborAsked"): one_of(("yes", "no", "true", "false", "1", "0")),
    ("Referral", "Needed"): some_of(_values(picklists.ServiceType)),
    ("Referral", "ReceiverSector"): one_of(_values(picklists.Sector)),
    ("Referral", "Outcome"): one_of(_values(picklists.ResponseOutcome)),
    ("Referral", "DeclineReason"): one_of(_values(picklists.DeclineReason)),
}


def _age_band(name: str) -> Column:
    bands = [band for band, _first in AGE_BANDS] + ["not_asked", "declined", "unknown"]
    listed = one_of(bands)
    return Column(name, "text", lambda raw: listed(f"replace({raw}, '-', '_')"), "code_unknown")


def _age(name: str) -> Column:
    return Column(
        name, "int", _matches(r"\d{1,2}|1[0-2]\d", "{raw}::int"), "number_unreadable", is_expected=False
    )


def _column(file: str, column: FileColumn) -> Column:
    if column.handling is Handling.BAND or column.name == "AgeBand":
        return _age_band("AgeBand")
    kind, typed, wrong = "text", _OURS.get((file, column.name)), "code_unknown"
    if typed is not None:
        pass
    elif column.handling is Handling.FREE_TEXT:
        typed, wrong = (lambda _raw: "NULL::text"), "text_withheld"
    elif column.type is Type.CODE:
        kind, typed = "int", one_of(sorted(column.codes), "{raw}::int")
    elif column.type is Type.SHAPED:
        assert column.shape is not None
        typed, wrong = _matches(column.shape.pattern), "shape_wrong"
    else:
        kind, typed, wrong = _TYPED[column.type]
    return Column(
        column.name,
        kind,
        typed,
        wrong,
        # The text of a column that leaves no agency is never missed.
        is_required=column.required and column.handling is not Handling.FREE_TEXT,
        # ExportID differs in every export and says nothing about the row.
        is_kept=column.name != "ExportID" or file == "Export",
        counts_as_change=column.handling is not Handling.BLUR,
        is_expected=column.handling is not Handling.DROP_FOR_VSP,
    )


_MUST = {
    "Enrollment": ("ProjectID", "EntryDate"),
    "Touchpoint": ("OccurredOn", "Sector", "Kind"),
    "Screening": ("ScreenedOn", "Tool", "Result"),
    "Referral": ("SentOn", "Needed"),
}

_OUTSIDE = '(t."{0}" < stay.entry_on OR t."{0}" > stay.exit_on)'
_FUTURE = 't."{0}" > current_date'

_RULES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "Client": (("DateDeleted", "client_kept", 't."DateDeleted" IS NOT NULL AND client.id IS NOT NULL'),),
    "Enrollment": (
        ("EntryDate", "date_in_future", _FUTURE.format("EntryDate")),
        (
            "EntryDate",
            "duplicate_enrollment",
            't."EntryDate" IS NOT NULL '
            'AND (count(*) OVER (PARTITION BY t."PersonalID", t."ProjectID", t."EntryDate") > 1 '
            "OR EXISTS (SELECT FROM referrals_enrollment other WHERE other.client_id = client.id "
            'AND other.project_id = project.id AND other.entry_on = t."EntryDate" '
            'AND other.source_key <> t."EnrollmentID"))',
        ),
    ),
    "Exit": (
        ("ExitDate", "exit_before_entry", 't."ExitDate" < stay.entry_on'),
        ("ExitDate", "date_in_future", _FUTURE.format("ExitDate")),
        (
            "ExitDate",
            "several_exits",
            'count(*) OVER (PARTITION BY t."EnrollmentID") > 1',
        ),
    ),
    "Services": (
        ("DateProvided", "service_outside_stay", _OUTSIDE.format("DateProvided")),
        ("DateProvided", "date_in_future", _FUTURE.format("DateProvided")),
    ),
    "Event": (
        ("ResultDate", "result_before_event", 't."ResultDate" < t."EventDate"'),
        ("ResultDate", "result_without_day", 't."ReferralResult" IS NOT NULL AND t."ResultDate" IS NULL'),
        ("EventDate", "date_in_future", _FUTURE.format("EventDate")),
    ),
    "Assessment": (("AssessmentDate", "date_in_future", _FUTURE.format("AssessmentDate")),),
    "CurrentLivingSituation": (
        ("InformationDate", "service_outside_stay", _OUTSIDE.format("InformationDate")),
    ),
    "Touchpoint": (
        ("OccurredOn", "date_in_future", _FUTURE.format("OccurredOn")),
        (
            "StatusDecidedBy",
            "status_without_decider",
            "t.\"TraffickingStatus\" IN ('possible', 'actual') AND t.\"StatusDecidedBy\" IS NULL",
        ),
    ),
    "Screening": (("ScreenedOn", "date_in_future", _FUTURE.format("ScreenedOn")),),
    "Referral": (
        ("SentOn", "date_in_future", _FUTURE.format("SentOn")),
        ("OutcomeOn", "result_before_event", 't."OutcomeOn" < t."SentOn"'),
        ("OutcomeOn", "result_without_day", 't."Outcome" IS NOT NULL AND t."OutcomeOn" IS NULL'),
    ),
}


@cache
def layout_of(file: str, version: str) -> Layout:
    """What the hub expects of a bundle's file in that year of HMIS CSV."""
    if file == CASELOAD.file:
        return CASELOAD
    facts = FILES[file]
    dropped = (Handling.DROP,)
    columns = [
        _column(file, column) for column in facts.of_version(version) if column.handling not in dropped
    ]
    if file == "Enrollment":
        columns += [_age_band("AgeBandAtEntry"), _age("AgeAtEntry"), _age("AgeInPeriod")]
    level = facts.level
    return Layout(
        file=file,
        key=facts.key,
        columns=tuple(columns),
        must=_MUST.get(file, ()),
        person={
            Level.CLIENT: "self",
            Level.ENROLLMENT: "must",
            Level.CASEHUB: "may" if file == "Touchpoint" else "must",
        }.get(level, ""),
        stay={Level.ENROLLMENT: "self" if file == "Enrollment" else "must", Level.CASEHUB: "may"}.get(
            level, ""
        ),
        project=file == "Enrollment",
        rules=_RULES.get(file, ()),
    )


_TOKEN = _matches("[0-9a-f]{64}")


def _chosen(name: str, codelist: type[picklists.Picklist]) -> Column:
    return Column(name, "text", one_of(_values(codelist)), "code_unknown")


def _on(name: str) -> Column:
    return Column(name, "date", _date, "date_unreadable")


CASELOAD = Layout(
    file="Caseload",
    key="RowKey",
    columns=(
        # Written by our own reader of spreadsheets; neither the code's token nor its box stays with the row.
        Column("RowKey", "text", _matches("[0-9a-f]{40}:[0-9]{0,8}"), "code_missing"),
        Column("PersonalID", "text", _TOKEN, "code_missing", is_kept=False),
        Column("ClientRow", "uuid", _matches("[0-9a-f-]{36}", "{raw}::uuid"), "code_missing", is_kept=False),
        Column(
            "CodeBox", "bytea", _matches("[0-9a-f]+", "decode({raw}, 'hex')"), "code_missing", is_kept=False
        ),
        _age_band("AgeBand"),
        _chosen("Gender", picklists.Gender),
        Column("County", "text", _matches(r"\d{5}"), "code_unknown"),
        _chosen("Language", picklists.Language),
        _chosen("TraffickingStatus", picklists.TraffickingStatus),
        _chosen("StatusDecidedBy", picklists.StatusDecidedBy),
        _chosen("TraffickingType", picklists.TraffickingType),
        _chosen("ReferralSource", picklists.ReferralSource),
        _on("EntryOn"),
        _on("ExitOn"),
        Column("Services", "text", some_of(_values(picklists.ServiceType)), "code_unknown"),
        _on("LastContactOn"),
        _on("ScreenedOn"),
        _chosen("ScreeningResult", picklists.ScreeningResult),
        _on("ReferredOn"),
        _on("FollowedUpOn"),
    ),
    must=("PersonalID", "ClientRow", "CodeBox"),
    person="self",
    rules=(
        ("ExitOn", "exit_before_entry", 't."ExitOn" < t."EntryOn"'),
        ("EntryOn", "date_in_future", _FUTURE.format("EntryOn")),
        ("ExitOn", "date_in_future", _FUTURE.format("ExitOn")),
        ("EntryOn", "entry_missing", 't."EntryOn" IS NULL'),
        (
            "StatusDecidedBy",
            "status_without_decider",
            "t.\"TraffickingStatus\" IN ('possible', 'actual') AND t.\"StatusDecidedBy\" IS NULL",
        ),
    ),
)
"""An agency's own spreadsheet, once it is read: a row is a client and, with an entry date, an enrollment."""


# --- a piece ----------------------------------------------------------------------------------------------


def copy_rows(
    layout: Layout, header: Sequence[str], rows: Iterable[tuple[int, bool, Sequence[str], list[str]]]
) -> int:
    """COPY a piece into the temporary table `staged`: (row, whether its key stood before, what its reader
    says of it as "column:code", cells by header); how many.

    `header` holds the layout's names, "" where a column has none of them. Cells are stripped; blank is NULL.
    """
    places = {name: at for at, name in reversed(list(enumerate(header))) if name}
    wanted = [places.get(name) for name in layout.names()]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    count = 0
    for number, again, said, cells in rows:
        given = ("" if at is None else cells[at].strip() for at in wanted)
        writer.writerow([number, int(again), ";".join(said), *given])
        count += 1
    buffer.seek(0)
    columns = ", ".join(f"c{at} text" for at in range(len(wanted)))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.staged, pg_temp.judged, pg_temp.wanted")
        cursor.execute(f"CREATE TEMP TABLE staged (row int, again int, said text, {columns}) ON COMMIT DROP")
        with connection.wrap_database_errors:  # past Django's cursor, so not done for us
            cursor.cursor.copy_expert("COPY pg_temp.staged FROM STDIN (FORMAT csv)", buffer)
    return count


def judge(layout: Layout, header: Sequence[str], *, agency_id: int) -> None:
    """Make `judged` of `staged`: typed columns and, for each row,

    client_id, stay_id, stay_client, stay_project, entry_on, exit_on, project_id: what it points at;
    problems: "column:code" of cells left blank and of rules broken; refusals: the same, and the row is not
    taken; taken; deleted: the file says that the row is gone; kept_id and state: new, changed or unchanged
    against the row kept of it; row_json and digest.
    """
    present = set(header)
    inner, outer, problems, kept, compared = [], [], [], [], []
    for at, column in enumerate(layout.columns):
        name = column.name
        if name in present:
            inner.append(f"c{at}, {column.typed(f'c{at}')} AS t{at}")
            outer.append(f't{at} AS "{name}"')
            says = f"WHEN c{at} IS NOT NULL AND t{at} IS NULL THEN '{name}:{column.wrong}'"
            if column.is_required:
                says += f" WHEN c{at} IS NULL THEN '{name}:required_missing'"
            problems.append(f"CASE {says} END")
        else:
            outer.append(f'NULL::{column.type} AS "{name}"')
        if not column.is_kept:
            kept.append(name)
        elif not column.counts_as_change:
            compared.append(name)
    deleted = 'cells."DateDeleted" IS NOT NULL' if "DateDeleted" in layout.names() else "false"
    musts = " AND ".join(f'cells."{name}" IS NOT NULL' for name in (layout.key, *layout.must))
    refusals = [f"CASE WHEN cells.again = 1 THEN '{layout.key}:duplicate_id' END"]
    joins = [
        "LEFT JOIN referrals_importedrow known ON known.agency_id = %(agency)s AND known.file = %(file)s "
        f'AND known.source_key = t."{layout.key}"'
    ]
    points = ["NULL::uuid AS project_id"]
    client, stay = "NULL::uuid AS client_id", "NULL::uuid AS stay_id"
    if layout.person:
        joins.append(
            "LEFT JOIN referrals_client client ON client.agency_id = %(agency)s AND client.source_key <> '' "
            'AND client.source_key = t."PersonalID"'
        )
        client = "client.id AS client_id"
        if layout.person == "must":
            refusals.append(
                "CASE WHEN cells.client_id IS NULL AND NOT cells.deleted THEN 'PersonalID:person_missing' END"
            )
        elif layout.person == "may":
            refusals.append(
                'CASE WHEN cells.client_id IS NULL AND NOT cells.deleted AND (cells."PersonalID" IS NOT NULL '
                "OR 'PersonalID:id_not_replaced' = ANY (cells.problems)) THEN 'PersonalID:person_missing' END"
            )
    if layout.stay:
        joins.append(
            "LEFT JOIN referrals_enrollment stay ON stay.agency_id = %(agency)s AND stay.source_key <> '' "
            'AND stay.source_key = t."EnrollmentID"'
        )
        stay = (
            "stay.id AS stay_id, stay.client_id AS stay_client, stay.project_id AS stay_project, "
            "stay.entry_on, stay.exit_on, stay.age_band_at_entry"
        )
        if layout.stay == "must":
            refusals.append(
                "CASE WHEN cells.stay_id IS NULL AND NOT cells.deleted "
                "THEN 'EnrollmentID:enrollment_missing' END"
            )
        if layout.stay != "self":
            refusals.append(
                "CASE WHEN cells.stay_client <> cells.client_id THEN 'PersonalID:person_mismatch' END"
            )
    if layout.project:
        joins.append(
            "LEFT JOIN agencies_project project ON project.agency_id = %(agency)s "
            "AND project.source_key <> '' "
            'AND project.source_key = t."ProjectID"'
        )
        points = ["project.id AS project_id"]
        refusals.append("CASE WHEN cells.project_id IS NULL THEN 'ProjectID:project_missing' END")
    rules = [f"CASE WHEN {condition} THEN '{name}:{code}' END" for name, code, condition in layout.rules]
    if layout.stay == "may":
        rules.append(
            'CASE WHEN t."EnrollmentID" IS NOT NULL AND stay.id IS NULL '
            "THEN 'EnrollmentID:enrollment_missing' END"
        )
    json = "to_jsonb(t) - ARRAY['row', 'again', 'problems'"
    json += "".join(f", '{name}'" for name in kept) + "]::text[]"
    digest = "digest_json" + (f" - ARRAY[{_quoted(compared)}]" if compared else "")
    sql = f"""
        CREATE TEMP TABLE judged ON COMMIT DROP AS
        SELECT cells.*,
               {musts} AND cardinality(cells.refusals) = 0 AS taken,
               CASE WHEN cells.kept_id IS NULL THEN 'new'
                    WHEN cells.kept_digest = cells.digest THEN 'unchanged' ELSE 'changed' END AS state
        FROM (
            SELECT cells.*, array_remove(ARRAY[{", ".join(refusals)}]::text[], NULL) AS refusals,
                   sha256(convert_to('{MAPPING_VERSION}|' || cells.deleted || ({digest})::text, 'UTF8'))
                       AS digest
            FROM (
                SELECT cells.*, cells.row_json AS digest_json, {deleted} AS deleted
                FROM (
                    SELECT t.row, t.again, {", ".join(f't."{name}"' for name in layout.names())},
                           t.problems || array_remove(ARRAY[{", ".join(rules)}]::text[], NULL) AS problems,
                           jsonb_strip_nulls({json}) AS row_json,
                           known.id AS kept_id, known.digest AS kept_digest,
                           {client}, {stay}, {", ".join(points)}
                    FROM (
                        SELECT row, again, {", ".join(outer)},
                               COALESCE(string_to_array(said, ';'), ARRAY[]::text[])
                                   || array_remove(ARRAY[{", ".join(problems)}]::text[], NULL) AS problems
                        FROM (SELECT row, again, said, {", ".join(inner)} FROM staged OFFSET 0) raw OFFSET 0
                    ) t
                    {" ".join(joins)}
                ) cells
            ) cells
        ) cells
    """
    with connection.cursor() as cursor:
        # A piece meets tables that grow while it is planned: what the planner knows of them may be that they
        # are empty, and it would go through all rows for each row. Until the end of the piece.
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute("ANALYZE pg_temp.staged (row)")  # how many is all that matters
        cursor.execute(
            sql.replace("%", "%%").replace("%%(", "%("), {"agency": agency_id, "file": layout.file}
        )
        cursor.execute("ANALYZE pg_temp.judged (row, taken, state, deleted, client_id, stay_id)")
