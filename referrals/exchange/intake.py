"""Taking a file in, piece by piece, as a job: check, look whether it would change too much, take, say what
became of every row. Killed at any point, it goes on where it was; run again, it changes nothing.
"""

# ruff: noqa: S608 - the SQL is put together of our own names and lists; values are parameters.

import csv
import io
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

from django.db import connection, transaction
from django.utils import timezone

from agencies import ledger, vault
from agencies.jobs import Pause, Run
from agencies.models import Agency
from referrals.exchange import hmis_out, nouns
from referrals.exchange.bundle import plain
from referrals.exchange.staging import Layout, copy_rows, judge, layout_of
from referrals.models import Import, ImportedRow, RefusedRows

PIECE = 5_000
ABNORMAL_SHARE = 0.2
ABNORMAL_ROWS = 50

Row = tuple[int, list[str] | None]
Step = Callable[[int, Callable[[], dict[str, Any]]], dict[str, Any]]


class Source(Protocol):
    """A file that can be taken in: its own files in order, and their rows as often as they are asked for."""

    kind: str
    manifest: dict[str, Any]

    @property
    def files(self) -> list[str]: ...

    @property
    def is_full_refresh(self) -> bool: ...

    def header(self, name: str) -> list[str]: ...

    def rows(self, name: str) -> Iterator[Row]: ...

    def said(self, name: str, number: int) -> Sequence[str]:
        """What the reader itself found wrong with a row, as "column:code"."""

    def as_sent(self, name: str, number: int, cells: list[str]) -> list[str]:
        """The row as the sender knows it, to be handed back with its reasons."""

    def sent_header(self, name: str) -> list[str]:
        """The headings of `as_sent`."""

    def check(self) -> dict[str, int]: ...


class Intake:
    """One file on its way in, for the actor of `run`. `take` does all of it and returns the summary."""

    def __init__(self, source: Source, run: Run, *, digest: str, project_id: str | None = None) -> None:
        self.source = source
        self.run = run
        self.digest = digest
        self.project_id = project_id
        self.agency_id = run.actor.agency_id
        self.version = str(source.manifest.get("hmis_version", "2026"))
        self._repeats: tuple[str, frozenset[int]] = ("", frozenset())

    def take(self, *, confirmed: bool) -> dict[str, Any]:
        """Take everything in. Raises Pause where a person has to agree first, Refused for an unsafe file."""
        return self._all(self.run.chunk, confirmed=confirmed, is_dry_run=False)

    def try_out(self) -> dict[str, Any]:
        """The summary of `take`, with nothing written: one transaction that is rolled back."""

        def one() -> dict[str, Any]:
            point = transaction.savepoint()
            summary = self._all(lambda _number, work: work(), confirmed=True, is_dry_run=True)
            transaction.savepoint_rollback(point)
            return {**summary, "import": None}

        return self.run.chunk(0, one)

    # --- the way ------------------------------------------------------------------------------------------

    def _all(self, step: Step, *, confirmed: bool, is_dry_run: bool) -> dict[str, Any]:
        begun = time.monotonic()
        opened = step(0, lambda: self._open(is_dry_run=is_dry_run))
        # In the source's order: a chunk's result comes back from the database with its keys in another.
        rows: dict[str, int] = {name: opened["rows"][name] for name in self.source.files}
        number, done = 1, 0
        looked = [name for name in rows if opened["existing"].get(name)]
        total = sum(rows.values()) + sum(rows[name] for name in looked)
        changes: dict[str, Counter[str]] = {}
        for name in looked:
            for piece in self._pieces(name):
                done += len(piece)
                found = step(number, lambda name=name, piece=piece, done=done: self._look(  # type: ignore[misc]
                    name, piece, lambda: self.run.progress(done=done, total=total)))  # fmt: skip
                changes.setdefault(name, Counter()).update(found)
                number += 1
        why = self._abnormal(opened, changes)
        if why and not confirmed:
            raise Pause({"import": opened["import"], "pause": why})
        counts: dict[str, Counter[str]] = {name: Counter() for name in rows}
        problems: dict[str, Counter[str]] = {name: Counter() for name in rows}
        seconds: Counter[str] = Counter()
        for name in rows:
            for piece in self._pieces(name):
                done += len(piece)
                found = step(number, lambda name=name, piece=piece, done=done: self._take(  # type: ignore[misc]
                    name, piece, opened, lambda: self.run.progress(done=done, total=total)))  # fmt: skip
                counts[name].update(found["counts"])
                problems[name].update(found["problems"])
                seconds.update(found["seconds"])
                number += 1
            for problem in opened["header"].get(name, []):
                problems[name][problem.split(":")[-1]] += 1
            if self.source.is_full_refresh:
                matched = counts[name]["unchanged"] + counts[name]["changed"] + counts[name]["deleted"]
                counts[name]["vanished"] = max(opened["existing"].get(name, 0) - matched, 0)
        summary = {
            "import": opened["import"],
            "is_dry_run": is_dry_run,
            "files": {
                name: {**_zeros(), **counts[name], "problems": dict(sorted(problems[name].items()))}
                for name in rows
            },
            "rows": sum(rows.values()),
            "problems": dict(sorted(sum(problems.values(), Counter()).items())),
            "seconds": {key: round(value, 3) for key, value in seconds.items()},
        }
        if why:
            summary["would_pause" if is_dry_run else "confirmed"] = why
        step(number, lambda: self._close(summary, is_dry_run=is_dry_run))
        summary["seconds"]["all"] = round(time.monotonic() - begun, 3)
        return summary

    def _open(self, *, is_dry_run: bool) -> dict[str, Any]:
        rows = self.source.check()
        last = Import.objects.filter(kind="hmis_bundle", is_dry_run=False).exclude(finished_at=None).first()
        if self.source.kind != "hmis_bundle":
            last = None  # one spreadsheet says nothing about another
        record = Import.objects.create(
            agency_id=self.agency_id,
            job_id=self.run.job_id,
            user_id=self.run.actor.user_id,
            kind=self.source.kind,
            digest=self.digest,
            manifest=_what_is_kept(self.source.manifest),
            is_dry_run=is_dry_run,
        )
        existing = {name: self._existing(name) for name in rows}
        header: dict[str, list[str]] = {}
        for name in rows:
            layout = self._layout(name)
            known = {plain(column) for column in layout.names()}
            present = {plain(cell) for cell in self.source.header(name)}
            header[name] = [
                f"{column.name}:column_missing"
                for column in layout.columns
                if column.is_expected and plain(column.name) not in present
            ] + [":column_unknown"] * len(present - known)
            self._write_problems(record.pk, name, [(0, problem, True) for problem in header[name]])
        # After a long check the lease would end with this piece.
        self.run.progress(total=sum(rows.values()))
        return {
            "import": str(record.pk),
            "rows": rows,
            "existing": existing,
            "header": header,
            "last": {
                "fingerprint": last.manifest.get("key_fingerprint", ""),
                "rows": {name: counts["read"] for name, counts in last.counts.get("files", {}).items()},
            }
            if last
            else {},
        }

    def _existing(self, name: str) -> int:
        return ImportedRow.objects.filter(agency_id=self.agency_id, file=name, deleted_at=None).count()

    def _look(self, name: str, piece: list[Row], said: Callable[[], None]) -> dict[str, Any]:
        """How many rows that we know the piece would change; writes nothing."""
        self._stage(name, piece)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FILTER (WHERE state = 'changed' AND taken), "
                "count(*) FILTER (WHERE state <> 'new' AND taken) FROM judged"
            )
            changed, matched = cursor.fetchone()
        said()
        return {"changed": changed, "matched": matched}

    def _take(
        self, name: str, piece: list[Row], opened: dict[str, Any], said: Callable[[], None]
    ) -> dict[str, Any]:
        begun, read = time.monotonic(), len(piece)
        piece = self._not_our_own(name, piece)
        broken = [number for number, cells in piece if cells is None]
        self._stage(name, piece)
        staged = time.monotonic()
        source_id = uuid.UUID(opened["import"])
        self._write_problems(source_id, name, [(number, ":row_broken", False) for number in broken])
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FILTER (WHERE taken), "
                "count(*) FILTER (WHERE taken AND cardinality(problems) > 0), "
                "count(*) FILTER (WHERE NOT taken), "
                "count(*) FILTER (WHERE taken AND state = 'new' AND NOT deleted), "
                "count(*) FILTER (WHERE taken AND state = 'changed' AND NOT deleted), "
                "count(*) FILTER (WHERE taken AND state = 'unchanged'), "
                "count(*) FILTER (WHERE taken AND deleted AND state <> 'unchanged') FROM judged"
            )
            names = ("taken", "taken_in_part", "refused", "new", "changed", "unchanged", "deleted")
            counts = Counter(dict(zip(names, cursor.fetchone(), strict=True)))
            counts["read"] = read
            for known in ("taken", "unchanged"):
                counts[known] += read - len(piece)
            counts["refused"] += len(broken)
            cursor.execute(
                "SELECT split_part(said, ':', 2), count(*) "
                "FROM judged, unnest(problems || refusals) said GROUP BY 1"
            )
            problems = Counter(dict(cursor.fetchall()))
            problems["row_broken"] += len(broken)
            if problems:
                cursor.execute(
                    "INSERT INTO referrals_importproblem (id, agency_id, recorded_at, changed_at, source_id, "
                    'file, "row", "column", code, is_taken) '
                    "SELECT gen_random_uuid(), %(agency)s, now(), now(), "
                    "%(source)s, %(file)s, row, split_part(said, ':', 1), split_part(said, ':', 2), taken "
                    "FROM judged, unnest(problems || refusals) said",
                    {"agency": self.agency_id, "source": source_id, "file": name},
                )
        if counts["new"] or counts["changed"] or counts["deleted"]:
            taking = nouns.Taking(self.agency_id, self._sector(), self.version, self.project_id)
            make = nouns.NOUNS.get(name)
            if make is not None:
                make(taking)
            self._keep(name)
        if counts["refused"]:
            self._seal_refused(source_id, name, piece)
        said()
        ended = time.monotonic()
        return {
            "counts": dict(counts),
            "problems": {code: count for code, count in problems.items() if count},
            "seconds": {"staged": staged - begun, "taken": ended - staged},
        }

    def _keep(self, name: str) -> None:
        """Keep each new or changed row as it came, typed, so that nothing of the file is lost."""
        layout = self._layout(name)
        gone = "NULL::timestamptz"
        if "DateDeleted" in layout.names():
            gone = "CASE WHEN j.deleted THEN j.\"DateDeleted\" AT TIME ZONE 'UTC' END"
        client, join = "j.client_id", ""
        if layout.person:
            client = "COALESCE(j.client_id, c.id)"
            join = (
                "LEFT JOIN referrals_client c ON c.agency_id = %(agency)s AND c.source_key <> '' "
                'AND c.source_key = j."PersonalID"'
            )
        stay = "COALESCE(j.\"EnrollmentID\", '')" if layout.stay else "''"
        parameters: dict[str, Any] = {"agency": self.agency_id, "file": name}
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE referrals_importedrow n SET row = j.row_json, digest = j.digest, "
                f"deleted_at = {gone}, client_id = {client}, enrollment_key = {stay}, changed_at = now() "
                f"FROM judged j {join} WHERE j.taken AND j.state = 'changed' AND n.id = j.kept_id",
                parameters,
            )
            cursor.execute(
                "INSERT INTO referrals_importedrow (id, agency_id, recorded_at, changed_at, file, "
                "source_key, "
                f"client_id, enrollment_key, row, digest, deleted_at) "
                "SELECT gen_random_uuid(), %(agency)s, now(), "
                f'now(), %(file)s, j."{layout.key}", {client}, {stay}, j.row_json, j.digest, {gone} '
                f"FROM judged j {join} WHERE j.taken AND j.state = 'new' ON CONFLICT DO NOTHING",
                parameters,
            )

    def _seal_refused(self, source_id: uuid.UUID, name: str, piece: list[Row]) -> None:
        """Keep the rows that were not taken as they came, sealed: a refused cell may hold anything."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT row, problems || refusals FROM judged WHERE NOT taken")
            reasons = {row: " ".join(said) for row, said in cursor.fetchall()}
        text = io.StringIO()
        writer = csv.writer(text)
        rows = [(number, cells) for number, cells in piece if cells is not None and number in reasons]
        if not rows:
            return
        writer.writerow(["row", "why", *self.source.sent_header(name)])
        for number, cells in rows:
            writer.writerow([number, reasons[number], *self.source.as_sent(name, number, cells)])
        refused = RefusedRows(
            id=uuid.uuid4(),
            agency_id=self.agency_id,
            source_id=source_id,
            file=name,
            first_row=rows[0][0],
            rows=len(rows),
        )
        refused.body_sealed = vault.seal(
            text.getvalue(),
            agency=self.agency_id,
            place="refusedrows.body",
            row=refused.pk,
            subject=refused.pk,
        )
        refused.save(force_insert=True)

    def _close(self, summary: dict[str, Any], *, is_dry_run: bool) -> dict[str, Any]:
        taking = nouns.Taking(self.agency_id, self._sector(), self.version, self.project_id)
        nouns.drop_deleted_enrollments(taking)
        record = Import.objects.get(pk=summary["import"])
        record.counts = {"files": summary["files"], "problems": summary["problems"]}
        record.finished_at = timezone.now()
        record.save(update_fields=["counts", "finished_at", "changed_at"])
        ledger.record("import.finished", record, rows=summary["rows"])
        return {}

    # --- its parts ----------------------------------------------------------------------------------------

    def _layout(self, name: str) -> Layout:
        return layout_of(name, self.version)

    def _stage(self, name: str, piece: list[Row]) -> None:
        layout = self._layout(name)
        by_plain = {plain(column): column for column in layout.names()}
        header = [by_plain.get(plain(cell), "") for cell in self.source.header(name)]
        again = self._repeated(name, header, layout.key)
        said = self.source.said
        copy_rows(
            layout,
            header,
            ((at, at in again, said(name, at), cells) for at, cells in piece if cells is not None),
        )
        judge(layout, header, agency_id=self.agency_id)

    def _not_our_own(self, name: str, piece: list[Row]) -> list[Row]:
        """The piece without rows that this hub wrote out itself (`hmis_out`): they stand here already."""
        header = [plain(cell) for cell in self.source.header(name)]
        key = plain(self._layout(name).key)
        if self.source.kind != "hmis_bundle" or key not in header:
            return piece
        place = header.index(key)
        own = hmis_out.stand_here(name, (cells[place].strip() for _number, cells in piece if cells))
        return [one for one in piece if one[1] is None or one[1][place].strip() not in own]

    def _repeated(self, name: str, header: list[str], key: str) -> frozenset[int]:
        """The rows of the file whose key stood in an earlier row. Found once a file, about 60 bytes a row."""
        if self._repeats[0] != name:
            place = header.index(key) if key in header else None
            seen, again = set[int](), set[int]()
            for number, cells in self.source.rows(name) if place is not None else ():
                cell = cells[place].strip() if cells and place is not None else ""
                if not cell:
                    continue
                # The process's own hash: a clash, once in 2**64, would refuse a row and say so.
                value = hash(cell)
                if value in seen:
                    again.add(number)
                seen.add(value)
            self._repeats = (name, frozenset(again))
        return self._repeats[1]

    def _pieces(self, name: str) -> Iterator[list[Row]]:
        rows = self.source.rows(name)
        while piece := list(islice(rows, PIECE)):
            yield piece

    def _write_problems(self, source_id: uuid.UUID, name: str, problems: list[tuple[int, str, bool]]) -> None:
        if not problems:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO referrals_importproblem (id, agency_id, recorded_at, changed_at, source_id, "
                'file, "row", "column", code, is_taken) '
                "SELECT gen_random_uuid(), %s, now(), now(), %s, %s, found.row, "
                "split_part(found.said, ':', 1), split_part(found.said, ':', 2), found.taken "
                "FROM unnest(%s::int[], %s::text[], %s::boolean[]) AS found (row, said, taken)",
                [
                    self.agency_id,
                    source_id,
                    name,
                    [row for row, _said, _taken in problems],
                    [said for _row, said, _taken in problems],
                    [taken for _row, _said, taken in problems],
                ],
            )

    def _sector(self) -> str:
        return Agency.objects.only("sector").get(pk=self.agency_id).sector

    def _abnormal(self, opened: dict[str, Any], changes: dict[str, Counter[str]]) -> list[dict[str, Any]]:
        """Why a person should look before this goes on; empty where nothing is out of the ordinary."""
        why: list[dict[str, Any]] = []
        last = opened.get("last") or {}
        before = last.get("fingerprint")
        if before and before != self.source.manifest.get("key_fingerprint"):
            why.append({"code": "key_changed"})
        for name, existing in opened["existing"].items():
            rows = opened["rows"][name]
            changed = changes.get(name, Counter())["changed"]
            gone = (
                max(existing - changes.get(name, Counter())["matched"], 0)
                if self.source.is_full_refresh
                else 0
            )
            if changed + gone > ABNORMAL_ROWS and changed + gone > ABNORMAL_SHARE * existing:
                why.append({"code": "many_changes", "file": name, "existing": existing, "changed": changed,
                            "gone": gone})  # fmt: skip
            elif (last.get("rows") or {}).get(name, 0) > max(2 * rows, ABNORMAL_ROWS):
                why.append({"code": "few_rows", "file": name, "rows": rows, "before": last["rows"][name]})
        return why


def _zeros() -> dict[str, int]:
    names = ("read", "taken", "taken_in_part", "refused", "new", "changed", "unchanged", "deleted")
    return dict.fromkeys(names, 0)


_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _what_is_kept(manifest: dict[str, Any]) -> dict[str, Any]:
    """The parts of a manifest that can hold nothing but what they are for: it is as untrusted as a cell."""
    export = manifest.get("export") or {}
    period = manifest.get("report_period") or {}
    fingerprint = str(manifest.get("key_fingerprint", ""))
    return {
        "hmis_version": manifest.get("hmis_version")
        if manifest.get("hmis_version") in ("2024", "2026")
        else None,
        "export": {
            name: export.get(name) if _DAY.fullmatch(str(export.get(name))) else None
            for name in ("start", "end", "date")
        }
        | {"directive": export.get("directive") if export.get("directive") in ("full", "delta") else "other"},
        "report_period": {
            name: period.get(name) for name in ("start", "end") if _DAY.fullmatch(str(period.get(name)))
        },
        # What the agency tool itself found wrong with the export, by code.
        "tool_problems": {
            code: count
            for code, count in (manifest.get("problems") or {}).items()
            if re.fullmatch("[a-z_]{1,40}", str(code)) and type(count) is int
        },
        "key_fingerprint": fingerprint if re.fullmatch("[0-9a-f]{16}", fingerprint) else "",
    }
