"""The browser brings names to the same spelling as Python and makes the same inputs of people and of contact cards:
50,000 names, thousands of people, compared by their digests. Lists and keys come from one place."""

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from bench.crowd import crowd
from casehub import link_data
from referrals.agency_side.person import card_inputs
from referrals.linkage import keys, normalise, tokens
from referrals.linkage.frequencies import commonest
from referrals.linkage.nicknames import FORMAL
from tests.browser.chromium import chromium
from tests.browser.vault_site import Sabotage, checks_page
from tests.referrals.linkage.make_vectors import VECTORS, bent, odd, written

pytestmark = pytest.mark.browser
FIRST, LAST = list(commonest("first")), list(commonest("last"))
PARTS = 5_000


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@contextmanager
def checks(browser, sabotage: Sabotage | None = None) -> Iterator[Any]:
    with checks_page(browser, "linkkeys_checks.js", sabotage) as page:
        yield page


@pytest.fixture(scope="module")
def page(browser):
    with checks(browser) as opened:
        yield opened


def a_name(text: str) -> list[str]:
    found = normalise.name(text)
    return [found.whole, *found.halves]


def a_birth(text: str) -> list[Any]:
    found = normalise.birth(text)
    return [found.year, found.month, found.day, found.is_date]


def hexed(found: list[tuple[str, bytes]]) -> list[list[str]]:
    return [[key, text.hex()] for key, text in found]


MAKES: dict[str, Callable[[Any], Any]] = {
    "names": a_name,
    "births": a_birth,
    "numbers": lambda text: [normalise.ssn4(text), normalise.zip5(text)],
    "people": lambda one: hexed(tokens.inputs(keys.Person.of(**one[0]), epoch=one[1])),
    "cards": lambda one: hexed(card_inputs(one[0], epoch=one[1])),
}


def wrong(page, kind: str, given: list[Any]) -> list[Any]:
    """What the browser makes another thing of: the first few of each part of the list."""
    found = []
    for at in range(0, len(given), PARTS):
        part = given[at : at + PARTS]
        ours = [MAKES[kind](one) for one in part]
        text = json.dumps(ours, ensure_ascii=False, separators=(",", ":")).encode()
        if page.evaluate("(given) => checks.digest(given)", [kind, part]) != hashlib.sha256(text).hexdigest():
            theirs = page.evaluate("(given) => checks.all(given)", [kind, part])
            differ = [row for row in zip(part, ours, theirs, strict=True) if row[1] != row[2]]
            found += differ[:3]
    return found


def scrambled(draw: Random) -> str:
    """Characters of any kind that Unicode knew when this Python was made."""
    made: list[str] = []
    while len(made) < draw.randint(1, 9):
        point = draw.choice((0x300, 0x3000, 0x20000)) if draw.random() < 0.9 else 0x110000
        one = chr(draw.randrange(point))
        if unicodedata.category(one) not in ("Cn", "Cs", "Co"):
            made.append(one)
    return "".join(made)


def names() -> list[str]:
    draw = Random(20)
    made = dict.fromkeys([*odd(), *FORMAL])
    while len(made) < 44_000:
        one = bent(draw, draw.choice(draw.choice((FIRST, LAST))))
        made[bent(draw, one) if draw.random() < 0.2 else one] = None
    while len(made) < 50_000:
        made[scrambled(draw)] = None
    return list(made)


def dates() -> list[str]:
    draw = Random(21)
    made = [
        "",
        " ",
        "1990-03-15T00:00\n",
        "1990-03-15\n",
        "\ufeff1990-03-15",
        "\x1c1990-03-15\x85",
        "2000-02-29",
        "1900-02-29",
    ]
    for _ in range(4_000):
        year, month, day = draw.randint(1860, 2110), draw.randint(0, 13), draw.randint(0, 32)
        forms = (f"{year}{month:02}{day:02}", f"{year}-{month:02}-{day:02}", f"{month}/{day}/{year}",
                 f"{month:02}.{day:02}.{year}", f"{year}/{month:02}-{day:02} 00:00", f"{day} {month} {year}")  # fmt: skip
        made.append(draw.choice(forms))
    return made


def numbers() -> list[str]:
    draw = Random(22)
    made = [
        "",
        "xxx-xx-1234",
        "９０２１０",
        "٠١٢٣",
        " 8540-",
        "-90210",
        "\x8590210\x1f",
        *normalise.NO_SSN,
        *normalise.NO_ZIP,
    ]
    for _ in range(2_000):
        digits = "".join(draw.choice("0123456789") for _ in range(draw.choice((3, 4, 5, 9, 10))))
        made.append(
            draw.choice((digits, digits[:5] + "-" + digits[5:], f" {digits} ", digits.replace("1", "x")))
        )
    return made


def people() -> list[Any]:
    draw = Random(23)
    made: list[Any] = [[written(draw), 1 + number % 3] for number in range(2_000)]
    for row in crowd(3_000, seed=24):
        made.append(
            [{"first": row.first, "last": row.last, "dob": row.dob, "ssn4": row.ssn4, "zip5": row.zip}, 7]
        )
    return made


def cards() -> list[Any]:
    draw = Random(25)

    def name(many: int) -> str:
        parts = [bent(draw, draw.choice(FIRST)) for _ in range(many)]
        return draw.choice((" ", "  ", ", ", "\t")).join([*parts, bent(draw, draw.choice(LAST))])

    def card() -> Any:
        made: dict[str, Any] = {"v": 1, "unknown": {"kept": True}, "name": {}}
        for key, odds in (("legal", 0.8), ("used", 0.5)):
            if draw.random() < odds:
                made["name"][key] = name(draw.randint(0, 3)) if draw.random() < 0.9 else draw.choice(odd())
        if draw.random() < 0.3:
            made["name"]["other"] = [name(draw.randint(0, 2)) for _ in range(draw.randint(0, 7))]
        if draw.random() < 0.3:
            parts = {
                "first": draw.choice(FIRST),
                "middle": draw.choice(LAST),
                "last": draw.choice(LAST),
                "suffix": "Jr",
            }
            made["name"]["parts"] = parts
            if draw.random() < 0.7:
                made["name"]["legal"] = " ".join(parts.values())
        if draw.random() < 0.8:
            made["birth"] = f"{draw.randint(1940, 2015)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
        if draw.random() < 0.5:
            made["ids"] = {"ssn4": f"{draw.randrange(10_000):04}"}
        if draw.random() < 0.5:
            made["zip"] = f"{draw.randrange(100_000):05}"
        return made

    broken: list[Any] = [
        {}, {"name": None}, {"name": "Ann Lee"}, {"name": ["Ann"]}, {"name": {"legal": 7, "other": "Ann"}},
        {"name": {"used": " ", "other": [None, "Ann", 3]}, "birth": 1990, "ids": [], "zip": None},
        {"name": {"legal": "Lee,"}}, {"name": {"legal": ", Ann"}}, {"name": {"legal": "Lee, Jr., Ann"}},
        {"name": {"legal": "Lee, Jr."}}, {"name": {"legal": "Dr. Mr. Lee Jr"}}, {"name": {"legal": "- - -"}},
        {"name": {"legal": "Ana de la Cruz"}}, {"name": {"legal": "de la Cruz"}}, {"name": {"legal": "Ana"}},
    ]  # fmt: skip
    return [[one, 2] for one in broken + [card() for _ in range(3_000)]]


GIVEN = {"names": names, "births": dates, "numbers": numbers, "people": people, "cards": cards}


@pytest.mark.parametrize("kind", GIVEN)
def test_the_browser_and_python_make_the_same(page, kind):
    given = GIVEN[kind]()
    assert len(given) > 1_900 and wrong(page, kind, given) == []


def test_the_browser_gives_the_vectors(page):
    vectors = json.loads(VECTORS.read_text())
    texts, expected = zip(*((row[0], row[1:]) for row in vectors["names"]), strict=True)
    assert page.evaluate("(given) => checks.all(given)", ["names", texts]) == list(expected)
    people = [[one["person"], one["epoch"]] for one in vectors["people"]]
    found = page.evaluate("(given) => checks.all(given)", ["people", people])
    assert found == [one["inputs"] for one in vectors["people"]]


def test_names_of_a_card_are_parted_as_people_write_them():
    from referrals.agency_side.person import split

    assert split("Ana María de la Cruz") == ("Ana María", "de la Cruz")
    assert split("Cruz, Ana María") == (" Ana María", "Cruz")
    assert split("Dr. John Q. Public, Jr.") == ("John Q.", "Public")
    assert split("Cher") == ("Cher", "") and split(" ") == ("", "")


def test_a_card_has_the_tokens_of_all_its_names():
    card = {
        "name": {"legal": "Elizabeth Moreno", "used": "Liz", "other": ["Beth Navarro"]},
        "birth": "1990-03-15",
    }
    made = {key: [] for key, _ in card_inputs(card, epoch=1)}
    for key, text in card_inputs(card, epoch=1):
        made[key].append(text.rpartition(b"\x00")[2][1:])
    assert len(made["F.D"]) == 3 and len(made["L.D"]) == 2
    own = {"name": {"legal": "Elizabeth Moreno"}, "birth": "1990-03-15"}
    assert set(card_inputs(own, epoch=1)) < set(card_inputs(card, epoch=1))


def test_too_many_names_make_no_more_tokens_than_may_be_sent():
    other = [
        "Jerry Terry Maria-Jose Gonzalez-Ramirez Al",
        *("Sasha Frank Kim" + chr(97 + n) * 3 + " Lee-Kay-Ray" for n in range(9)),
    ]
    card = {"name": {"legal": "Chris Terry Alex Lee-Kay-Ray", "other": other}, "birth": "1990-03-15", "zip": "90210", "ids": {"ssn4": "1234"}}  # fmt: skip
    assert 100 < len(card_inputs(card, epoch=1)) <= tokens.MOST_TOKENS


@pytest.mark.parametrize(
    ("kind", "file", "guard", "sabotaged"),
    [
        ("names", "normalise.js", '.normalize("NFKD")', ""),
        ("names", "normalise.js", "[...halves].sort(byCodePoint)", "[...halves]"),
        ("names", "linkdata.js", '"unknown"', '"unknowm"'),
        ("births", "normalise.js", 'OUTER, ""', '/^$/, ""'),
        ("people", "linkkeys.js", "start(text, 3)", "start(text, 4)"),
        ("people", "linkdata.js", '"mike":[', '"mikx":['),
        ("cards", "linkkeys.js", "theirs || last", "theirs"),
        ("cards", "normalise.js", "at > 1 &&", "at > 0 &&"),
    ],
)
def test_a_step_that_is_left_out_is_noticed(browser, kind, file, guard, sabotaged):
    with checks(browser, {file: [(guard, sabotaged)]}) as page:
        assert wrong(page, kind, GIVEN[kind]())


def test_the_browsers_lists_are_pythons():
    """Behind: `./dev manage digests`."""
    assert link_data.PATH.read_text() == link_data.text()
