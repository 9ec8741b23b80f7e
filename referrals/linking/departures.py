"""What is over: records whose time or epoch has ended go with all that hangs on them; the rest is settled.

Nobody could read them since. Whoever withdrew is gone already; here those are settled with whom they hung
together.
"""

from django.db.backends.utils import CursorWrapper

from agencies import linknet
from agencies.models import LinkEpoch
from agencies.scope.linking import linking
from referrals.linking import people, turns

_UNSETTLED = """
    SELECT record_id FROM referrals_linkedperson
    WHERE ring IS NULL OR until <= statement_timestamp() LIMIT %s
"""
_AT_ONCE = 500


def sweep() -> int:
    """Delete what is over, and settle what it or anybody who withdrew has left; how many records went.

    Does nothing while another run of the engine is under way.
    """
    with linking(whole=True) as cursor:
        if not turns.is_ours(cursor):
            return 0
        turns.wait(cursor)
        gone = _delete(cursor)
    while _settle_some():
        pass
    return gone


def end_epoch(number: int) -> LinkEpoch:
    """Give an older epoch up, with every record that still stands on it. Inside the office's door.

    Raises as `linknet.end_epoch` does.
    """
    ended = linknet.end_epoch(number)
    with linking(whole=True) as cursor:
        turns.wait(cursor)
        _delete(cursor)
    return ended


def _delete(cursor: CursorWrapper) -> int:
    """The policy alone says which: the linking role can delete no other."""
    cursor.execute("DELETE FROM referrals_linkrecord")
    return int(cursor.rowcount)


def _settle_some() -> bool:
    with linking(whole=True) as cursor:
        if not turns.is_ours(cursor):
            return False
        turns.wait(cursor)
        cursor.execute(_UNSETTLED, [_AT_ONCE])
        left = [record for (record,) in cursor.fetchall()]
        people.settle(cursor, left, people.What.LEFT)
        return len(left) == _AT_ONCE
