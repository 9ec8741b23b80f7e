"""Counting people once at the hub, with three real key holders: turned on only when they agree, requests carried to
them, and what happens when one is silent, slow or another."""

import json
import re
import threading
import time

import pytest
from django.urls import reverse

from agencies import linknet, vault
from agencies.models import HolderFile, KeyHolder, LedgerEntry
from casehub import holders as hub
from referrals.linkage import oprf
from referrals.linkage.keyholder import client, dealing, wire
from tests.agencies.test_cardkeys import begun, box
from tests.referrals.linkage.test_keyholder import request, serving

PAGE = "/network/counting/"
OFFICE = ("HUB", "coordinator")


@pytest.fixture(autouse=True)
def _own_keys(settings, tmp_path):
    settings.CASEHUB_KEYS = str(tmp_path / "keys")
    vault.ensure_kek()


@pytest.fixture(autouse=True)
def _rested():
    hub._rests.clear()


@pytest.fixture
def three(tmp_path):
    folders = dealing.begin([tmp_path / str(number) for number in oprf.HOLDERS])
    with serving(*(one.path for one in folders)) as processes:
        yield folders, processes


@pytest.fixture(autouse=True)
def _just_proven(monkeypatch):
    """The password was typed a moment ago; that it is asked for is a test of its own."""
    monkeypatch.setattr("casehub.pages.counting.step_up", lambda _: None)


def names(world, processes, *, at=OFFICE):
    browser = world.browser(*at)
    for number, process in zip(oprf.HOLDERS, processes, strict=True):
        form = {f"holder-{number}-url": process.url, f"holder-{number}-body": f"Body {number}"}
        assert browser.post(PAGE, {"act": "name", "number": number, **form}).status_code == 302
    return browser


def turns_on(world, processes, folders):
    browser = names(world, processes)
    said = oprf.fingerprint(folders[0].epochs()[folders[0].current])
    return browser, browser.post(PAGE, {"act": "turn_on", "fingerprint": said, "heard": "yes"})


def test_the_office_turns_linkage_on_when_three_agree(world, three):
    folders, processes = three
    browser = names(world, processes)
    said = oprf.fingerprint(folders[0].epochs()[1])
    page = browser.get(PAGE).content.decode()
    assert "Linkage is off" in page and said in page and page.count("state--live") == 3
    answer = browser.post(PAGE, {"act": "turn_on", "fingerprint": said})
    assert "Call the three bodies first" in answer.content.decode() and not linknet.is_on()
    assert browser.post(PAGE, {"act": "turn_on", "fingerprint": said, "heard": "yes"}).status_code == 302
    assert linknet.is_on() and linknet.epoch_now().fingerprint == said
    assert "Linkage is on" in browser.get(PAGE).content.decode()
    with world.acting("HUB", "coordinator"):
        assert LedgerEntry.objects.filter(verb="linkage.turned_on", target_id="1").count() == 1
    browser.post(PAGE, {"act": "turn_off"})
    assert not linknet.is_on()


def test_two_are_not_enough_to_begin_and_are_enough_to_go_on(world, three):
    folders, processes = three
    browser = names(world, processes)
    said = oprf.fingerprint(folders[0].epochs()[1])
    processes[1].stop()
    page = browser.get(PAGE).content.decode()
    assert "Is silent" in page and "It can be turned on when all three" in page
    browser.post(PAGE, {"act": "turn_on", "fingerprint": said, "heard": "yes"})
    assert not linknet.is_on()
    with serving(folders[1].path) as (again,):
        browser, _ = turns_on(world, [processes[0], again, processes[2]], folders)
        assert linknet.is_on()
    page = browser.get(PAGE).content.decode()
    assert linknet.is_on() and "Is silent" in page and "Two that answer are enough" in page


def test_a_holder_of_another_key_or_number_is_not_taken_for_one(world, three, tmp_path):
    folders, processes = three
    others = dealing.begin([tmp_path / f"other-{number}" for number in oprf.HOLDERS])
    with serving(others[1].path) as (other,):
        browser = names(world, [processes[0], other, processes[2]])
        said = oprf.fingerprint(folders[0].epochs()[1])
        assert browser.post(PAGE, {"act": "turn_on", "fingerprint": said, "heard": "yes"}).status_code == 302
        assert not linknet.is_on()
    browser = names(world, [processes[0], processes[2], processes[1]])
    assert browser.get(PAGE).content.decode().count("Is another holder") == 2
    browser.post(PAGE, {"act": "turn_on", "fingerprint": said, "heard": "yes"})
    assert not linknet.is_on()


def test_what_was_compared_is_what_is_taken(world, three):
    """The three began another key while the person was on the telephone."""
    folders, processes = three
    browser = names(world, processes)
    said = oprf.fingerprint(folders[0].epochs()[1])
    dealing.rotate(folders, overlap=dealing.timedelta(days=1))
    browser.post(PAGE, {"act": "turn_on", "fingerprint": said, "heard": "yes"})
    assert not linknet.is_on()


def test_it_takes_the_password_again(world, three, monkeypatch):
    from casehub import signin

    monkeypatch.setattr("casehub.pages.counting.step_up", signin.step_up)
    _, processes = three
    answer = world.browser(*OFFICE).post(
        PAGE, {"act": "name", "number": 1, "holder-1-url": processes[0].url, "holder-1-body": "Body"}
    )
    assert "reauthenticate" in answer.headers["Location"] and linknet.holders() == []


@pytest.mark.parametrize(
    "url",
    [
        "http://holder.example.org",
        "https://holder.example.org/path",
        "https://holder.example.org?x=1",
        "https://who@holder.example.org",
        "ftp://holder.example.org",
        "nonsense",
        "https://holder.example.org\r\nX: 1/",
    ],
    ids=["plain", "path", "query", "user", "ftp", "none", "lines"],
)
def test_an_address_is_a_bare_one(world, url):
    form = {"act": "name", "number": 1, "holder-1-url": url, "holder-1-body": "Body"}
    answer = world.browser(*OFFICE).post(PAGE, form)
    assert answer.status_code == 200 and linknet.holders() == []


def test_there_is_no_fourth(world):
    form = {"act": "name", "number": 4, "holder-4-url": "https://a.example.org", "holder-4-body": "x"}
    assert world.browser(*OFFICE).post(PAGE, form).status_code == 200
    assert linknet.holders() == []


def test_a_new_epoch_is_noticed_taken_and_the_old_one_ended(lasting_world, three):
    world = lasting_world
    folders, processes = three
    browser, _ = turns_on(world, processes, folders)
    dealing.rotate(folders, overlap=dealing.timedelta(days=1))
    said = oprf.fingerprint(folders[0].epochs()[2])
    page = browser.get(PAGE).content.decode()
    assert "Take epoch 2 to use" in page and said in page
    assert [one.number for one in linknet.epochs()] == [1]
    browser.post(PAGE, {"act": "begin", "fingerprint": said, "heard": "yes"})
    assert [one.number for one in linknet.epochs()] == [1, 2] and linknet.epoch_now().number == 2
    assert "End epoch 1" in browser.get(PAGE).content.decode()
    browser.post(PAGE, {"act": "end", "epoch": "2"})
    assert [one.number for one in linknet.epochs()] == [1, 2]
    browser.post(PAGE, {"act": "end", "epoch": "1"})
    assert [one.number for one in linknet.epochs()] == [2] and not vault.pepper_stands(1)


def test_one_holder_that_has_not_begun_the_new_epoch_is_seen(world, three):
    folders, processes = three
    browser, _ = turns_on(world, processes, folders)
    for one, packet in zip(folders, dealing.packets(2), strict=True):
        one.take_packet(packet)
    assert "2 waits" in browser.get(PAGE).content.decode()
    for one in folders[:2]:
        one.begin(2, ends=dealing.datetime.now(dealing.UTC) + dealing.timedelta(days=1))
    page = browser.get(PAGE).content.decode()
    assert "all say the same now" in page and "Take epoch 2" not in page


# Carried to a holder


def asked(world, three, *, name="agency-a"):
    folders, processes = three
    return dealing.admit(folders, name, daily=10**6, urls=[one.url for one in processes])


def carry(world, number, body, mac, *, letter="A", role="caseworker", **more):
    return world.browser(letter, role).post(
        reverse("holder", args=[number]),
        body,
        content_type="application/octet-stream",
        headers={"X-Casehub-Mac": mac, **more},
    )


@pytest.fixture
def network(world, three):
    folders, processes = three
    turns_on(world, processes, folders)
    return asked(world, three)


def signed(network, holder=1, **changed):
    body = wire.written(request(network, holder, **changed))
    return body, wire.signature(network.holders[holder].secret, body)


def test_a_request_is_carried_untouched_and_so_is_its_answer(world, three, network):
    made = request(network)
    body = wire.written(made)
    answer = carry(world, 1, body, wire.signature(network.holders[1].secret, body))
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/octet-stream"
    evaluated, proof = wire.read_answer(answer.content)
    key = oprf.weighted_public(network.commitments[1][1], 1, made.asked)
    oprf.check(key, made.elements, evaluated, proof)
    again = carry(world, 1, body, wire.signature(network.holders[1].secret, body))
    assert (again.status_code, json.loads(again.content)) == (403, {"refused": "again"})


def test_a_holders_refusals_come_through(world, network):
    body, _ = signed(network)
    assert json.loads(carry(world, 1, body, "0" * 64).content) == {"refused": "no"}
    body, mac = signed(network, epoch=7)
    assert json.loads(carry(world, 1, body, mac).content) == {"refused": "epoch"}


FAILURE = (424, b"", "application/octet-stream")


def failure(answer):
    return answer.status_code, answer.content, answer.headers["Content-Type"]


@pytest.mark.parametrize(
    "wrong", ["off", "no such holder", "silent", "too long", "no mac", "a mac with lines", "no epoch"]
)
def test_whatever_fails_fails_alike(world, three, network, wrong):
    _, processes = three
    number, (body, mac) = 1, signed(network)
    assert carry(world, 1, body, mac).status_code == 200
    body, mac = signed(network)
    if wrong == "off":
        with world.acting(*OFFICE):
            linknet.turn_off()
    elif wrong == "no such holder":
        number = 4
    elif wrong == "silent":
        processes[0].stop()
    elif wrong == "too long":
        body = b"x" * (wire.LARGEST + 1)
    elif wrong == "no mac":
        mac = ""
    elif wrong == "a mac with lines":
        mac = "0" * 64 + " \r\nX: 1"
    else:
        linknet.LinkEpoch.objects.all().delete()
    assert failure(carry(world, number, body, mac)) == FAILURE


@pytest.mark.parametrize(
    ("letter", "role", "allowed"),
    [
        ("A", "supervisor", True),
        ("A", "data_lead", True),
        ("A", "hotline", False),
        ("A", "partner_viewer", False),
        ("HUB", "coordinator", False),
        ("HUB", "hub_operator", False),
    ],
)
def test_only_who_opens_cards_has_requests_carried(world, network, letter, role, allowed):
    body, mac = signed(network)
    assert carry(world, 1, body, mac, letter=letter, role=role).status_code == (200 if allowed else 404)


def test_nothing_is_entered_or_kept_of_what_is_carried(world, network, caplog):
    body, mac = signed(network)
    assert (
        carry(world, 4, body, mac).status_code == 424 and carry(world, 1, body, "0" * 64).status_code == 403
    )
    assert "holder" not in caplog.text
    with world.acting("A", "supervisor"):
        before = LedgerEntry.objects.filter(agency=world.agency("A")).count()
    assert carry(world, 1, body, mac).status_code == 200
    with world.acting("A", "supervisor"):
        assert LedgerEntry.objects.filter(agency=world.agency("A")).count() == before


def test_no_transaction_waits_for_a_holder(lasting_world, three, monkeypatch):
    from django.db import connection

    world = lasting_world
    folders, processes = three
    turns_on(world, processes, folders)
    network = asked(world, three)
    seen = []
    real = client.post

    def posting(*given, **how):
        seen.append(connection.in_atomic_block)
        return real(*given, **how)

    monkeypatch.setattr(hub.client, "post", posting)
    body, mac = signed(network)
    assert carry(world, 1, body, mac).status_code == 200
    assert seen == [False]


def test_a_person_who_does_nothing_is_not_kept_signed_in_by_what_a_script_sends(world, network, settings):
    browser = world.browser("A")
    browser.get("/")
    session = browser.session
    session["seen"] = session["seen"] - 100
    session.save()
    body, mac = signed(network)
    for headers, moved in (({"X-Casehub-Background": "1"}, False), ({}, True)):
        browser.post(
            "/holder/1/",
            body,
            content_type="application/octet-stream",
            headers={"X-Casehub-Mac": mac, **headers},
        )
        assert (browser.session["seen"] > time.time() - 50) == moved


@pytest.fixture
def deaf(world, network, monkeypatch):
    """Holder 3 takes every line and never says a word."""
    import socket

    monkeypatch.setattr(hub, "TIMEOUT", 0.6)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        KeyHolder.objects.filter(number=3).update(url=url)
        yield url


def test_a_holder_that_takes_all_its_time_is_left_alone_for_a_while(world, network, deaf, monkeypatch):
    body, mac = signed(network, 3)
    times = []
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(hub.Silent):
            hub.relay(3, body, mac)
        times.append(time.monotonic() - began)
    assert times[0] > 0.5 and max(times[1:]) < 0.2
    assert hub.relay(1, *signed(network))[0] == 200
    monkeypatch.setattr(hub, "REST", 0.0)
    hub._rests.clear()
    hub.relay(1, *signed(network))
    for _ in range(2):  # Sabotage: without the rest each one waits
        began = time.monotonic()
        with pytest.raises(hub.Silent):
            hub.relay(3, body, mac)
        assert time.monotonic() - began > 0.5


def test_a_process_waits_for_two_holders_at_most(lasting_world, three, monkeypatch):
    """Eight at once to a holder that hangs: six give up their turn before it does."""
    import socket

    from django.db import connections

    world = lasting_world
    folders, processes = three
    turns_on(world, processes, folders)
    network = asked(world, three)
    monkeypatch.setattr(hub, "TIMEOUT", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        KeyHolder.objects.filter(number=3).update(url=url)
        body, mac = signed(network, 3)
        times = []

        def one():
            began = time.monotonic()
            with pytest.raises(hub.Silent):
                hub.relay(3, body, mac)
            times.append(time.monotonic() - began)
            connections.close_all()

        threads = [threading.Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    times.sort()
    assert times[5] < 1.5 < times[6]


# An agency's file


def sent(world, body, role="supervisor"):
    return world.browser("A", role).post("/linkage/file/", json.dumps(body), content_type="application/json")


def test_a_browser_hears_what_it_needs_and_no_more(world, network):
    begun(world)
    sealed = box(2048, 1)
    assert sent(world, {"serial": 1, "epoch": 1, "sealed": sealed}).json() == {"done": True}
    said = world.browser("A").get("/linkage/").json()
    assert said == {
        "on": True,
        "version": 1,
        "agency": "agency-a",
        "keeps": False,
        "epochs": [{"number": 1, "fingerprint": linknet.epoch_now().fingerprint}],
        "file": {"serial": 1, "version": 1, "epoch": 1, "sealed": sealed},
    }
    assert world.browser("B").get("/linkage/").json()["file"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 400),
        ({"serial": 1, "epoch": 1, "sealed": "x"}, 400),
        ({"serial": 2, "epoch": 1, "sealed": box(2048, 1)}, 409),
    ],
    ids=["a list", "no box", "another serial"],
)
def test_a_file_that_does_not_fit_is_refused_by_name(world, body, status):
    begun(world)
    assert sent(world, body).status_code == status
    with world.acting("A"):
        assert not HolderFile.objects.exists()


def test_who_keeps_the_keys_takes_it_out_again_and_a_caseworker_does_not(world):
    begun(world)
    sent(world, {"serial": 1, "epoch": 1, "sealed": box(2048, 1)})
    assert sent(world, {"drop": True}, role="caseworker").status_code == 404
    assert sent(world, {"drop": True}).status_code == 200
    with world.acting("A"):
        assert not HolderFile.objects.exists()


def test_the_agencys_page_says_that_linkage_is_off(world):
    page = world.browser("A", "data_lead").get(reverse("counting")).content.decode()
    assert "has not turned linkage on" in page and "First begin the contact cards" in page
    assert world.browser("A").get(reverse("counting")).status_code == 404


def test_the_offices_page_moves_with_no_link_and_no_question(world):
    """No live number of them: it would tell whether somebody else knows a client."""
    from referrals import linking
    from referrals.linking import review
    from tests.referrals.linking.network import Network

    network = Network(world, "A", "B")

    def page():
        return re.sub(r"\b\w{64}\b", "a token", world.browser(*OFFICE).get(PAGE).content.decode())

    before = page()
    assert "is not shown here" in before
    for first in ("Anna", "Berta"):
        network.arrives("A" if first == "Anna" else "B", first, "Vetch", "19810506", zip5="30303")
    for letter in "AB":
        network.arrives(letter, "Mara", "Quill", "19790211", ssn4="4821", zip5="30304")
    linking.bulk()
    with network.world.acting("A"):
        assert review.questions() and review.links()
    assert page() == before


# The holders' own word


def test_what_is_no_holders_status_is_none(world, three, monkeypatch):
    folders, processes = three
    assert client.status(processes[0].url) == client.Status(
        1, 1, oprf.fingerprint(folders[0].epochs()[1]), []
    )
    said = {"holder": 1, "epoch": 1, "fingerprint": "0" * 39, "waiting": []}
    for wrong in (
        b"",
        b"[]",
        b"{}",
        json.dumps(said).encode(),
        json.dumps(said | {"fingerprint": " ".join(["0000"] * 8), "epoch": "1"}).encode(),
        json.dumps(said | {"fingerprint": " ".join(["0000"] * 8), "waiting": ["x"]}).encode(),
        json.dumps(said | {"fingerprint": " ".join(["0000"] * 8), "more": 1}).encode(),
    ):
        monkeypatch.setattr(client, "_exchange", lambda *_, _said=wrong, **__: (200, _said))
        with pytest.raises(ValueError, match="no key holder"):
            client.status(processes[0].url)
