"""The tab's side of the keyed function, in Chromium under the hub's policy: RFC 9497's vectors, the same tokens as
Python's, and holders that answer, lie or are silent. What holders do belongs to tests/referrals/linkage."""

import json
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from referrals.linkage import oprf
from referrals.linkage.keyholder import client, dealing
from tests.browser.chromium import chromium
from tests.browser.vault_site import Sabotage, checks_page

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
    with checks_page(browser, "oprf_checks.js", sabotage) as page:
        yield page


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


# Real holders, reached as through the hub: the page has bytes carried.


@pytest.fixture(scope="module")
def holders(tmp_path_factory):
    """Three that run and what the agency knows of them; and one more that lies in holder 2's name."""
    place = tmp_path_factory.mktemp("holders")
    folders = dealing.begin([place / str(number) for number in oprf.HOLDERS])
    network = dealing.admit(folders, "agency-a", daily=10**6, urls=["http://127.0.0.1:9"] * 3)
    liar = place / "liar"
    shutil.copytree(folders[1].path, liar)
    (liar / "epochs" / "0001" / "share").write_text(oprf.deal().shares[2].hex())
    processes, urls = [], {}
    command = [sys.executable, "-m", "referrals.linkage.keyholder", "serve", "--port", "0"]
    try:
        for name in ("1", "2", "3", "liar"):
            process = subprocess.Popen([*command, str(place / name)], stdout=subprocess.PIPE, text=True)
            processes.append(process)
            urls[name] = f"http://127.0.0.1:{re.search('port ([0-9]+)', process.stdout.readline())[1]}"
        yield network, urls
    finally:
        for process in processes:
            process.terminate()
            process.communicate(timeout=10)


@pytest.fixture
def carried(holders, browser):
    """A page whose requests reach the holders named: number of the holder to name."""
    network, urls = holders
    to: dict[int, str | None] = {}

    def send(holder: int, body: str, mac: str) -> list:
        where = to.get(holder, str(holder))
        if where is None:
            raise OSError("down")
        status, said = client.post(urls[where], bytes.fromhex(body), mac, timeout=5)
        return [status, said.hex()]

    with checks(browser) as page:
        page.expose_function("send", send)
        yield page, to, json.loads(network.text())


def expected(holders) -> list[str]:
    network, urls = holders
    there = {number: one._replace(url=urls[str(number)]) for number, one in network.holders.items()}
    asker = client.Asker(client.Network(network.agency, there, network.commitments), 1)
    return hexed(asker(TEXTS))


@pytest.mark.parametrize(
    ("to", "troubles"),
    [({}, {}), ({3: None}, {"3": "missing"}), ({2: "liar"}, {"2": "lies"}), ({1: "2"}, {"1": "no"})],
    ids=["all there", "one down", "one lying", "one in another's place"],
)
def test_the_tab_has_tokens_from_any_two_and_names_the_third(holders, carried, to, troubles):
    page, where, network = carried
    where.update(to)
    given = {"network": network, "texts": hexed(TEXTS), "rounds": 8}
    found = ask(page, "tokens", given)
    assert found["troubles"] == troubles
    assert found["found"] == [expected(holders)] * 8


def test_the_tab_has_no_token_from_one_holder_alone(carried):
    page, where, network = carried
    where.update({1: None, 2: "liar"})
    found = ask(page, "tokens", {"network": network, "texts": hexed(TEXTS), "rounds": 1})
    assert found == {"error": "NotEnough", "troubles": {"1": "missing", "2": "lies"}}
