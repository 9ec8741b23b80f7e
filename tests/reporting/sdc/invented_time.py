"""Invented counts over months, of places by services at a few agencies, and releases of any windows of them.

Contacts add up over months; people are counted once however often they came. All from a seeded generator.
"""

import itertools
from datetime import UTC, date, datetime, timedelta

import numpy as np

from reporting.sdc.ledger import Figure, FigureKey, Said

AGENCIES = ("Amber", "Birch", "Cedar", "Dune", "Elm")
UNIVERSE = "contacts"
FIRST = 2024


def month(number: int) -> date:
    """The first day of the month with this number; month 0 is the first."""
    return date(FIRST + number // 12, number % 12 + 1, 1)


class Contacts:
    """How many contacts there were of each place, service, month and agency; later ones can be entered."""

    def __init__(
        self, seed: int, *, places: int = 4, services: int = 2, months: int = 6, mean: float = 15.0
    ) -> None:
        self.rng = np.random.default_rng([17, seed])
        self.sides = places, services
        rate = np.einsum(
            "a,b,d->abd",
            self.rng.lognormal(0, 0.9, places),
            self.rng.lognormal(0, 0.6, services),
            self.rng.dirichlet(np.full(len(AGENCIES), 3.0)) * len(AGENCIES),
        )
        self.counts = self.rng.poisson(np.repeat(rate[:, :, None, :], months, axis=2) * mean / len(AGENCIES))

    @property
    def keys(self) -> list[tuple[int | None, int | None]]:
        places, services = self.sides
        return list(itertools.product([*range(places), None], [*range(services), None]))

    def by(self, at: tuple[int | None, int | None], start: int, end: int) -> dict[str, int]:
        place, service = (slice(None) if part is None else slice(part, part + 1) for part in at)
        found = self.counts[place, service, start:end].sum(axis=(0, 1, 2))
        return {name: int(n) for name, n in zip(AGENCIES, found, strict=True)}

    def count(self, at: tuple[int | None, int | None], start: int, end: int) -> int:
        return sum(self.by(at, start, end).values())

    def late(self, start: int, end: int, share: float, *, off: bool = False) -> None:
        """Here and there some were entered late; or were wrong, and are taken off."""
        for index in np.ndindex(self.counts.shape):
            if start <= index[2] < end and self.rng.random() < share:
                n = int(self.rng.integers(1, 4))
                self.counts[index] = max(0, self.counts[index] - n) if off else self.counts[index] + n

    def said(self, release: str, start: int, end: int, *, day: int) -> Said:
        """Everything counted for months [start, end), before anybody decided what is said of it."""
        keys = self.keys
        places, services = self.sides
        number = {at: place for place, at in enumerate(keys)}
        sums = [
            (number[place, None], tuple(number[place, service] for service in range(services)))
            for place in (*range(places), None)
        ]
        sums += [
            (number[None, service], tuple(number[place, service] for place in range(places)))
            for service in (*range(services), None)
        ]
        return Said(
            release=release,
            period=(month(start), month(end)),
            taken=datetime(FIRST, 1, 1, tzinfo=UTC) + timedelta(days=day),
            agencies=AGENCIES,
            figures=tuple(Figure(key(at), self.by(at, start, end)) for at in keys),
            sums=tuple(sums),
            adds_up=frozenset({UNIVERSE}),
        )


def key(at: tuple[int | None, int | None], universe: str = UNIVERSE) -> FigureKey:
    named = (("place", at[0]), ("service", at[1]))
    return universe, tuple((name, str(value)) for name, value in named if value is not None)
