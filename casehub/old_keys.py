"""When an older version of an agency's vault key may be destroyed. Who may ask, and what is then destroyed,
stands in agencies/cardkeys.py."""

from agencies.cardkeys import version_in_force
from agencies.linknet import seals_holder_file
from agencies.models import VaultKey
from agencies.scope import current_actor
from agencies.scope.counting import counting
from referrals import disclosures


def still_opens(version: int) -> bool:
    """Whether anything stands under the version that only it opens: a card, what was handed to us, or the key
    holders' file."""
    return opens_a_card(version) or opens_a_disclosure(version) or seals_holder_file(version)


def cards_left() -> int:
    """How many cards stand under older versions of the key, those of clients closed to the asker too.

    A number only, the same for everybody: whoever renewed the key must know that colleagues have to finish.
    Raises NotAllowed for who may not count the agency's own rows.
    """
    with counting(current_actor(), network=False) as cursor:
        cursor.execute(
            "SELECT count(*) FROM referrals_contactcard WHERE key_version < %s", [version_in_force()]
        )
        return int(cursor.fetchone()[0])


def opens_a_disclosure(version: int) -> bool:
    """Whether something live was sealed to the hand-over key that stands under the version."""
    kept = VaultKey.objects.filter(agency_id=current_actor().agency_id, version=version)
    return any(disclosures.is_awaited(bytes(key.handover_public)) for key in kept)


def opens_a_card(version: int) -> bool:
    """Whether a card stands under the version, also one of a client closed to the person who asks.

    Their own eyes are not enough: a card whose key is destroyed under it could never be opened again. Raises
    NotAllowed for who may not count the agency's own rows.
    """
    with counting(current_actor(), network=False) as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM referrals_contactcard WHERE key_version = %s)", [version]
        )
        return bool(cursor.fetchone()[0])
