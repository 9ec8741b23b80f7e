"""The casework's jobs, by name. What they do stands in `exchange`; how jobs live stands in `agencies.jobs`."""

from typing import Any

from agencies import jobs
from agencies.roles import Permission
from referrals.exchange import inbox
from referrals.exchange.bundle import Bundle
from referrals.exchange.intake import Intake


@jobs.job("import_bundle")
def import_bundle(run: jobs.Run) -> dict[str, Any]:
    """Take a bundle of the inbox in. Arguments: `file` (its name there), `dry_run`, `confirmed`."""
    run.actor.require(Permission.DATA_IMPORT)
    name = str(run.arguments["file"])
    try:
        with Bundle(inbox.path_of(name)) as bundle:
            intake = Intake(bundle, run, digest=inbox.digest_of(name))
            if run.arguments.get("dry_run"):
                result = intake.try_out()
            else:
                result = intake.take(confirmed=bool(run.arguments.get("confirmed")))
    except (jobs.Pause, jobs.Lost):
        raise  # the file is wanted again
    except Exception:
        inbox.forget(name)
        raise
    inbox.forget(name)
    return result
