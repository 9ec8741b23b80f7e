"""The truth of the demo's worlds lies in both ranges, whatever the seed: names as the agencies' desks spelled
them, tokens under a local key, the real linker and disclosure control. No database, no key holder.
"""

from datetime import date
from random import Random

import pytest

from casehub import demoreleases
from casehub.synthetic import hmis_files, world, year_truth
from referrals.agency_side import identities
from referrals.agency_side.person import person_of
from referrals.linkage import cluster, score
from referrals.linkage.evaluate import link
from reporting.sdc import Links, Pair, Range, linked_range, people_range


def card(made, spec, record) -> dict:
    """What the agency-side tool reads of the agency's own export."""
    draw = Random(f"{made.seed}/record/{record.personal_id}/{spec.slug}")
    cells = hmis_files._identity(draw, made.person(record.person), False)
    columns = identities._HMIS
    said = {part: str(cells.get(column, "")) for part, column in columns.items()}
    return identities._card(lambda part: said.get(part, ""), date.today(), identities.Counter())


def ranges(seed: int, tmp_path) -> tuple[Range, Range, int, float]:
    """Without links, with them, the truth, and the part of the records that signed."""
    made = world("small", seed, date(2025, 12, 31))
    (tmp_path / "keys").mkdir()
    counts, rows, signed = {}, [], 0
    for spec in made.agencies:
        counts[spec.slug] = made.size_of(spec)
        if spec.is_tribal:
            continue
        willing = {source for source, _draw in demoreleases._willing(spec, made, tmp_path)}
        hasher = demoreleases._hasher(spec, tmp_path)
        for record in made.records(spec):
            if hasher.hash("PersonalID", record.personal_id) in willing:
                signed += 1
                found = card(made, spec, record)
                if found:
                    rows.append((spec.slug, person_of(found)))
    linked = link([person for _slug, person in rows])
    pairs = [
        (a, b, p)
        for a, b, p in zip(linked.a.tolist(), linked.b.tolist(), linked.posterior.tolist(), strict=True)
        if rows[a][0] != rows[b][0] and p >= score.REVIEW
    ]
    groups = cluster.clusters([pair for pair in pairs if pair[2] >= score.LINK])
    links = Links(
        agency={at: slug for at, (slug, _person) in enumerate(rows)},
        person={record: number for number, group in enumerate(groups) for record in group},
        pairs=[Pair(a, b, p >= score.LINK) for a, b, p in pairs],
        compared=frozenset(range(len(rows))),
    )
    narrow = linked_range(counts, links, {})
    wide = people_range(counts)
    assert isinstance(wide, Range) and isinstance(narrow, Range)
    return wide, narrow, year_truth(made, 2025).people, signed / sum(counts.values())


@pytest.mark.parametrize("seed", [2025, *range(1, 10)])
def test_the_truth_lies_in_both(seed, tmp_path):
    wide, narrow, truth, share = ranges(seed, tmp_path)
    assert wide.low < narrow.low <= truth <= narrow.high < wide.high
    assert 0.5 < share < 0.66
