"""Invented cubes as releases, for tests of pages: protected for real, of counts that were never counted."""

from datetime import UTC, date, datetime
from itertools import combinations, product

from reporting.measures import ALL, Period
from reporting.models import Release
from reporting.sdc import Policy, ProtectedTable, Provenance, RawTable, Sum, protect

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
THREE_YEARS = Period(date(2023, 1, 1), date(2026, 1, 1))
COUNTIES = {"99001": 120, "99003": 60, "99005": 6}


def table_of(
    title: str,
    axes: dict[str, list[str]],
    atoms: dict[tuple[str, ...], int],
    views: list[tuple[str, ...]],
    period: Period = YEAR,
    agencies: int = 4,
) -> ProtectedTable:
    """Atoms, each shared out among the agencies, rolled up to the views and protected."""
    names = list(axes)
    whole = range(agencies)
    shared = {
        atom: {f"a{n}": count // agencies + (n < count % agencies) for n in whole}
        for atom, count in atoms.items()
    }
    counts: dict[tuple[str, ...], dict[str, int]] = {}
    places: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for view in views:
        held = [dict(zip(view, values, strict=True)) for values in product(*(axes[name] for name in view))]
        places[view] = [tuple(one.get(name, ALL) for name in names) for one in held]
        for at in places[view]:
            inside = [
                by_agency
                for atom, by_agency in shared.items()
                if all(wanted in (ALL, value) for wanted, value in zip(at, atom, strict=True))
            ]
            counts[at] = {f"a{n}": sum(one[f"a{n}"] for one in inside) for n in whole}
    relations = []
    for view in filter(None, views):
        for coarse in combinations(view, len(view) - 1):
            if coarse not in views:
                continue
            (gone,) = set(view) - set(coarse)
            number = names.index(gone)
            for at in places[coarse]:
                parts = [one for one in places[view] if (*one[:number], ALL, *one[number + 1 :]) == at]
                relations.append(Sum(at, tuple(parts)))
    return protect(
        RawTable(
            title=title,
            axes={name: [*values, ALL] for name, values in axes.items()},
            counts=counts,
            relations=relations,
            about=Provenance(
                source="Invented",
                period=(period.start, period.end),
                agencies_reporting=agencies,
                agencies_expected=agencies + 1,
                counted_as="Client records",
                does_not_show="Anything: it is invented",
                release_id="invented",
                generated_at=datetime(2026, 1, 12, 12, tzinfo=UTC),
            ),
        ),
        Policy(),
        seed=bytes(32),
    ).table


def released(measure: str, table: ProtectedTable, period: Period = YEAR, **facts) -> Release:
    """The table as a release of an older engine, which knew no second person."""
    return Release.objects.create(
        label=f"{measure}-{period.start:%Y-%m}-{period.end:%Y}",
        measure=measure,
        measure_version=1,
        period_start=period.start,
        period_end=period.end,
        table=table.to_data(),
        digest=table.digest(),
        as_of=datetime(2026, 1, 12, 12, tzinfo=UTC),
        **facts,
    )


def stages_by_place(period: Period = YEAR, times: int = 1) -> Release:
    """Alder and Birch can be shown, Cedar's few only over more years."""
    shares = {"identified": 20, "screened": 16, "in_service": 10, "exited": 5}
    atoms = {
        (stage, county): times * people * share // 20
        for stage, share in shares.items()
        for county, people in COUNTIES.items()
    }
    axes = {"stage": list(shares), "county": list(COUNTIES)}
    views: list[tuple[str, ...]] = [("stage",), ("stage", "county")]
    return released("stages_by_place", table_of("Where?", axes, atoms, views, period), period)


def flows() -> Release:
    origins, nexts = ["first_line", "health"], ["first_line", "health", "shelter_and_legal", "stayed"]
    atoms = {(a, b): 12 + 9 * i + 4 * j for i, a in enumerate(origins) for j, b in enumerate(nexts)}
    atoms["health", "first_line"] = 3
    axes = {"origin_family": origins, "next_family": nexts}
    views: list[tuple[str, ...]] = [("origin_family",), ("next_family",), ("origin_family", "next_family")]
    return released("flows", table_of("Moves", axes, atoms, views))


def one_axis(measure: str, axis: str, counts: dict[str, int], period: Period = YEAR) -> Release:
    views: list[tuple[str, ...]] = [(), (axis,)]
    atoms = {(value,): count for value, count in counts.items()}
    return released(measure, table_of(measure, {axis: list(counts)}, atoms, views, period), period)


def who() -> Release:
    ages = ["13_17", "18_24", "25_59"]
    kinds = ["sex", "labor", "both", "uncertain"]
    atoms = {(kind, age): 4 + 3 * j for i, kind in enumerate(kinds) for j, age in enumerate(ages)}
    views: list[tuple[str, ...]] = [
        (),
        ("trafficking_type",),
        ("age_band",),
        ("trafficking_type", "age_band"),
    ]
    axes = {"trafficking_type": kinds, "age_band": ages}
    return released("who", table_of("Who?", axes, atoms, views))
