"""What a table counted, and its certificate, sealed under the hub office's keys and opened again.

What the two are for stands in publishing.py and asking.py; no page reads the counts.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agencies import vault
from agencies.models import Agency
from reporting.measures import Period
from reporting.models import LiveFigure, Proposal, Release, SealedCounts
from reporting.sdc.ledger import Said, reaches_back_to
from reporting.sdc.steps import Step

COUNTS, CERTIFICATE = "sealedcounts.counts_sealed", "sealedcounts.certificate_sealed"
LIVE = "livefigure.counts_sealed"


class LedgerIncomplete(Exception):
    """What releases counted can't be read, so nothing can be protected beside them. `labels` of these."""

    def __init__(self, labels: Iterable[str]) -> None:
        self.labels = tuple(labels)
        super().__init__(f"the counts of {', '.join(self.labels)} are not there or do not open")


@dataclass(frozen=True, slots=True)
class Counts:
    """What a table counted and said, the people taken off by links, and the seed it was made with."""

    said: Said = field(repr=False)
    merged: Any = field(repr=False)
    seed: bytes = field(repr=False)


def seal(counts: Counts, certificate: dict[str, Any], *, hub: Agency, of: Release | Proposal) -> SealedCounts:
    """Keep both for a release or a proposal, in the caller's transaction."""
    where = {"release": of} if isinstance(of, Release) else {"proposal": of}
    body = {"said": counts.said.to_data(), "merged": counts.merged, "seed": counts.seed.hex()}
    return SealedCounts.objects.create(
        hub=hub,
        counts_sealed=_shut(body, hub.pk, COUNTS, of),
        certificate_sealed=_shut(certificate, hub.pk, CERTIFICATE, of),
        **where,
    )


def counts_of(table: Release | Proposal) -> Counts:
    """Raises LedgerIncomplete where they are missing, do not open, or are of another table."""
    try:
        row = table.sealed_counts
        data = _open(row.counts_sealed, row.hub_id, COUNTS, table)
        said = Said.from_data(data["said"])
    except (SealedCounts.DoesNotExist, vault.VaultError, KeyError, TypeError, ValueError) as error:
        raise LedgerIncomplete([table.label]) from error
    if said.release != table.label:
        raise LedgerIncomplete([table.label])
    return Counts(said=said, merged=data["merged"], seed=bytes.fromhex(data["seed"]))


def certificate_of(table: Release | Proposal) -> dict[str, Any]:
    """For the output checker alone. Raises LedgerIncomplete."""
    try:
        row = table.sealed_counts
        return _open(row.certificate_sealed, row.hub_id, CERTIFICATE, table)
    except (SealedCounts.DoesNotExist, vault.VaultError) as error:
        raise LedgerIncomplete([table.label]) from error


def seal_live(said: Said, step: Step, *, of: LiveFigure) -> bytes:
    """What a live step said, and what the next one goes on from."""
    return _shut({"said": said.to_data(), "step": step.to_data()}, of.hub_id, LIVE, of)


def live_of(row: LiveFigure) -> tuple[Said, Step]:
    """Raises LedgerIncomplete."""
    try:
        data = _open(row.counts_sealed, row.hub_id, LIVE, row)
        return Said.from_data(data["said"]), Step.from_data(data["step"])
    except (vault.VaultError, KeyError, TypeError, ValueError) as error:
        raise LedgerIncomplete([row.label]) from error


def said_before(period: Period) -> list[Said]:
    """What every release and live step said that can hang together with a table of this period, oldest first.

    Also what does not lie in the period itself: a year holds two months together. Which of them do is
    `sdc.ledger.connected`. Raises LedgerIncomplete with all that are in the way.
    """
    found, missing = [], []
    for one in _around(period):
        try:
            found.append(live_of(one)[0] if isinstance(one, LiveFigure) else counts_of(one).said)
        except LedgerIncomplete:
            missing.append(one.label)
    if missing:
        raise LedgerIncomplete(missing)
    return found


def _around(period: Period) -> list[Release | LiveFigure]:
    """The releases and live steps that may hang together with a table of this period, oldest first."""
    since = reaches_back_to(period.start)
    near = Release.objects.filter(period_end__gt=since).defer("table").select_related("sealed_counts")
    steps = LiveFigure.objects.filter(period_end__gt=since).defer("table")
    return sorted([*near, *steps], key=lambda one: (one.made_at, str(one.pk)))


def _shut(data: Any, agency: int, place: str, of: Release | Proposal | LiveFigure) -> bytes:
    packed = zlib.compress(json.dumps(data, separators=(",", ":")).encode())
    return vault.seal(packed, agency=agency, place=place, row=of.pk)


def _open(
    box: bytes | memoryview, agency: int, place: str, of: Release | Proposal | LiveFigure
) -> dict[str, Any]:
    return dict(json.loads(zlib.decompress(vault.unseal_bytes(box, agency=agency, place=place, row=of.pk))))
