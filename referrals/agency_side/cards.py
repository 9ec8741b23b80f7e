"""Cards in bulk: whom an export or a sheet tells of, sealed for upload before anything is written. What else
the hub gets is made in `bundle.py`; nothing here goes into a bundle.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import Refused
from .bundle import write_whole
from .identities import Card, Identities, of_export, of_sheet
from .vaultbox import Shut, Vault, from_text, to_text

FORMAT = "casehub-cards/1"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a run did: cards written, and what was left out by reason."""

    cards: int
    left_out: Counter[str]


def seal_export(
    source: Path, out: Path, vault: Vault, *, organization_id: str | None, key: Callable[[str], bytes]
) -> Sealed:
    """Seal the cards of one organization's clients in an HMIS CSV export. Raises Refused."""
    return _write(out, vault, of_export(source, organization_id=organization_id, key=key))


def seal_sheet(source: Path, out: Path, vault: Vault, *, code_column: str) -> Sealed:
    """Seal the cards of a CSV file with a column of the agency's own codes. Raises Refused."""
    return _write(out, vault, of_sheet(source, code_column=code_column))


def _write(out: Path, vault: Vault, found: Identities) -> Sealed:
    cards = found.cards
    if not cards:
        raise Refused("There is no card to seal: no row names anybody.")

    def write(file: io.BufferedWriter) -> None:
        first = {"format": FORMAT, "agency": vault.agency, "version": vault.version, "cards": len(cards)}
        file.write(json.dumps(first).encode() + b"\n")
        # In the order of the keys: the input's may be the same as another organization's.
        for key in sorted(cards):
            box = vault.seal("bulk_card", {"source": key}, cards[key])
            named = {"source": "", "code": key} if found.is_coded else {"source": key, "code": ""}
            file.write(json.dumps({**named, "box": to_text(box)}, ensure_ascii=False).encode() + b"\n")

    write_whole(out, write)
    return Sealed(len(cards), found.left_out)


def read_sealed(path: Path, vault: Vault) -> list[tuple[str, str, Card]]:
    """A sealed bulk file's cards: (source key, code, card). A box is bound to the source key or, where
    there is none, to the code. Raises Shut for a file that is cut off, changed, or another agency's."""
    try:
        lines = [json.loads(line) for line in path.read_bytes().decode().splitlines()]
        first, rest = lines[0], lines[1:]
        if first["format"] != FORMAT or len(rest) != first["cards"]:
            raise ValueError
        if first["agency"] != vault.agency:
            raise Shut("These cards are another agency's.")
        return [
            (
                one["source"],
                one["code"],
                vault.open("bulk_card", {"source": one["source"] or one["code"]}, from_text(one["box"])),
            )
            for one in rest
        ]
    except (ValueError, KeyError, IndexError, TypeError):
        raise Shut("The file of sealed cards is cut off or damaged.") from None
