"""One agency's bundle, as big as wanted, for measurements and drills. All invented."""

import csv
import io
import zipfile
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from casehub.synthetic import world, write_hmis
from referrals.agency_side.bundle import make_bundle
from referrals.agency_side.schema import FILES, Handling, Level

KEY = bytes(range(32))
REPORT = (date(2025, 1, 1), date(2025, 12, 31))
_ABOUT_CLIENTS = (Level.CLIENT, Level.ENROLLMENT, Level.CASEHUB)
_SHARED = {"ProjectID", "UserID", "ExportID", "OrganizationID"}


@dataclass(frozen=True, slots=True)
class BigBundle:
    """A bundle and how many rows the tool let into it, by file and in all."""

    path: Path
    rows: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@cache
def big_bundle(folder: Path, *, rows: int = 0, clients: int = 0) -> BigBundle:
    """A bundle of at least so many rows or clients: one agency's year, again and again under new ids."""
    invented = world("medium")
    agency = max(invented.agencies, key=lambda one: sum(1 for _ in invented.records(one)))
    written = write_hmis(invented, agency, folder)
    times = max(-(-rows // sum(written.rows.values())), -(-clients // written.clients), 1)
    export = folder / f"{agency.slug}-{times}-times.zip"
    _repeat(written.path, export, times)
    made = make_bundle(
        export,
        folder / f"{agency.slug}-{times}-times.bundle.zip",
        organization_id=agency.organization_id,
        key=lambda _organization: KEY,
        report=REPORT,
    )
    return BigBundle(made.path, {name: counts.rows_out for name, counts in made.files.items()})


def _repeat(source: Path, target: Path, times: int) -> None:
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for member in old.namelist():
            name = member.removesuffix(".csv")
            if name not in FILES or FILES[name].level not in _ABOUT_CLIENTS:
                new.writestr(member, old.read(member))
                continue
            with io.TextIOWrapper(old.open(member), encoding="utf-8-sig", newline="") as text:
                header, *rows = csv.reader(text)
            own = {
                at
                for at, column in enumerate(header)
                if column not in _SHARED
                and any(c.name == column and c.handling is Handling.ID for c in FILES[name].columns)
            }
            with io.TextIOWrapper(new.open(member, "w"), encoding="utf-8", newline="") as out:
                writer = csv.writer(out)
                writer.writerow(header)
                for time in range(times):
                    for row in rows:
                        writer.writerow(
                            [
                                f"{cell}x{time}" if at in own and cell and time else cell
                                for at, cell in enumerate(row)
                            ]
                        )
