"""The tab's side of the keyed function, in Chromium under the hub's policy: RFC 9497's vectors, and the same tokens
as Python's. What holders do belongs to tests/referrals/linkage."""

import json
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from referrals.linkage import oprf
from tests.browser.chromium import chromium
from tests.browser.vault_site import Sabotage, vault_site

pytestmark = pytest.mark.browser
VECTORS = json.loads((Path(__file__).parents[1] / "referrals" / "linkage" / "oprf_vectors.json").read_text())
TEXTS = [b"N.D|1|1|%d" % number for number in range(13)]
# What a record's tokens may take in the tab, warm, in milliseconds.
GOAL = 100


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@contextmanager
def checks(browser, sabotage: Sabotage | None = None) -> Iterator[object]:
    with vault_site(sabotage) as site:
        page = browser.new_page()
        heard: list[str] = []
        page.on("console", lambda line: heard.append(line.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto(f"{site}/?oprf_checks.js")
        assert page.evaluate("Boolean(window.checks)"), heard
        yield page
        assert not heard
        page.close()


@pytest.fixture(scope="module")
def page(browser):
    with checks(browser) as opened:
        yield opened


def ask(page, name: str, given: object = None):
    return page.evaluate("([name, given]) => checks[name](given)", [name, given])


def hexed(parts) -> list[str]:
    return [part.hex() for part in parts]


def test_the_tab_gives_the_rfcs_values(page):
    assert ask(page, "vectors", VECTORS["voprf"]) == []


def answer(dealt: oprf.Dealt, holder: int, asked: oprf.Pair, blinded: list[bytes]) -> dict:
    evaluated, proof = oprf.evaluate_proven(oprf.weighted(dealt.shares[holder], holder, asked), blinded)
    return {"evaluated": hexed(evaluated), "proof": proof.hex()}


@pytest.mark.parametrize("asked", [oprf.pair(1, 2), oprf.pair(1, 3), oprf.pair(2, 3)], ids=str)
def test_the_tab_and_python_make_the_same_tokens_from_any_pair(page, asked):
    key = oprf.derive_key(bytes(32), b"test")
    dealt = oprf.deal(key)
    blinded = [bytes.fromhex(one) for one in ask(page, "ask", hexed(TEXTS))]
    given = {
        "pair": list(asked),
        "commitments": {str(holder): element.hex() for holder, element in dealt.commitments.items()},
        "answers": [answer(dealt, holder, asked, blinded) for holder in asked],
    }
    assert ask(page, "finish", given) == [oprf.output(key, text).hex() for text in TEXTS]


def wrong_answers() -> list[tuple[str, list]]:
    key, other = oprf.derive_key(bytes(32), b"test"), oprf.derive_key(bytes(32), b"other")
    blinded = [oprf.blind(text)[1] for text in TEXTS[:3]]
    evaluated, proof = oprf.evaluate_proven(key, blinded)
    lied, other_proof = oprf.evaluate_proven(other, blinded)
    public, identity = oprf.public(key), bytes(32)
    cases = [
        ("taken", public, blinded, evaluated, proof),
        ("proof", public, blinded, lied, other_proof),
        ("proof", public, blinded, [*evaluated[:2], lied[2]], proof),
        ("proof", public, blinded, evaluated[::-1], proof),
        ("proof", public, blinded, evaluated, proof[:-1]),
        ("number", public, blinded, evaluated[:2], proof),
        ("number", public, [], [], proof),
        ("element", public, blinded, [identity, *evaluated[1:]], proof),
        ("element", public, blinded, [b"\xff" * 32, *evaluated[1:]], proof),
        ("element", identity, blinded, evaluated, proof),
        ("scalar", public, blinded, evaluated, proof[:32] + oprf.ORDER.to_bytes(32, "little")),
    ]
    return [
        (why, [key.hex(), hexed(asked), hexed(answered), said.hex()])
        for why, key, asked, answered, said in cases
    ]


def test_the_tab_refuses_what_does_not_hold(page):
    expected, cases = zip(*wrong_answers(), strict=True)
    assert ask(page, "refusals", list(cases)) == list(expected)


@pytest.mark.parametrize(
    ("guard", "sabotaged"),
    [
        ("if (!Fn.eql(", "if (false && !Fn.eql("),
        ("if (point.is0()) throw", "if (false) throw"),
        ("blinded.length !== evaluated.length", "false"),
    ],
)
def test_a_guard_that_is_taken_out_is_missed(browser, guard, sabotaged):
    expected, cases = zip(*wrong_answers(), strict=True)
    with checks(browser, {"oprf.js": [(guard, sabotaged)]}) as page:
        assert ask(page, "refusals", list(cases)) != list(expected)


def test_nothing_is_blinded_twice_alike(page):
    assert ask(page, "paddings") == 4


def test_a_records_tokens_take_the_tab_less_than_its_goal(page):
    dealt, asked = oprf.deal(), oprf.pair(1, 3)
    by, blinded = zip(*map(oprf.blind, TEXTS), strict=True)
    given = {
        "texts": hexed(TEXTS),
        "by": hexed(by),
        "publicKeys": [oprf.weighted_public(dealt.commitments[n], n, asked).hex() for n in asked],
        "answers": [answer(dealt, holder, asked, list(blinded)) for holder in asked],
        "rounds": 25,
    }
    taken = ask(page, "times", given)[5:]
    assert statistics.median(taken) < GOAL
