"""The casework's jobs by name. What they do stands in `exchange`; how jobs live stands in `agencies.jobs`."""

import tempfile
from typing import Any

from agencies import jobs
from agencies.roles import Permission
from referrals.exchange import hmis_out, inbox
from referrals.exchange.bundle import Bundle
from referrals.exchange.caseload import open_caseload
from referrals.exchange.intake import Intake


@jobs.job("import_bundle")
def import_bundle(run: jobs.Run) -> dict[str, Any]:
    """Take a bundle of the inbox in. Arguments: `file` (its name there), `dry_run`, `confirmed`."""
    run.actor.require(Permission.DATA_IMPORT)
    name = str(run.arguments["file"])
    run.afterwards(lambda: inbox.forget(name))
    with Bundle(inbox.path_of(name)) as bundle:
        return _take(Intake(bundle, run, digest=inbox.digest_of(name)), run)


@jobs.job("import_sheet")
def import_sheet(run: jobs.Run) -> dict[str, Any]:
    """Take an agency's own spreadsheet of the inbox in. Arguments: `file`, `mapping` (the id of its
    ColumnMapping), `dry_run`, `confirmed`."""
    run.actor.require(Permission.DATA_IMPORT)
    name = str(run.arguments["file"])
    run.afterwards(lambda: inbox.forget(name))
    caseload, project_id = open_caseload(run, name, str(run.arguments["mapping"]))
    return _take(Intake(caseload, run, digest=inbox.digest_of(name), project_id=project_id), run)


@jobs.job("export_hmis")
def export_hmis(run: jobs.Run) -> dict[str, Any]:
    """Write the agency's records into a file of the inbox, to be fetched from there: `file` and `rows`."""
    run.actor.require(Permission.DATA_IMPORT)

    def write() -> dict[str, Any]:
        with tempfile.TemporaryFile() as file:
            rows = hmis_out.write(file)
            file.seek(0)
            return {
                "file": inbox.put(iter(lambda: file.read(2**20), b""), kind="export"),
                "files": rows,
                "rows": sum(rows.values()),
            }

    return run.chunk(0, write)


def _take(intake: Intake, run: jobs.Run) -> dict[str, Any]:
    if run.arguments.get("dry_run"):
        return intake.try_out()
    return intake.take(confirmed=bool(run.arguments.get("confirmed")))
