"""The register of keys: what is too weak is refused, what is unknown makes no token, what is alike agrees."""

import hashlib
import json
import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.crowd import crowd
from casehub.synthetic.names import soundex
from referrals.linkage import keys
from referrals.linkage.frequencies import commonest
from referrals.linkage.keys import KEYS, Key, Person, TooWeak
from referrals.linkage.tokens import inputs, joined, local, tokens

VECTORS = Path(__file__).parents[2] / "linkage_vectors.json"
KEYED = local(b"a secret of the test only")


def values(key: str, **person: str) -> set[str]:
    return set(KEYS[key].values(Person.of(**person)))


def test_the_vectors_hold():
    vectors = json.loads(VECTORS.read_text("utf-8"))
    assert len(vectors["names"]) >= 2000
    for text, whole, *halves in vectors["names"]:
        assert keys.normalise.name(text) == keys.Name(whole, tuple(halves)), text
    for row in vectors["people"]:
        person = Person.of(**row["person"])
        assert [[key, text.hex()] for key, text in inputs(person, epoch=row["epoch"])] == row["inputs"]


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_every_key_has_the_entropy_it_must_have(key):
    assert key.bits >= keys.LEAST_BITS


@pytest.mark.parametrize(
    "views",
    [(keys.NAMES,), (keys.FIRST, keys.YEAR), (keys.LAST, keys.ZIP), (keys.INITIALS, keys.YEAR)],
    ids=["names alone", "first, year", "last, ZIP", "initials, year"],
)
def test_a_weak_key_is_refused(views):
    with pytest.raises(TooWeak, match=r"bits of min-entropy"):
        keys.register(Key("weak", views))
    assert "weak" not in KEYS


@pytest.mark.parametrize(
    "views",
    [(keys.DOB,), (keys.SSN4,), (keys.SSN4, keys.SSN4), (keys.DOB, keys.YEAR)],
    ids=["date of birth", "SSN4", "SSN4 twice", "date, year"],
)
def test_a_key_of_one_field_is_refused_whatever_its_bits(views):
    """Thirteen bits are a list of ten thousand: whoever holds the key tries them all."""
    key = Key("alone", views)
    assert key.bits >= keys.LEAST_BITS
    with pytest.raises(TooWeak, match="one field"):
        keys.register(key)
    assert "alone" not in KEYS


def test_an_id_is_taken_once():
    with pytest.raises(ValueError, match="already"):
        keys.register(Key("F.D", (keys.FIRST, keys.DOB)))


def test_the_entropy_of_names_is_that_of_the_commonest():
    assert pytest.approx(-math.log2(max(commonest("last").values()))) == keys.LAST.bits


PERSON = {"first": "Alder", "last": "Heath_Moor", "dob": "1990-03-15", "ssn4": "4321", "zip5": "90210"}


@pytest.mark.parametrize("missing", [{"dob": "19900101"}, {"dob": ""}, {"ssn4": "0000"}, {"zip5": "99999"}])
def test_a_sentinel_suppresses_its_keys_and_no_others(missing):
    full = {key for key, _ in inputs(Person.of(**PERSON), epoch=1)}
    less = {key for key, _ in inputs(Person.of(**PERSON | missing), epoch=1)}
    field, value = next(iter(missing.items()))
    letter = {"dob": "D", "ssn4": "S", "zip5": "Z"}[field]
    gone = {key for key in full if letter in key.split(".")}
    if field == "dob" and not value:
        gone |= {"N3.Y", "N.Y"}
    assert full == set(KEYS)
    assert full - less == gone


@pytest.mark.parametrize("nobody", ["Unknown", "Baby Girl", "", "Doe"])
def test_no_name_makes_no_key_with_names(nobody):
    person = Person.of(**PERSON | {"first": nobody, "last": nobody})
    assert {key for key, _ in inputs(person, epoch=1)} == {"D.S", "S.Z", "D.Z"}


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("F.D", {"first": "Bob"}, {"first": "Robert"}),
        ("F.D", {"first": "Bob"}, {"first": "Rob"}),
        ("F.D", {"first": "Mary Ann"}, {"first": "Mary"}),
        ("L.D", {"last": "García-López"}, {"last": "Lopez"}),
        ("L.D", {"last": "de la Cruz"}, {"last": "Cruz"}),
        ("L.D", {"last": "Garcia Lopez"}, {"last": "garcia-lopez"}),
        ("N.Y", {"first": "Ann", "last": "Lee"}, {"first": "Lee", "last": "Ann"}),
        ("W3.D", {"first": "Heathr", "last": "X"}, {"first": "Y", "last": "Heather"}),
        ("N1.D", {"first": "A", "last": "Lee"}, {"first": "Ann", "last": "Lane"}),
    ],
)
def test_ways_to_write_one_name_share_a_key(key, one, other):
    base = {"first": "Quill", "last": "Zed", "dob": "19900315"}
    assert values(key, **base | one) & values(key, **base | other)


def test_an_alias_adds_tokens_and_takes_none():
    plain = Person.of(first="Alder", last="Heath", dob="19900315")
    also = Person.of(first="Alder", last="Heath", dob="19900315", others=[("Rowan", "Moor")])
    assert set(inputs(plain, epoch=1)) < set(inputs(also, epoch=1))
    other = Person.of(first="Rowan", last="Moor", dob="19900315")
    assert {key for key, _ in set(inputs(other, epoch=1)) & set(inputs(also, epoch=1))} >= {
        "F.D",
        "L.D",
        "N.Y",
    }


def test_tokens_differ_by_key_version_epoch_and_secret():
    person = Person.of(**PERSON)
    assert len({text for _, text in inputs(person, epoch=1)}) == len(inputs(person, epoch=1))
    first = {token for _, token in tokens(person, KEYED, epoch=1)}
    assert all(len(token) == 16 for token in first)
    assert not first & {token for _, token in tokens(person, KEYED, epoch=2)}
    assert not first & {token for _, token in tokens(person, local(b"another secret of the test"), epoch=1)}


def test_a_keyed_function_that_answers_too_little_is_refused():
    with pytest.raises(ValueError, match="16 bytes"):
        tokens(Person.of(**PERSON), lambda texts: [b"x" * 16] * (len(texts) - 1), epoch=1)
    with pytest.raises(ValueError, match="16 bytes"):
        local(b"short")


@given(st.lists(st.binary(max_size=6)), st.lists(st.binary(max_size=6)))
def test_parts_are_joined_without_doubt(one, other):
    assert (joined(*one) == joined(*other)) == (one == other)


# Attacks: each is shown to bite on what HUD's CSV or a plain digest would tell.


def test_no_token_is_hud_s_digest_of_soundex():
    names = list(commonest("first"))[:800]
    hud = {hashlib.sha256(soundex(name).encode()).digest()[:16] for name in names}
    ours = {
        token
        for name in names
        for _, token in tokens(
            Person.of(first=name, last="Heath", dob="19900315", ssn4="4321"), KEYED, epoch=1
        )
    }
    assert not hud & ours
    assert hashlib.sha256(soundex("Rupert").encode()).digest()[:16] in hud, (
        "Robert is found, and Rupert with him"
    )
    robert, rupert = (
        {t for _, t in tokens(Person.of(first=n, last="Heath", dob="19900315"), KEYED, epoch=1)}
        - {t for _, t in tokens(Person.of(last="Heath", dob="19900315"), KEYED, epoch=1)}
        for n in ("Robert", "Rupert")
    )
    assert robert != rupert


def guesses(firsts, lasts, days):
    return (Person.of(first=f, last=n, dob=d) for f in firsts for n in lasts for d in days)


def test_a_dictionary_finds_everyone_behind_plain_digests_and_no_one_behind_keyed_tokens():
    plain = lambda texts: [hashlib.sha256(text).digest()[:16] for text in texts]  # noqa: E731
    firsts, lasts = list(commonest("first"))[:10], list(commonest("last"))[:10]
    days = [f"1990-03-{day:02}" for day in range(1, 11)]
    targets = list(guesses(firsts, lasts, days))
    assert len(targets) == 1000

    def found(keyed) -> int:
        # The thief has the table and the source, and makes the dictionary with what they know: no key.
        dictionary = {
            t for p in guesses(firsts, lasts, days) for k, t in tokens(p, plain, epoch=1) if k == "N.Y"
        }
        return sum(any(t in dictionary for k, t in tokens(p, keyed, epoch=1) if k == "N.Y") for p in targets)

    assert found(plain) == 1000
    assert found(KEYED) == 0


@pytest.fixture(scope="module")
def people() -> list[Person]:
    """100,000 people with the frequencies of names, years and ZIP codes of the public tables."""
    seen: dict[str, Person] = {}
    for row in crowd(170_000, seed=7):
        seen.setdefault(
            row.person,
            Person.of(first=row.first, last=row.last, dob=row.dob, ssn4=row.ssn4, zip5=row.zip),
        )
    return list(seen.values())[:100_000]


@pytest.fixture(scope="module")
def keyed(people) -> list[list[tuple[str, bytes]]]:
    return [tokens(person, KEYED, epoch=1) for person in people]


def toy(person: Person) -> list[tuple[str, bytes]]:
    """A keyed digest of each field by itself."""
    fields = {"first": person.first.whole, "last": person.last.whole, "zip": person.zip5}
    fields["birth"] = "".join((person.birth.year, person.birth.month, person.birth.day))
    return [(name, KEYED([text.encode()])[0]) for name, text in fields.items() if text]


def commonest_shares(held: list[list[tuple[str, bytes]]]) -> dict[str, float]:
    """Of each key, the share of records that hold its commonest token."""
    counts = Counter(token for tokens_ in held for token in tokens_)
    most: dict[str, int] = {}
    for (key, _), count in counts.items():
        most[key] = max(most.get(key, 0), count)
    return {key: count / len(held) for key, count in most.items()}


def alone(held: list[list[tuple[str, bytes]]]) -> float:
    """The share of records that nobody else looks like, by with how many others they share which keys."""
    counts = Counter(token for tokens_ in held for token in tokens_)
    looks = Counter(
        tuple(sorted((token[0], counts[token]) for token in tokens_ if counts[token] > 1)) for tokens_ in held
    )
    return sum(1 for many in looks.values() if many == 1) / len(held)


@pytest.mark.slow
def test_no_token_gives_its_holder_away_by_how_many_hold_it(people, keyed):
    """The commonest token stands for the commonest value, and so on down: an attack by rank needs no key."""
    ours = commonest_shares(keyed)
    assert set(ours) == set(KEYS)
    assert max(ours.values()) < 0.0005
    assert max(commonest_shares([toy(person) for person in people]).values()) > 0.01


@pytest.mark.slow
def test_nobody_stands_out_by_what_they_share_with_how_many(people, keyed):
    assert alone(keyed) < 0.05
    assert alone([toy(person) for person in people]) > 0.5
