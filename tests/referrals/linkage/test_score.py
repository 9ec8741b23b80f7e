"""What agreeing and differing keys imply, and that the model finds shares and frequencies that were put in."""

import numpy as np
import pytest

from bench.crowd import crowd
from referrals.linkage import join, score
from referrals.linkage.keys import DOB_STATES, FIELDS, KEYS, NAME_STATES, STATES, Person
from referrals.linkage.tokens import local, tokens

KEYED = local(b"a secret of the test only")


def mask(*keys: str) -> int:
    return sum(1 << join.ORDER.index(key) for key in keys)


def left(agree: int, both: int, field: str) -> set[object]:
    patterns = score.Patterns(
        np.array([agree], dtype=np.uint64), np.array([both], dtype=np.uint64), np.array([1])
    )
    states = score.open_states(join.ORDER, patterns)[0][FIELDS.index(field)]
    return {state for state, flag in zip(STATES[field], states, strict=False) if flag}


def test_an_agreeing_key_leaves_the_states_in_which_it_agrees():
    both = mask("F.D", "D.S")
    assert left(mask("D.S"), both, "dob") == {"YMD"}
    assert left(mask("D.S"), both, "ssn4") == {True}
    assert left(mask("N.Y"), mask("N.Y"), "dob") == {"YMD", "YM", "YD", "Y"}


def test_a_differing_key_tells_only_where_all_else_in_it_agrees():
    """First name and date agree, so a differing last name + date says that the last names differ. A differing
    date + ZIP says the same of the ZIP; but of two unknown fields it says nothing about either."""
    both = mask("F.D", "L.D", "D.Z", "L.S")
    names = left(mask("F.D"), both, "names")
    assert names == {s for s in NAME_STATES if not s[0] and s[1] == 0 and s[2] > 0}
    assert left(mask("F.D"), both, "zip") == {False}
    assert left(mask("F.D"), both, "ssn4") == {True, False}


def test_what_one_of_them_has_not_is_untested():
    assert left(mask("F.D"), mask("F.D"), "zip") == {True, False}
    assert left(mask("F.D"), mask("F.D", "D.Z"), "zip") == {False}


def test_swapped_names_agree():
    names = left(mask("N.Y", "W3.D"), mask("N.Y", "W3.D", "F.D", "L.D"), "names")
    assert names == {(True, 0, 0)}


@pytest.mark.parametrize("table", [score.one_person(), score.strangers(), *(t for _, t in score.kin())])
def test_a_table_of_states_is_a_distribution_in_each_field(table):
    assert np.allclose(table.sum(axis=1), 1)
    assert (table >= 0).all()


def linked(people: list[Person]) -> tuple[join.Pairs, score.Model]:
    pairs = join.pairs(join.Held.of([tokens(person, KEYED, epoch=1) for person in people]))
    model = score.fit(
        join.ORDER,
        pairs.patterns,
        records=len(people),
        comparable=pairs.comparable,
        exposed=pairs.exposed,
    )
    return pairs, model


@pytest.fixture(scope="module")
def scored():
    rows = list(crowd(12_000, seed=3))
    people = [Person.of(first=r.first, last=r.last, dob=r.dob, ssn4=r.ssn4, zip5=r.zip) for r in rows]
    pairs, model = linked(people)
    truth = np.array([int(r.person[1:]) for r in rows])
    return pairs, model, truth[pairs.a] == truth[pairs.b]


def test_a_posterior_is_as_often_right_as_it_says(scored):
    pairs, model, right = scored
    posterior = model.posteriors(pairs.patterns)[pairs.pattern]
    sure = posterior >= score.LINK
    assert right[sure].mean() > 0.99
    assert right[posterior < score.REVIEW].mean() < 0.08
    assert abs(posterior[~sure].sum() - right[~sure].sum()) < 0.35 * right[~sure].sum()


def test_the_share_and_m_are_found_in_the_data(scored):
    pairs, model, right = scored
    assert model.share * pairs.comparable == pytest.approx(right.sum(), rel=0.1)
    dob = dict(zip(DOB_STATES, model.m[FIELDS.index("dob")], strict=False))
    assert dob["YMD"] > 0.9
    ssn4 = model.m[FIELDS.index("ssn4")][0]
    assert 0.93 < ssn4 < 0.99  # two records, each with one wrong in fifty


def test_more_agreement_is_never_less_likely(scored):
    _, model, _ = scored

    def p(*keys: str, every: int = mask(*KEYS)) -> float:
        one = score.Patterns(
            np.array([mask(*keys)], dtype=np.uint64), np.array([every], dtype=np.uint64), np.array([1])
        )
        return float(model.posteriors(one)[0])

    names_and_date = ("F.D", "L.D", "W3.D", "N1.D", "N3.Y", "N.Y")
    no_number = mask(*(key for key in KEYS if "S" not in key))
    chain = [("D.Z",), ("L.D", "W3.D", "D.Z"), names_and_date]
    found = [p(*keys, every=no_number) for keys in chain]
    assert found == sorted(found)
    assert p(*names_and_date, "D.S", "F.S", "L.S", "N1.S", "W3.S") > 0.999


def test_twins_are_not_linked_by_what_twins_share(scored):
    """Last name, date and ZIP agree, the first name and SSN4 differ."""
    _, model, _ = scored
    twins = score.Patterns(
        np.array([mask("L.D", "W3.D", "D.Z")], dtype=np.uint64),
        np.array([mask(*KEYS)], dtype=np.uint64),
        np.array([1]),
    )
    assert model.posteriors(twins)[0] < score.LINK
    # Sabotage: without the class of twins they would be.
    without = score.replace(model, kin=(0.0, 0.0))
    assert without.posteriors(twins)[0] > model.posteriors(twins)[0] + 0.2


def test_fitting_nothing_and_little_ends_without_a_warning():
    nothing = score.Patterns(*(np.array([], dtype=kind) for kind in (np.uint64, np.uint64, np.int64)))
    model = score.fit(join.ORDER, nothing, records=0, comparable=0)
    assert model.posteriors(nothing).shape == (0,)
    pairs, model = linked([Person.of(first="Ann", last="Lee", dob="19900315")] * 2)
    assert len(pairs.a) == 1
    assert 0 <= model.posteriors(pairs.patterns)[0] <= 1
