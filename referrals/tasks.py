"""The casework's jobs by name. What they do stands in `exchange`; how jobs live stands in `agencies.jobs`."""

from typing import Any

from agencies import jobs
from agencies.roles import Permission
from referrals.exchange import inbox
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


def _take(intake: Intake, run: jobs.Run) -> dict[str, Any]:
    if run.arguments.get("dry_run"):
        return intake.try_out()
    return intake.take(confirmed=bool(run.arguments.get("confirmed")))
