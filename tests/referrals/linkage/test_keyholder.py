"""Key holders as agencies and their enemies meet them: three real processes on loopback, one down, one lying,
requests played again, quotas, slow and oversized talk, rotation, and crashes."""

import dataclasses
import http.client
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from referrals.linkage import keys, oprf, tokens
from referrals.linkage.keyholder import client, dealing, folder, service, wire
from referrals.linkage.keyholder.__main__ import main
from referrals.linkage.keyholder.client import Asker, Network, NotEnough
from referrals.linkage.keyholder.folder import Agency, Broken, Folder, Refused

ROOT = Path(__file__).resolve().parents[3]
TEXTS = [b"N.D|1|1|%d" % number for number in range(13)]
COMMAND = [sys.executable, "-m", "referrals.linkage.keyholder"]


class Process:
    """One holder's service; `patience` and `most_open` as its class takes them; `without` replaces a guard."""

    def __init__(
        self, path: Path, *, patience: float = 10, most_open: int = 64, without: tuple[str, str] = ("", "")
    ) -> None:
        source = Path(service.__file__).read_text()
        assert without[0] in source
        run = (
            "import asyncio, pathlib\n"
            "from referrals.linkage.keyholder.folder import Folder\n"
            f"exec({source.replace(*without)!r})\n"
            f"served = Service(Folder(pathlib.Path({str(path)!r})), patience={patience}, most_open={most_open})\n"
            "asyncio.run(served.run('127.0.0.1', 0))\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", run], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert "listens" in line, self.process.stderr.read()
        self.port = int(re.search(r"port (\d+)", line)[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self, how: int = signal.SIGTERM) -> str:
        """What it said on stderr."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.communicate(timeout=10)[1]


@contextmanager
def serving(*paths: Path, **how: Any) -> Iterator[list[Process]]:
    processes = [Process(path, **how) for path in paths]
    try:
        yield processes
    finally:
        for process in processes:
            process.stop()


def admitted(folders: list[Folder], processes: list[Process], *, name: str = "agency-a", daily: int = 10**6):
    return dealing.admit(folders, name, daily=daily, urls=[process.url for process in processes])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Three holders that run, and what one agency knows of them."""
    place = tmp_path_factory.mktemp("holders")
    folders = dealing.begin([place / str(number) for number in oprf.HOLDERS])
    with serving(*(one.path for one in folders)) as processes:
        yield folders, processes, admitted(folders, processes)


@pytest.fixture
def three(tmp_path):
    return dealing.begin([tmp_path / str(number) for number in oprf.HOLDERS])


def whole_key(folders: list[Folder], epoch: int = 1) -> bytes:
    """What no holder knows: the key, out of two shares."""
    asked = oprf.pair(1, 2)
    parts = [oprf.weighted(folders[n - 1].share(epoch), n, asked) for n in asked]
    total = sum(int.from_bytes(part, "little") for part in parts) % oprf.ORDER
    return total.to_bytes(32, "little")


def moved(network: Network, **urls: str) -> Network:
    """The same agency with some holders elsewhere."""
    changed = {
        number: holder._replace(url=urls.get(f"to{number}", holder.url))
        for number, holder in network.holders.items()
    }
    return dataclasses.replace(network, holders=changed)


NOWHERE = "http://127.0.0.1:9"


def test_tokens_are_what_the_whole_key_would_give(world):
    folders, _, network = world
    key = whole_key(folders)
    expected = [oprf.output(key, text)[:16] for text in TEXTS]
    asker = Asker(network, 1)
    assert asker(TEXTS) == expected and asker.troubles == {}
    assert asker([]) == []
    many = [b"%d" % number for number in range(900)]
    assert asker(many)[850] == oprf.output(key, many[850])[:16]


@pytest.mark.parametrize("down", oprf.HOLDERS)
def test_with_one_holder_down_the_other_two_answer_and_it_is_named(world, down):
    _, _, network = world
    expected = Asker(network, 1)(TEXTS)
    asker = Asker(moved(network, **{f"to{down}": NOWHERE}), 1)
    assert all(asker(TEXTS) == expected for _ in range(8))
    assert asker.troubles == {down: "missing"}


def test_with_two_down_there_is_no_token(world):
    _, _, network = world
    asker = Asker(moved(network, to1=NOWHERE, to3=NOWHERE), 1)
    with pytest.raises(NotEnough) as refused:
        asker(TEXTS)
    assert refused.value.troubles.keys() == {1, 3}


@pytest.fixture
def with_a_liar(world, tmp_path):
    """Holder 2 answers under another share, well made and well proven."""
    folders, _, network = world
    liar = tmp_path / "liar"
    shutil.copytree(folders[1].path, liar)
    (liar / "epochs" / "0001" / "share").write_text(oprf.deal().shares[2].hex())
    with serving(liar) as (process,):
        yield moved(network, to2=process.url), Asker(network, 1)(TEXTS)


def test_a_lying_holder_is_named_and_not_asked_again(with_a_liar):
    network, expected = with_a_liar
    asker = Asker(network, 1)
    assert all(asker(TEXTS) == expected for _ in range(8))
    assert asker.troubles == {2: "lies"}
    one_left = Asker(moved(network, to1=NOWHERE), 1)
    with pytest.raises(NotEnough) as refused:
        one_left(TEXTS)
    assert refused.value.troubles == {1: "missing", 2: "lies"}


def test_unchecked_a_lying_holder_spoils_tokens(with_a_liar, monkeypatch):
    """Sabotage: without the proof nobody would notice."""
    network, expected = with_a_liar
    monkeypatch.setattr(client.oprf, "check", lambda *_: None)
    asker = Asker(network, 1)
    monkeypatch.setattr(asker, "_choose", lambda _: oprf.pair(1, 2))
    assert asker(TEXTS) != expected and asker.troubles == {}


def test_a_holder_that_drips_is_left_behind(world):
    """A byte a second keeps every single read alive, and none of them may wait for the whole."""
    _, _, network = world
    with socket.create_server(("127.0.0.1", 0)) as slow:
        asker = Asker(moved(network, to3=f"http://127.0.0.1:{slow.getsockname()[1]}"), 1, timeout=0.5)
        began = time.monotonic()
        for _ in range(4):
            asker(TEXTS)
        assert asker.troubles == {3: "missing"} and time.monotonic() - began < 4


# One request at a time.


def request(network: Network, holder: int = 1, **changed: object) -> wire.Request:
    asked = oprf.pair(holder, 3 if holder != 3 else 2)
    elements = [oprf.padding() for _ in range(16)]
    now = time.time_ns() // 1_000_000
    made = wire.Request(network.agency, holder, 1, asked, now, os.urandom(16), elements)
    return made._replace(**changed)


def sent(network: Network, body: bytes, *, holder: int = 1, mac: str | None = None) -> tuple[int, bytes]:
    where = network.holders[holder]
    return client.post(where.url, body, mac or wire.signature(where.secret, body), timeout=5)


NO = service.refusal().body


def test_a_request_is_taken_once(world):
    _, _, network = world
    body = wire.written(request(network))
    assert sent(network, body)[0] == 200
    assert sent(network, body) == (403, service.refusal("again").body)


@pytest.mark.parametrize(("seconds", "status"), [(-110, 200), (110, 200), (-130, 403), (130, 403)])
def test_a_request_is_taken_near_its_time(world, seconds, status):
    _, _, network = world
    at = time.time_ns() // 1_000_000 + seconds * 1000
    assert sent(network, wire.written(request(network, at=at)))[0] == status


@pytest.mark.parametrize(
    "wrong",
    [
        "another agency's name",
        "no such agency",
        "unsigned",
        "signed for another holder",
        "changed",
        "sent on",
    ],
)
def test_whoever_is_not_known_gets_the_same_refusal(world, wrong):
    folders, processes, network = world
    other = admitted(folders, processes, name="agency-b")
    made = request(network)
    body, mac = wire.written(made), None
    assert sent(network, body)[0] == 200
    if wrong == "another agency's name":
        body = wire.written(request(network, agency="agency-b"))
        assert sent(other, body)[0] == 200
    elif wrong == "no such agency":
        body = wire.written(request(network, agency="nobody"))
    elif wrong == "unsigned":
        mac = "0" * 64
    elif wrong == "signed for another holder":
        mac = wire.signature(network.holders[2].secret, body)
    elif wrong == "changed":
        mac = wire.signature(network.holders[1].secret, body)
        body = body.replace(b'"epoch":1', b'"epoch":2')
    else:
        body = wire.written(request(network, 2))
    assert sent(network, body, mac=mac) == (403, NO)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 30_000,
        b'{"agency":"agency-a"}',
        json.dumps({"agency": 1, "at": 1, "elements": "", "epoch": 1, "holder": 1, "nonce": "", "pair": []}),
        json.dumps(
            {"agency": "a", "at": 1, "elements": "*", "epoch": 1, "holder": 1, "nonce": "", "pair": [1, 2]}
        ),
    ],
    ids=["empty", "no field", "a list", "no text", "deep", "one field", "types", "no base64"],
)
def test_what_is_no_request_gets_the_same_refusal(world, body):
    _, _, network = world
    assert sent(network, body if isinstance(body, bytes) else body.encode()) == (403, NO)


def test_what_is_no_element_is_refused_and_says_so_to_whoever_signed(world):
    _, _, network = world
    body = wire.written(request(network, elements=[bytes(32)] * 16))
    assert sent(network, body) == (403, service.refusal("elements").body)


def test_a_holder_evaluates_for_its_own_pairs_only(world):
    _, _, network = world
    body = wire.written(request(network, asked=oprf.pair(2, 3)))
    assert sent(network, body) == (403, service.refusal("elements").body)


def test_more_elements_than_allowed_are_refused(world):
    _, _, network = world
    most = [oprf.padding()] * wire.MOST_ELEMENTS
    assert sent(network, wire.written(request(network, elements=most)))[0] == 200
    body = wire.written(request(network, elements=[*most, oprf.padding()]))
    assert sent(network, body) == (403, NO)


def raw(process: Process, *parts: bytes, wait: float = 0) -> bytes:
    with socket.create_connection(("127.0.0.1", process.port), timeout=5) as line:
        for part in parts:
            line.sendall(part)
            time.sleep(wait)
        got = b""
        while part := line.recv(65536):
            got += part
        return got


def test_an_oversized_body_is_refused_unread(world):
    _, (process, *_), _ = world
    head = f"POST {wire.PATH} HTTP/1.1\r\nContent-Length: {wire.LARGEST + 1}\r\n\r\n".encode()
    assert raw(process, head).endswith(NO)
    assert raw(process, b"POST " + b"x" * 20_000).endswith(NO)


@pytest.mark.parametrize("length", [b"-1", b"1e9", b"99999999999", b"x", b""])
def test_a_length_that_is_none_is_refused(world, length):
    _, (process, *_), _ = world
    assert raw(process, b"POST /v1/evaluate HTTP/1.1\r\nContent-Length: " + length + b"\r\n\r\n").endswith(NO)


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1", b"PUT /v1/evaluate HTTP/1.1", b"nonsense"])
def test_every_other_address_is_refused(world, first):
    _, (process, *_), _ = world
    assert raw(process, first + b"\r\n\r\n").endswith(NO)


def test_whoever_talks_slowly_loses_the_line(three):
    with serving(three[0].path, patience=0.5) as (process,):
        began = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011 - which one depends on how far the line was torn down
            raw(process, *[b"POST /v1"] + [b"x"] * 30, wait=0.1)
            raise OSError("closed")
        assert time.monotonic() - began < 5
        with socket.create_connection(("127.0.0.1", process.port), timeout=5) as line:
            line.sendall(b"POST /v1/evaluate HTTP/1.1\r\nContent-Length: 400\r\n\r\n{")
            assert line.recv(100) == b""


def test_slow_lines_cannot_hold_all_places_for_long(three):
    with serving(three[0].path, patience=0.5, most_open=4) as (process,):
        network = dealing.admit(three, "agency-a", daily=1000, urls=[process.url] * 3)
        lines = [socket.create_connection(("127.0.0.1", process.port), timeout=5) for _ in range(4)]
        time.sleep(0.1)
        with pytest.raises((OSError, ValueError)):
            sent(network, wire.written(request(network)))
        time.sleep(0.8)
        assert sent(network, wire.written(request(network)))[0] == 200
        for line in lines:
            line.close()


def test_answers_and_refusals_have_one_size_each(world):
    _, _, network = world
    sizes = {len(sent(network, wire.written(request(network)))[1]) for _ in range(20)}
    assert len(sizes) == 1
    reasons = ("no", "quota", "clock", "again", "epoch", "elements")
    assert {len(service.refusal(reason).body) for reason in reasons} == {64}


def test_a_record_without_an_ssn_is_asked_for_like_one_with(world, monkeypatch):
    _, _, network = world
    asked: list[int] = []
    monkeypatch.setattr(client, "post", lambda _, body, *__, **___: asked.append(len(body)) or (403, NO))
    for count in (5, 10, 13, 16):
        with pytest.raises(NotEnough):
            Asker(network, 1)(TEXTS[:count] if count < 14 else TEXTS + TEXTS[:3])
    assert len(set(asked)) == 1


def test_an_unknown_agency_takes_as_long_as_a_wrong_signature(world):
    _, _, network = world
    taken: dict[str, list[float]] = {"agency-a": [], "nobody": []}
    for _ in range(60):
        for name, times in taken.items():
            body = wire.written(request(network, agency=name))
            began = time.perf_counter()
            sent(network, body, mac="0" * 64)
            times.append(time.perf_counter() - began)
    one, other = (statistics.median(times) for times in taken.values())
    assert abs(one - other) < max(one, other) / 2


def test_the_status_tells_everybody_the_epoch_and_no_count(world):
    folders, (process, *_), _ = world
    line = http.client.HTTPConnection("127.0.0.1", process.port, timeout=5)
    line.request("GET", wire.STATUS)
    said = json.loads(line.getresponse().read())
    line.close()
    assert said == {
        "holder": 1,
        "epoch": 1,
        "fingerprint": oprf.fingerprint(folders[0].epochs()[1]),
        "waiting": [],
    }


# Quota, alarms, audit.


def test_a_quota_holds_over_a_restart_and_somebody_is_told(three):
    with serving(three[0].path) as (process,):
        network = dealing.admit(three, "agency-a", daily=48, urls=[process.url] * 3)
        assert [sent(network, wire.written(request(network)))[0] for _ in range(4)] == [200, 200, 200, 429]
        said = process.stop(signal.SIGKILL)
    assert said.count("quota nearly used: agency-a, 48 of 48") == 1 and said.count("quota refused") == 1
    with serving(three[0].path) as (process,):
        network = moved(network, to1=process.url)
        assert sent(network, wire.written(request(network)))[0] == 429
        assert process.stop() == ""
    kinds = [entry["what"] for entry in Folder(three[0].path).entries()]
    assert kinds.count("quota refused") == kinds.count("quota nearly used") == 1


def test_a_nonce_is_remembered_over_a_restart(three):
    with serving(three[0].path) as (process,):
        network = dealing.admit(three, "agency-a", daily=480, urls=[process.url] * 3)
        body = wire.written(request(network))
        assert sent(network, body)[0] == 200
        process.stop(signal.SIGKILL)
    with serving(three[0].path) as (process,):
        assert sent(moved(network, to1=process.url), body) == (403, service.refusal("again").body)


def taken(one: Folder, now: datetime, *, count: int = 16, name: str = "agency-a") -> list[str]:
    made = wire.Request(
        name,
        one.holder,
        1,
        oprf.pair(1, 2),
        int(now.timestamp() * 1000),
        os.urandom(16),
        [bytes(32)] * count,
    )
    return one.take(made, one.agencies()[name], now=now)


NOON = datetime(2026, 11, 23, 12, 59, tzinfo=UTC)


def test_a_quota_is_by_agency_and_day_and_can_be_raised_for_named_days(three):
    one = three[0]
    for name in ("agency-a", "agency-b"):
        one.admit(name, Agency(b"s" * 32, 32))
    assert taken(one, NOON) == [] and len(taken(one, NOON)) == 1
    with pytest.raises(Refused, match="quota"):
        taken(one, NOON)
    assert taken(one, NOON, name="agency-b") == []
    assert taken(one, NOON + timedelta(days=1)) == []
    one.admit("agency-a", Agency(b"s" * 32, 32, raised=160, until="2026-11-23"))
    assert taken(one, NOON, count=100) == []
    with pytest.raises(Refused, match="quota"):
        taken(one, NOON + timedelta(days=1), count=100)


def test_hours_become_counts_and_single_requests_are_gone(three):
    one = three[0]
    one.admit("agency-a", Agency(b"s" * 32, 1000))
    for _ in range(3):
        taken(one, NOON)
    later = NOON + timedelta(minutes=2)
    one.turn(now=later)
    journal = one.path / "journal" / "2026-11-23T12"
    assert journal.exists()  # a nonce in it still counts
    one.turn(now=later + timedelta(hours=1))
    assert not journal.exists()
    asked = [entry for entry in one.entries() if entry["what"] == "asked"]
    assert [(entry["of"], entry["requests"], entry["elements"]) for entry in asked] == [
        ("2026-11-23T12", 3, 48)
    ]
    assert Folder(one.path).used(day="2026-11-23") == {"agency-a": 48}


@pytest.mark.parametrize("after", ["the agencies' entries", "the closing entry"])
def test_an_hour_that_a_crash_left_half_closed_is_counted_once(three, after, monkeypatch):
    one = three[0]
    for name in ("agency-a", "agency-b"):
        one.admit(name, Agency(b"s" * 32, 1000))
        taken(one, NOON, name=name)
    real, calls = Folder.audit, []

    def crashing(self, what, **counts):
        if len(calls) == (1 if after == "the agencies' entries" else 2):
            raise KeyboardInterrupt
        calls.append(what)
        real(self, what, **counts)

    monkeypatch.setattr(Folder, "audit", crashing)
    with pytest.raises(KeyboardInterrupt):
        one.turn(now=NOON + timedelta(hours=2))
    monkeypatch.setattr(Folder, "audit", real)
    again = Folder(one.path)
    assert again.used(day="2026-11-23") == {"agency-a": 16, "agency-b": 16}
    again.turn(now=NOON + timedelta(hours=2))
    assert Folder(one.path).used(day="2026-11-23") == {"agency-a": 16, "agency-b": 16}
    assert [entry["what"] for entry in again.entries()].count("asked") == 2


@pytest.mark.parametrize("damage", ["changed", "taken out", "put in", "cut off"])
def test_a_changed_audit_is_noticed(three, damage):
    one = three[0]
    for name in ("agency-a", "agency-b", "agency-c"):
        one.admit(name, Agency(b"s" * 32, 32))
    head, file = one.head(), one.path / "audit.jsonl"
    assert len(one.entries()) == 5
    lines = file.read_text().splitlines(keepends=True)
    if damage == "changed":
        lines[2] = lines[2].replace("agency-a", "agency-z")
    elif damage == "taken out":
        del lines[2]
    elif damage == "put in":
        lines.insert(2, lines[2])
    else:
        del lines[-1]
    file.write_text("".join(lines))
    if damage == "cut off":
        assert one.head() != head
    else:
        with pytest.raises(Broken):
            one.entries()


def test_nothing_of_a_request_but_its_count_is_kept(three):
    with serving(three[0].path) as (process,):
        network = dealing.admit(three, "agency-a", daily=1000, urls=[process.url] * 3)
        made = request(network)
        status, body = sent(network, wire.written(made))
        evaluated, proof = wire.read_answer(body)
        assert status == 200
        sent(network, wire.written(made), mac="0" * 64)
        said = process.stop()
    assert said == ""
    kept = b"".join(path.read_bytes() for path in three[0].path.rglob("*") if path.is_file())
    for element in [*made.elements, *evaluated, proof]:
        assert element not in kept and element.hex().encode() not in kept


def test_many_at_once_get_no_second_taking_and_no_more_than_the_quota(three):
    with serving(three[0].path) as (process,):
        network = dealing.admit(three, "agency-a", daily=16 * 10, urls=[process.url] * 3)
        body = wire.written(request(network))
        bodies = [body] * 10 + [wire.written(request(network)) for _ in range(20)]
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda one: sent(network, one)[0], bodies))
    assert answers[:10].count(200) == 1
    assert answers.count(200) == 10 and answers.count(429) >= 11
    assert Folder(three[0].path).used(day=datetime.now(UTC).date().isoformat()) == {"agency-a": 160}


def test_the_audits_chain_holds_with_two_writers(three):
    code = (
        "import pathlib, sys\n"
        "from referrals.linkage.keyholder.folder import Folder\n"
        f"one = Folder(pathlib.Path({str(three[0].path)!r}))\n"
        "[one.audit('test') for _ in range(40)]\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(2)]
    assert [writer.wait(timeout=30) for writer in writers] == [0, 0]
    assert len(three[0].entries()) == 82


def test_tokens_of_a_person_come_through_the_holders(world):
    _, _, network = world
    person = keys.Person.of(first="Invented", last="Example", dob="1990-05-17", ssn4="4821", zip5="60614")
    made = tokens.tokens(person, Asker(network, 1), epoch=1)
    assert len(made) == len(tokens.inputs(person, epoch=1)) > 5
    assert made == tokens.tokens(person, Asker(moved(network, to2=NOWHERE), 1), epoch=1)


def test_over_tls_a_holder_must_be_who_the_agency_trusts(three, tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "holder.example")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(made.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(made, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    command = [*COMMAND, "serve", str(three[0].path), "--port", "0"]
    command += ["--certificate", str(certificate), "--key", str(key)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        url = f"https://127.0.0.1:{re.search('port ([0-9]+)', process.stdout.readline())[1]}"
        network = dealing.admit(three, "agency-a", daily=1000, urls=[url] * 3)
        body = wire.written(request(network))
        mac = wire.signature(network.holders[1].secret, body)
        with pytest.raises(OSError, match="certificate"):
            client.post(url, body, mac, timeout=5)
        assert client.post(url, body, mac, timeout=5, certificates=str(certificate))[0] == 200
    finally:
        process.terminate()
        process.communicate(timeout=10)


# The folder: modes, crashes, epochs.


def test_every_file_is_the_owners_only(three):
    three[0].admit("agency-a", Agency(b"s" * 32, 1000))
    taken(three[0], NOON)
    found = [path for path in three[0].path.rglob("*") if path.is_file() and path.name != "lock"]
    assert len(found) >= 7
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
    three[0].path.chmod(0o755)
    with pytest.raises(Broken, match="chmod 700"):
        Folder(three[0].path)


@pytest.mark.parametrize("file", ["agencies.json", "state.json"])
def test_a_crash_in_the_middle_of_a_write_leaves_the_old_file(three, file, monkeypatch):
    one = three[0]
    one.admit("agency-a", Agency(b"s" * 32, 1000))
    before = (one.path / file).read_bytes()

    def torn(path, content):
        path.write_bytes(content[: len(content) // 2])
        raise OSError("the power is gone")

    monkeypatch.setattr(folder, "_write", torn)
    with pytest.raises(OSError, match="power"):
        if file == "agencies.json":
            one.admit("agency-b", Agency(b"s" * 32, 1000))
        else:
            one.end_now()
    assert (one.path / file).read_bytes() == before
    assert list(Folder(one.path).agencies()) == ["agency-a"]


@pytest.mark.parametrize("file", ["audit.jsonl", "journal"])
def test_a_line_that_a_crash_cut_short_counts_as_not_written(three, file):
    one = three[0]
    one.admit("agency-a", Agency(b"s" * 32, 1000))
    taken(one, NOON)
    path = one.path / file if file.endswith("l") and "." in file else one.path / "journal" / "2026-11-23T12"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"n":3,"wh')
    again = Folder(one.path)
    assert again.used(day="2026-11-23") == {"agency-a": 16}
    if file == "audit.jsonl":
        again.audit("test")
        assert again.entries()[-1]["what"] == "test"
    else:
        taken(again, NOON)
        assert Folder(one.path).used(day="2026-11-23") == {"agency-a": 32}
    assert path.read_bytes().startswith(whole)


def test_rotation_overlaps_and_then_destroys_the_old_share(three):
    with serving(*(one.path for one in three)) as processes:
        network = admitted(three, processes)
        old_key = whole_key(three)
        old_tokens = Asker(network, 1)(TEXTS)
        assert dealing.rotate(three, overlap=timedelta(seconds=3)) == 2
        network = dataclasses.replace(network, commitments=three[0].epochs())
        assert Asker(network, 1)(TEXTS) == old_tokens
        new_key = whole_key(three, 2)
        assert Asker(network, 2)(TEXTS) == [oprf.output(new_key, text)[:16] for text in TEXTS]
        assert new_key != old_key
        ends = time.monotonic() + 10
        while any((one.path / "epochs" / "0001" / "share").exists() for one in three):
            assert time.monotonic() < ends
            time.sleep(0.2)
        with pytest.raises(NotEnough) as refused:
            Asker(network, 1)(TEXTS)
        assert set(refused.value.troubles.values()) == {"epoch"}
        assert Asker(network, 2)(TEXTS)
    for one in three:
        assert "share destroyed" in [entry["what"] for entry in one.entries()]
        assert one.standing(1) == "destroyed" and one.standing(2) == "current"


def test_a_share_is_overwritten_before_it_is_unlinked(three, monkeypatch):
    one = three[0]
    path = one.path / "epochs" / "0001" / "share"
    before, node = path.read_bytes(), path.stat().st_ino
    dealing.rotate(three, overlap=timedelta(days=1))
    assert one.destroy_ended() == []
    at_unlinking: list[tuple[bytes, int]] = []
    real = Path.unlink

    def seen(self, *given):
        at_unlinking.append((self.read_bytes(), self.stat().st_ino))
        real(self, *given)

    monkeypatch.setattr(Path, "unlink", seen)
    one.end_now()
    assert one.destroy_ended() == [1] and one.destroy_ended() == []
    ((content, same),) = at_unlinking
    assert same == node and content != before and len(content) == len(before)
    assert not path.exists()


def test_a_crash_between_overwriting_and_unlinking_is_made_good(three, monkeypatch):
    one = three[0]
    dealing.rotate(three, overlap=timedelta(0))
    monkeypatch.setattr(Path, "unlink", lambda *_: (_ for _ in ()).throw(OSError("the power is gone")))
    with pytest.raises(OSError, match="power"):
        one.destroy_ended()
    monkeypatch.undo()
    again = Folder(one.path)
    with pytest.raises(Refused):
        again.share(1)
    assert again.destroy_ended() == [1]


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("step", ["take_packet", "begin"])
def test_a_rotation_that_was_broken_off_is_gone_on_with(three, step, after, monkeypatch):
    real, done = getattr(Folder, step), []

    def breaking(self, *given, **named):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(self.holder)
        real(self, *given, **named)

    monkeypatch.setattr(Folder, step, breaking)
    with pytest.raises(KeyboardInterrupt):
        dealing.rotate(three, overlap=timedelta(days=1))
    monkeypatch.undo()
    again = [Folder(one.path) for one in three]
    assert dealing.rotate(again, overlap=timedelta(days=1)) == 2
    assert {one.current for one in again} == {2}
    assert len({oprf.fingerprint(one.epochs()[2]) for one in again}) == 1
    assert whole_key(again, 2) and whole_key(again, 1)


def test_a_share_for_another_holder_or_off_its_commitment_is_not_taken(three):
    packets = dealing.packets(2)
    for wrong in (
        packets[1],
        packets[0]._replace(share=packets[1].share),
        packets[0]._replace(epoch=1),
        packets[0]._replace(commitments={**packets[0].commitments, 3: oprf.padding()}),
    ):
        with pytest.raises(Broken):
            three[0].take_packet(wrong)
    three[0].take_packet(packets[0])
    with pytest.raises(Refused):
        three[0].share(2)


def test_an_agency_that_was_removed_is_refused_at_once(three):
    with serving(three[0].path) as (process,):
        network = dealing.admit(three, "agency-a", daily=1000, urls=[process.url] * 3)
        assert sent(network, wire.written(request(network)))[0] == 200
        three[0].admit("agency-a", None)
        assert sent(network, wire.written(request(network))) == (403, NO)


# Sabotage: each guard taken out once, and seen to be missed.


@pytest.mark.parametrize(
    ("old", "new", "count", "late", "times"),
    [
        (
            "_nonces[request.agency, request.nonce] = request.at",
            '_nonces[request.agency, b""] = 0',
            16,
            timedelta(0),
            2,
        ),
        ("if abs(moment - request.at) > wire.WINDOW:", "if False:", 16, timedelta(hours=1), 1),
        ("if used > allowed:", "if False:", 41, timedelta(0), 1),
    ],
    ids=["the nonce", "the clock", "the quota"],
)
def test_without_its_guard_a_request_is_taken(three, old, new, count, late, times):
    source = Path(folder.__file__).read_text()
    assert old in source
    sabotaged: dict = {"__name__": "sabotaged"}
    exec(compile(source.replace(old, new), "sabotaged", "exec"), sabotaged)
    results = []
    for one in (Folder(three[0].path), sabotaged["Folder"](three[1].path)):
        one.admit("agency-a", Agency(b"s" * 32, 40))
        at = int((NOON - late).timestamp() * 1000)
        made = wire.Request("agency-a", 1, 1, oprf.pair(1, 2), at, b"n" * 16, [bytes(32)] * count)
        try:
            for _ in range(times):
                one.take(made, one.agencies()["agency-a"], now=NOON)
            results.append("taken")
        except Exception as refused:
            results.append(type(refused).__name__)
    assert results == ["Refused", "taken"]


NOT_SIGNED = ("if not signed or agency is _NOBODY or", "if agency is _NOBODY or")
NOT_MINE = (" or request.holder != self._folder.holder:", ":")
TOO_LONG = ("if int(length) > wire.LARGEST:", "if False:")


@pytest.mark.parametrize(
    "without", [("", ""), NOT_SIGNED, NOT_MINE, TOO_LONG], ids=["none", "mac", "holder", "size"]
)
def test_each_guard_of_the_service_is_missed_when_it_is_out(three, without):
    with serving(three[0].path, patience=0.5, without=without) as (process,):
        network = dealing.admit(three, "agency-a", daily=1000, urls=[process.url] * 3)
        unsigned = sent(network, wire.written(request(network)), mac="0" * 64)
        # Of the pair 1 and 2, for holder 2, and signed with holder 1's secret.
        others = sent(network, wire.written(request(network, holder=2, asked=oprf.pair(1, 2))))
        head = f"POST {wire.PATH} HTTP/1.1\r\nContent-Length: {wire.LARGEST + 1}\r\n\r\n".encode()
        oversized = raw(process, head)
    assert (unsigned == (403, NO)) == (without != NOT_SIGNED)
    assert (others == (403, NO)) == (without != NOT_MINE)
    assert oversized.endswith(NO) == (without != TOO_LONG)


NO_PATIENCE = (
    "async with asyncio.timeout(self._patience):\n                    answer =",
    "if True:\n                    answer =",
)
NO_LIMIT = ("if self._open <= self._most_open:", "if True:")


@pytest.mark.parametrize("without", [("", ""), NO_PATIENCE], ids=["none", "time"])
def test_without_its_time_limit_a_holder_waits_for_whoever_says_nothing(three, without):
    """Two places: who holds both keeps everybody else out until the holder loses patience."""
    with serving(three[0].path, patience=0.4, most_open=2, without=without) as (process,):
        network = dealing.admit(three, "agency-a", daily=1000, urls=[process.url] * 3)
        lines = [socket.create_connection(("127.0.0.1", process.port), timeout=5) for _ in range(2)]
        time.sleep(1.2)
        try:
            taken = sent(network, wire.written(request(network)))[0] == 200
        except (OSError, ValueError):
            taken = False
        for line in lines:
            line.close()
    assert taken == (without != NO_PATIENCE)


@pytest.mark.parametrize("without", [("", ""), NO_LIMIT], ids=["none", "places"])
def test_without_its_limit_a_holder_keeps_every_line_open(three, without):
    """As many lines as somebody likes to open are as many that cost it memory and a descriptor each."""
    with serving(three[0].path, patience=5, most_open=3, without=without) as (process,):
        lines = [socket.create_connection(("127.0.0.1", process.port), timeout=5) for _ in range(8)]
        time.sleep(0.3)
        still = 0
        for line in lines:
            line.settimeout(0.2)
            try:
                still += line.recv(1) != b""
            except TimeoutError:
                still += 1
            line.close()
    assert still == (8 if without == NO_LIMIT else 3)


CHAIN = ('entry.get("before") != before or ', "")


@pytest.mark.parametrize(
    ("without", "damage", "noticed"),
    [
        (("", ""), "changed", True),
        (CHAIN, "changed", False),
        (("", ""), "taken out", True),
        ((CHAIN[0], ""), "taken out", True),
        ((CHAIN[0] + 'entry.get("n") != number', "False"), "taken out", False),
    ],
    ids=["none", "no chain", "nothing out", "numbers alone", "neither"],
)
def test_without_its_chain_a_changed_audit_is_believed(three, without, damage, noticed):
    """Somebody at the holder's own disk makes an agency's asking another's, or one that never was."""
    source = Path(folder.__file__).read_text()
    assert without[0] in source
    sabotaged: dict = {"__name__": "sabotaged"}
    exec(compile(source.replace(*without), "sabotaged", "exec"), sabotaged)
    one = three[0]
    for name in ("agency-a", "agency-b", "agency-c"):
        one.admit(name, Agency(b"s" * 32, 32))
    file = one.path / "audit.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    if damage == "changed":
        lines[2] = lines[2].replace("agency-a", "agency-z")
    else:
        del lines[2]
    file.write_text("".join(lines))
    try:
        believed = sabotaged["Folder"](one.path).entries()
    except sabotaged["Broken"]:
        believed = []
    assert bool(believed) != noticed


# The commands.


def test_the_commands_from_dealing_to_status(tmp_path, capsys):
    places = [str(tmp_path / f"holder-{number}") for number in oprf.HOLDERS]
    assert main(["init", *places]) == 0
    told = capsys.readouterr().out
    assert re.search(r"epoch 1: ([0-9a-f]{4} ){7}[0-9a-f]{4}", told)
    assert main(["init", *places]) == 1 and "not empty" in capsys.readouterr().err
    out = tmp_path / "agency.json"
    urls = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"]
    assert main(["agency", "agency-a", *places, "--records", "20", "--urls", *urls, "--out", str(out)]) == 0
    network = Network.read(out)
    assert network.agency == "agency-a" and network.holders[3].url == urls[2]
    assert out.stat().st_mode & 0o777 == 0o600
    assert len({holder.secret for holder in network.holders.values()}) == 3
    assert main(["raise", "agency-a", places[0], "--records", "500", "--until", "2999-01-01"]) == 0
    assert main(["rotate", *places, "--overlap", "1"]) == 0
    new = tmp_path / "new.json"
    assert main(["agency", "agency-b", *places, "--urls", *urls, "--out", str(new)]) == 1
    assert main(["agency", "agency-a", *places, "--urls", *urls, "--out", str(new)]) == 0
    renewed = Network.read(new)
    assert renewed.holders == network.holders and set(renewed.commitments) == {1, 2}
    assert Folder(Path(places[0])).agencies()["agency-a"].raised == 8000
    assert main(["rotate", *places, "--end"]) == 0
    capsys.readouterr()
    assert main(["status", *places]) == 0
    told = capsys.readouterr().out
    assert told.count("epoch 1, destroyed") == 3 and told.count("epoch 2, current") == 3
    assert "0 of 8000 elements" in told and told.count("unbroken") == 3
    secret = network.holders[1].secret.hex()
    assert secret not in told and Path(places[0], "epochs", "0002", "share").read_text() not in told


def test_three_who_are_apart_never_bring_their_shares_together(tmp_path, capsys):
    places = {number: tmp_path / f"body-{number}" for number in oprf.HOLDERS}
    for epoch in (1, 2):
        packets = tmp_path / f"packets-{epoch}"
        assert main(["deal", str(epoch), str(packets)]) == 0
        assert {path.stat().st_mode & 0o777 for path in packets.iterdir()} == {0o600}
        for number, place in places.items():
            assert main(["take", str(place), str(packets / f"holder-{number}.json")]) == 0
        assert list(packets.iterdir()) == []
        fingerprints = re.findall(r": ((?:[0-9a-f]{4} ?){8})", capsys.readouterr().out)
        assert len(fingerprints) == 4 and len(set(fingerprints)) == 1
    for place in places.values():
        assert main(["begin", str(place), "2", "--overlap", "1"]) == 0
    folders = [Folder(place) for place in places.values()]
    assert whole_key(folders, 1) != whole_key(folders, 2)
    parts = []
    for number, place in places.items():
        parts.append(tmp_path / f"part-{number}.json")
        given = ["agency", "agency-a", str(place), "--records", "20", "--urls", f"http://127.0.0.1:{number}"]
        assert main([*given, "--out", str(parts[-1])]) == 0
    network = Network.read(*parts)
    assert sorted(network.holders) == [1, 2, 3] and sorted(network.commitments) == [1, 2]
    assert main(["take", str(places[1]), str(parts[0])]) == 1
    assert main(["begin", str(places[1]), "3"]) == 1


def test_the_command_serves(tmp_path):
    places = [tmp_path / str(number) for number in oprf.HOLDERS]
    folders = dealing.begin(places)
    process = subprocess.Popen(
        [*COMMAND, "serve", str(places[0]), "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        port = re.search(r"port (\d+)", process.stdout.readline())[1]
        network = dealing.admit(folders, "agency-a", daily=100, urls=[f"http://127.0.0.1:{port}"] * 3)
        assert sent(network, wire.written(request(network)))[0] == 200
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0
        process.stdout.close()


def test_a_holder_needs_no_django():
    code = (
        "import sys, referrals.linkage.keyholder.__main__, referrals.linkage.keyholder.client\n"
        "sys.exit(any(name.split('.')[0] in ('django', 'numpy', 'sqlite3', 'cryptography') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
