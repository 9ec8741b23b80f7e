"""An agency's own spreadsheet between its upload and its job: sealed in the inbox, its columns remembered.

Such a file usually does say who people are, so it never lies on the hub's disk in plain text: it is sealed
under the agency's key while it waits, and gone afterwards.
"""

import base64
import secrets
import uuid

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from agencies import jobs, vault
from agencies.models import Job, Project
from agencies.roles import Permission
from agencies.scope import acting_as, current_actor
from referrals.exchange import inbox
from referrals.exchange.sheet import Caseload, Choice, Sheet
from referrals.models import Client, ColumnMapping

PLACE = "inbox.sheet"
PROJECT_KEY = "spreadsheet"


def receive(content: bytes) -> str:
    """Put an upload into the inbox, sealed, after a look that it is a spreadsheet at all; its name there.

    Raises Refused.
    """
    actor = current_actor()
    actor.require(Permission.DATA_IMPORT)
    Sheet(content)
    name = secrets.token_hex(16)
    box = vault.seal(
        base64.b64encode(content).decode(), agency=actor.agency_id, place=PLACE, row=uuid.UUID(name)
    )
    return inbox.put([box], kind="sheet", name=name)


def open_sheet(name: str, *, agency_id: int) -> Sheet:
    """The spreadsheet of that name. Raises Refused if it is not this agency's, or gone."""
    box = inbox.path_of(name).read_bytes()
    try:
        text = vault.unseal(box, agency=agency_id, place=PLACE, row=uuid.UUID(name[:32]))
    except vault.VaultError as error:
        raise jobs.Refused(_("There is no such file.")) from error
    return Sheet(base64.b64decode(text))


def remembered(sheet: Sheet) -> ColumnMapping | None:
    """What the agency said of a spreadsheet with the same headings before."""
    return ColumnMapping.objects.filter(header_digest=sheet.header_digest).first()


def start(name: str, sheet: Sheet, choice: Choice, *, project_id: str, is_dry_run: bool) -> Job:
    """Remember the choice and queue the import. Raises Refused if the choice can't be taken in."""
    actor = current_actor()
    actor.require(Permission.DATA_IMPORT)
    if wrong := choice.wrong_with(sheet.columns()):
        raise jobs.Refused(wrong[0])
    mapping, _made = ColumnMapping.objects.update_or_create(
        agency_id=actor.agency_id,
        header_digest=sheet.header_digest,
        defaults={
            "mapping": {
                "fields": {str(place): field for place, field in choice.fields.items() if field},
                "project": project_id,
            }
        },
    )
    return jobs.enqueue("import_sheet", file=name, mapping=str(mapping.pk), dry_run=is_dry_run)


def open_caseload(run: jobs.Run, name: str, mapping_id: str) -> tuple[Caseload, str]:
    """The spreadsheet with its remembered choice, and the project its enrollments go to."""
    agency_id = run.actor.agency_id
    with acting_as(run.actor):
        mapping = ColumnMapping.objects.get(pk=mapping_id).mapping
        project = Project.objects.filter(pk=mapping["project"]).first() if mapping["project"] else None
        project_id = str(project.pk if project else _own_project(agency_id).pk)
        tokens = Client.objects.exclude(code_token=None).values_list("code_token", flat=True)
        known = frozenset(bytes(token).hex() for token in tokens if token)
    choice = Choice({int(place): field for place, field in mapping["fields"].items()})
    sheet = open_sheet(name, agency_id=agency_id)
    return Caseload(sheet, choice, agency_id=agency_id, known=known), project_id


def _own_project(agency_id: int) -> Project:
    """The project of spreadsheets that name none."""
    try:
        with transaction.atomic():
            return Project.objects.get_or_create(
                agency_id=agency_id, source_key=PROJECT_KEY, defaults={"name": _("Caseload")}
            )[0]
    except IntegrityError:  # another job made it meanwhile
        return Project.objects.get(agency_id=agency_id, source_key=PROJECT_KEY)
