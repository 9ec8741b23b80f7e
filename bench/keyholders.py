"""What tokens cost with three key holders on this machine: in bulk, for one record, and in the tab.

Asker and holders share the machine's processors here; apart they are faster.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import figures
from bench.crowd import crowd
from referrals.agency_side import tokens as making
from referrals.agency_side.identities import Card, Identities
from referrals.agency_side.person import card_inputs
from referrals.linkage import oprf
from referrals.linkage.keyholder import dealing
from referrals.linkage.keyholder.client import Asker, Network
from tests.browser.chromium import chromium
from tests.browser.vault_site import vault_site

TOKENS, RECORDS, ROUNDS, ALONE = 13, 640, 5, 200
CARDS = 1_600


def run(report: figures.Report, folder: Path) -> None:
    """Adds records a second in bulk, milliseconds for one record, and the tab's for one."""
    with _holders(folder / "holders") as (network, processes):
        asker = Asker(network, 1)
        texts = [b"token %d" % number for number in range(TOKENS * RECORDS)]
        key = oprf.derive_key(bytes(32), b"bench")
        began = time.perf_counter()
        blinds, blinded = zip(*map(oprf.blind, texts[: TOKENS * 40]), strict=True)
        oprf.finish(texts[: TOKENS * 40], blinds, oprf.evaluate(key, blinded))
        bare = 40 / (time.perf_counter() - began)
        rates, by_processor, waits = [], [], []
        for _ in range(ROUNDS):
            began, used = time.perf_counter(), _processor_seconds(processes)
            asker(texts)
            rates.append(RECORDS / (time.perf_counter() - began))
            by_processor.append(2 * RECORDS / (_processor_seconds(processes) - used))
        for number in range(ALONE):
            began = time.perf_counter()
            asker(texts[number * TOKENS : (number + 1) * TOKENS])
            waits.append((time.perf_counter() - began) * 1000)
        asker.close()
        cards = _cards()
        tool, tool_by_processor = zip(
            *(_by_the_tool(cards, network, processes, folder) for _ in range(ROUNDS)), strict=True
        )
    what = f"records of {TOKENS} tokens, two of three holders, each proof checked"
    report.add(figures.Figure(f"{what}, in bulk", "records/s", rates, bare=bare, goal=200))
    report.add(
        figures.Figure(
            "the same for a second of two processors' time, asker's and holders'",
            "records/s",
            by_processor,
            goal=200,
        )
    )
    report.add(figures.Figure("the same for one record alone", "ms", waits, at_p95=True))
    count = sum(len(card_inputs(card, epoch=1)) for card in cards.values()) / len(cards)
    what = f"contact cards to a file of tokens by the agency's tool, {count:.1f} tokens each"
    report.add(figures.Figure(what, "records/s", list(tool), goal=200))
    report.add(
        figures.Figure(
            "the same for a second of two processors' time", "records/s", list(tool_by_processor), goal=200
        )
    )
    report.add(figures.Figure(f"one record of {TOKENS} tokens in the tab (Chromium)", "ms", _tab(), goal=100))
    report.add(figures.Figure("a card's inputs in the tab, before that", "ms", _inputs(cards), at_p95=True))
    report.note(
        "Bare is one process that blinds, evaluates under one key and unblinds: no proof, no network."
    )


def _cards() -> dict[str, Card]:
    """Invented people as their contact cards, by the client's id."""
    rows = crowd(CARDS, seed=7)
    found: dict[str, Card] = {}
    for row in rows:
        born = f"{row.dob[:4]}-{row.dob[4:6]}-{row.dob[6:]}" if row.dob else ""
        name = {"legal": f"{row.first} {row.last}"}
        found[row.id] = {"v": 1, "name": name, "birth": born, "ids": {"ssn4": row.ssn4}, "zip": row.zip}
    return found


def _by_the_tool(
    cards: dict[str, Card], network: Network, processes: list[subprocess.Popen[str]], folder: Path
) -> tuple[float, float]:
    """Records a second, and for a second of two processors' time."""
    wanted = making.Wanted(network.agency, 1, {}, {client: client for client in cards})
    began, used = time.perf_counter(), _processor_seconds(processes)
    made = making.make(Identities(True, cards), folder / "out.tokens", wanted=wanted, network=network)
    return (
        made.people / (time.perf_counter() - began),
        2 * made.people / (_processor_seconds(processes) - used),
    )


def _inputs(cards: dict[str, Card]) -> list[float]:
    with vault_site() as site, chromium() as browser:
        page = browser.new_page()
        page.goto(f"{site}/?linkkeys_checks.js")
        return page.evaluate("(cards) => checks.times(cards)", list(cards.values()))[100:]


def _tab() -> list[float]:
    texts = [b"token %d" % number for number in range(TOKENS)]
    dealt, asked = oprf.deal(), oprf.pair(1, 3)
    by, blinded = zip(*map(oprf.blind, texts), strict=True)
    answers = []
    for holder in asked:
        evaluated, proof = oprf.evaluate_proven(oprf.weighted(dealt.shares[holder], holder, asked), blinded)
        answers.append({"evaluated": [one.hex() for one in evaluated], "proof": proof.hex()})
    given = {
        "texts": [text.hex() for text in texts],
        "by": [one.hex() for one in by],
        "publicKeys": [oprf.weighted_public(dealt.commitments[one], one, asked).hex() for one in asked],
        "answers": answers,
        "rounds": 60,
    }
    with vault_site() as site, chromium() as browser:
        page = browser.new_page()
        page.goto(f"{site}/?oprf_checks.js")
        return page.evaluate("(given) => checks.times(given)", given)[10:]


def _processor_seconds(processes: list[subprocess.Popen[str]]) -> float:
    """What this process and the holders have used until now."""
    ticks = 0
    for process in processes:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def _holders(folder: Path) -> Iterator[tuple[Network, list[subprocess.Popen[str]]]]:
    """Three services of their own, and an agency that may ask them."""
    folders = dealing.begin([folder / str(number) for number in oprf.HOLDERS])
    processes: list[subprocess.Popen[str]] = []
    urls = []
    try:
        for one in folders:
            command = [
                sys.executable,
                "-m",
                "referrals.linkage.keyholder",
                "serve",
                str(one.path),
                "--port",
                "0",
            ]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            processes.append(process)
            assert process.stdout is not None
            found = re.search(r"port (\d+)", process.stdout.readline())
            assert found is not None
            urls.append(f"http://127.0.0.1:{found[1]}")
        yield dealing.admit(folders, "bench", daily=10**9, urls=urls), processes
    finally:
        for process in processes:
            process.terminate()
            process.wait(timeout=10)
