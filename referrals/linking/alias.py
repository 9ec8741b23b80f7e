"""What stands for a person outside: another name for each recipient, so that no two can compare theirs."""

from uuid import UUID

from agencies import vault


def alias(person: UUID, recipient: int) -> str:
    """The person's name for this agency: 32 hex digits under its own key, always the same.

    The id itself never leaves the hub. Raises VaultError when the recipient has no key.
    """
    return vault.token(str(person), agency=recipient, place="linkedperson.person")[:16].hex()
