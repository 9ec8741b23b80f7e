"""What an agency says of a pair: one person, or not. Remembered, taken back by a row, settled at once."""

from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

from agencies import ledger
from agencies.roles import Permission
from agencies.scope import NotAllowed, current_actor
from agencies.scope.linking import linking
from referrals.linking import people, turns
from referrals.models import LinkDecision

Verdict = LinkDecision.Verdict

_PAIR = """
    SELECT client_id, agency_id, number, partners FROM referrals_linkrecord
    WHERE client_id IN (%s, %s) AND confirms ORDER BY client_id
"""
_STANDS = """
    SELECT said.id, said.verdict FROM referrals_linkdecision said
    WHERE said.a_client = %s AND said.b_client = %s AND said.undoes_id IS NULL
      AND NOT EXISTS (SELECT FROM referrals_linkdecision undone WHERE undone.undoes_id = said.id)
      AND (said.verdict = 'apart' OR (said.a_record, said.b_record) = (%s, %s))
"""
_SAY = """
    INSERT INTO referrals_linkdecision (id, a_client, b_client, a_agency_id, b_agency_id, a_record, b_record,
                                        verdict, by_agency_id, undoes_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def decide(a_client: UUID, b_client: UUID, verdict: str) -> UUID:
    """From now on the two are one person (`together`) or not (`apart`); the decision's id. Inside the door of
    one of their agencies.

    The same said again is the one decision. To keep two apart is always taken: links by hand that go against
    it hold no more (`people.agreed`), and nobody is told of them. Raises NotAllowed unless both releases
    allow asking and each names the other's agency; ValidationError where the opposite stands (undo it first)
    and for a link that can't be, as others are one person or kept apart already.
    """
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    said = uuid4()
    with linking(whole=True) as cursor:
        turns.wait(cursor)
        a, b = _pair(cursor, a_client, b_client, actor.agency_id)
        cursor.execute(_STANDS, [a[0], b[0], a[2], b[2]])
        standing = cursor.fetchone()
        if standing is not None:
            if standing[1] == Verdict(verdict):
                return UUID(str(standing[0]))
            raise ValidationError(_("The opposite was decided about these two before. Undo that first."))
        cursor.execute(
            _SAY,
            [said, a[0], b[0], a[1], b[1], a[2], b[2], str(Verdict(verdict)), actor.agency_id, None],
        )
        if verdict == Verdict.TOGETHER:
            _refuse_contradiction(cursor, a[2], b[2])
        people.settle(cursor, [a[2], b[2]], people.What.DECIDED)
    ledger.record(f"link.{Verdict(verdict)}", why=str(said))
    return said


def undo(decision: UUID) -> None:
    """Take a decision back, as if it had not been made: by the agency that made it.

    A link rests on the word of both, so either takes it back.
    Raises NotAllowed for any other decision; one that is taken back already stays so.
    """
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    with linking(whole=True) as cursor:
        turns.wait(cursor)
        cursor.execute(
            "SELECT a_client, b_client, a_agency_id, b_agency_id, a_record, b_record, verdict"
            " FROM referrals_linkdecision WHERE id = %s AND undoes_id IS NULL AND (by_agency_id = %s"
            " OR verdict = 'together' AND %s IN (a_agency_id, b_agency_id))",
            [decision, actor.agency_id, actor.agency_id],
        )
        row = cursor.fetchone()
        if row is None:
            raise NotAllowed
        cursor.execute("SELECT FROM referrals_linkdecision WHERE undoes_id = %s", [decision])
        if cursor.fetchone() is not None:
            return
        cursor.execute(_SAY, [uuid4(), *row, actor.agency_id, decision])
        cursor.execute(
            "SELECT number FROM referrals_linkrecord WHERE client_id = ANY(%s::uuid[])",
            [[str(row[0]), str(row[1])]],
        )
        people.settle(cursor, [number for (number,) in cursor.fetchall()], people.What.UNDONE)
    ledger.record("link.undone", why=str(decision))


Side = tuple[UUID, int, int]


def _pair(cursor: CursorWrapper, a_client: UUID, b_client: UUID, agency: int) -> tuple[Side, Side]:
    """The two that may be asked about, as (client, agency, record), in the order of their clients."""
    cursor.execute(_PAIR, [a_client, b_client])
    found = cursor.fetchall()
    if len(found) != 2:
        raise NotAllowed
    (_a, a_agency, _an, a_partners), (_b, b_agency, _bn, b_partners) = found
    if a_agency not in b_partners or b_agency not in a_partners or agency not in (a_agency, b_agency):
        raise NotAllowed
    a, b = (tuple(side[:3]) for side in found)
    return a, b


def _refuse_contradiction(cursor: CursorWrapper, a: int, b: int) -> None:
    members, links = people.read(cursor, [a, b])
    owner = {record: one.agency for record, one in members.items()}
    if (min(a, b), max(a, b)) not in people.agreed(links.together, links.apart, owner):
        raise ValidationError(_("This can't be: it goes against what was decided about others before."))
