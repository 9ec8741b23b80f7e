"""Tokens as the hub takes them: only of who may be counted, with the same answer whatever became of them, within
bounds; the list for the agency's tool and its file. What is made of tokens belongs to the linking's own tests."""

import base64
import json
import math
import re
import secrets
import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now
from django.http import JsonResponse
from django.urls import reverse

from agencies import vault
from agencies.models import LedgerEntry
from referrals import releases
from referrals.agency_side import person
from referrals.linkage import normalise
from referrals.linkage.keyholder import wire
from referrals.linkage.keys import KEYS
from referrals.linkage.nicknames import FORMAL
from referrals.linkage.normalise import VERSION
from referrals.linkage.tokens import MOST_TOKENS, inputs
from referrals.linking import records
from referrals.models import Client, ContactCard, LinkRecord
from referrals.web import tokens as web
from tests.agencies.test_linknet import on, sign
from tests.referrals.test_cards import begin, body, send
from tests.referrals.web.test_bulkcards import hand_key

SCRIPTS = Path(__file__).parents[3] / "casehub" / "static" / "vault"
EPOCH = {"epoch": 1, "version": VERSION}


@pytest.fixture(autouse=True)
def _own_keys(settings, tmp_path):
    """Peppers outlive a test's rolled-back rows: each test has a folder of its own."""
    settings.CASEHUB_KEYS = str(tmp_path / "keys")
    vault.ensure_kek()


@pytest.fixture
def network(world):
    """Linkage is on, A and B share tokens, and A has contact cards."""
    on(world)
    for letter in "AB":
        sign(world, letter, shares_tokens_under_release=True)
    begin(world, "A")
    hand_key(world, "A", "data_lead")
    return world


@pytest.fixture
def worker(network):
    return network.browser("A")


@pytest.fixture
def lead(network):
    return network.browser("A", "data_lead")


def text(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def tokens(*keys):
    return [[key, text(secrets.token_bytes(16))] for key in keys or ("F.D", "L.D", "N1.D")]


def record(client, *keys):
    return {"client": str(getattr(client, "pk", client)), "tokens": tokens(*keys)}


def give(browser, *records, **changed):
    return send(browser, "tokens", {**EPOCH, "records": list(records), **changed})


def standing(world, letter="A"):
    with world.acting(letter):
        return set(LinkRecord.objects.values_list("client_id", flat=True))


def wanted(browser):
    return send(browser, "tokens_wanted", {}).json()


def revoke(world, release):
    with world.acting("A"):
        releases.revoke(release=release, how="orally")


def with_card(world, worker, **facts):
    client = world.client("A", **facts)
    assert send(worker, "card_save", body(client)).status_code == 200
    return client


def test_tokens_are_wanted_of_who_may_be_counted_and_has_a_card(network, worker):
    counted = with_card(network, worker)
    network.release(counted)
    with_card(network, worker)
    network.release(network.client("A"))
    to_come = with_card(network, worker)
    network.release(to_come, starts_at=Now() + timedelta(days=1))
    revoked = with_card(network, worker)
    revoke(network, network.release(revoked))
    handed = with_card(network, worker)
    network.release(handed, to="B")
    assert wanted(worker) == {**EPOCH, "clients": [str(counted.pk)]}


def test_who_has_tokens_is_wanted_again_when_the_card_says_something_else(network, worker, monkeypatch):
    client = with_card(network, worker)
    network.release(client)
    give(worker, record(client))
    assert standing(network) == {client.pk} and wanted(worker)["clients"] == []
    saved = body(client, revision=1)
    assert send(worker, "card_save", saved).status_code == 200
    assert wanted(worker)["clients"] == [str(client.pk)]
    give(worker, record(client))
    assert wanted(worker)["clients"] == []


def test_a_card_that_is_only_sealed_anew_changes_no_token(network, worker):
    client = network.client("A")
    send(worker, "card_save", body(client))
    network.release(client)
    give(worker, record(client))
    with network.acting("A"):
        card = ContactCard.objects.filter(client=client)
        card.update(saved_at=int(time.time()) - 86_400, changed_at=Now())
        assert card.get().changed_at > LinkRecord.objects.get(client=client).changed_at
    assert wanted(worker)["clients"] == []


def test_nothing_is_wanted_while_linkage_is_off(world):
    begin(world, "A")
    worker = world.browser("A")
    world.release(with_card(world, worker))
    assert wanted(worker) == {"epoch": None, "version": VERSION, "clients": []}
    assert give(worker).status_code == 400


def test_the_answer_is_the_same_whatever_became_of_them(network, worker):
    counted, not_counted, theirs = network.client("A"), network.client("A"), network.client("B")
    network.release(counted)
    network.release(theirs)
    answers = [give(worker, record(one)) for one in (counted, counted, not_counted, theirs, uuid.uuid4())] + [
        give(worker)
    ]
    assert {(one.status_code, one.content, str(sorted(one.headers.items()))) for one in answers} == {
        (204, b"", str(sorted(answers[0].headers.items())))
    }
    assert standing(network) == {counted.pk} and standing(network, "B") == set()


def test_an_answer_that_tells_is_noticed(network, worker, monkeypatch):
    client = network.client("A")

    def telling(self, said):
        kept = [web._keep(client, [], web._epoch(said)) for client in Client.objects.all()]
        return JsonResponse({"kept": kept})

    monkeypatch.setattr(web.TokensTaken, "answer", telling)
    before = give(worker, record(client))
    network.release(client)
    assert give(worker, record(client)).content != before.content


@pytest.mark.parametrize(
    "changed",
    [
        {"epoch": 2},
        {"version": VERSION + 1},
        {"records": "x"},
        {"records": [1]},
        {"records": [{"client": "x", "tokens": []}]},
        {"records": [{"client": str(uuid.uuid4()), "tokens": "F.D"}]},
        {"records": [{"client": str(uuid.uuid4()), "tokens": [["F.D", "short"]]}]},
        {"records": [{"client": str(uuid.uuid4()), "tokens": [["F.D", "A" * 23]]}]},
        {"records": [{"client": str(uuid.uuid4()), "tokens": [["X.X", "A" * 22]]}]},
        {"records": [{"client": str(uuid.uuid4()), "tokens": [["F.D", "A" * 22]] * 401}]},
        {"records": [{"client": str(uuid.uuid4()), "tokens": []}] * 201},
    ],
    ids=["epoch", "version", "no list", "no record", "no client", "no tokens", "short", "long", "no key",
         "too many tokens", "too many clients"],
)  # fmt: skip
def test_what_is_no_token_is_refused_whole(network, worker, changed):
    client = network.client("A")
    network.release(client)
    good = {"records": [record(client)]}
    if isinstance(changed.get("records"), list) and len(changed["records"]) < 200:
        changed = {"records": [*good["records"], *changed["records"]]}
    assert give(worker, **{**good, **changed}).status_code == 400
    assert standing(network) == set()


def test_who_may_not_open_cards_asks_and_gives_nothing(network):
    for role in ("hotline", "partner_viewer"):
        browser = network.browser("A", role)
        assert send(browser, "tokens_wanted", {}).status_code == 404
        assert give(browser).status_code == 404


# The tool's list and file


def test_the_list_has_what_the_tool_finds_clients_by(network, lead):
    clients = [network.client("A", "KH-2214"), network.client("A", source_key="0a" * 16), network.client("A")]
    network.release(clients[0])
    network.release(clients[1], ends_at=Now() + timedelta(days=1))
    answer = lead.get(reverse("referrals:tokens_list"))
    said = json.loads(answer.content)
    assert (answer["Cache-Control"], answer["Content-Disposition"]) == (
        "no-store", 'attachment; filename="wanted.json"',
    )  # fmt: skip
    rows = {one.pop("client"): one for one in said.pop("clients")}
    assert {key: said[key] for key in ("format", "agency", "epoch", "version")} == {
        "format": "casehub-wanted/1", "agency": "agency-a", **EPOCH,
    }  # fmt: skip
    assert rows.keys() == {str(one.pk) for one in clients[:2]}
    coded, sourced = (rows[str(one.pk)] for one in clients[:2])
    assert (coded["code"], coded["source"]) == ("KH-2214", "")
    assert (sourced["code"], sourced["source"]) == ("", "0a" * 16)
    assert said["made_at"] < sourced["until"] < coded["until"]
    with network.acting("A", "data_lead"):
        entry = LedgerEntry.objects.get(verb="linkage.list_taken")
    assert entry.rows == 2


def test_the_tool_reads_the_list(network, lead, tmp_path):
    from referrals.agency_side.tokens import Wanted

    client = network.client("A", "KH-2214")
    network.release(client)
    (tmp_path / "wanted.json").write_bytes(lead.get(reverse("referrals:tokens_list")).content)
    found = Wanted.read(tmp_path / "wanted.json")
    assert (found.agency, found.epoch, dict(found.by_code)) == ("agency-a", 1, {"kh-2214": str(client.pk)})


def test_each_line_is_taken_by_itself_and_said_why_it_was_not(network, lead):
    counted, not_counted = network.client("A"), network.client("A")
    network.release(counted)
    lines = [record(not_counted), record(counted), {"client": "x"}, record(uuid.uuid4()), None]
    answer = send(lead, "tokens_lines", {**EPOCH, "records": lines})
    assert answer.json() == {"refused": [[0, "unwanted"], [2, "form"], [3, "unwanted"], [4, "form"]]}
    assert standing(network) == {counted.pk}


def test_the_page_counts_whom_tokens_are_wanted_of(network, lead):
    network.release(network.client("A"))
    page = lead.get(reverse("referrals:tokens_in")).content.decode()
    assert 'data-agency="agency-a" data-epoch="1"' in page and "Tokens of 1 client are wanted." in page
    assert network.browser("A").get(reverse("referrals:tokens_in")).status_code == 404


def test_while_linkage_is_off_there_is_no_list(world):
    lead = world.browser("A", "data_lead")
    assert lead.get(reverse("referrals:tokens_list")).status_code == 404
    assert b"No tokens are wanted" in lead.get(reverse("referrals:tokens_in")).content


# How many tokens one person may have


def test_the_browser_the_tool_and_the_hub_know_one_bound():
    assert {person.MOST_TOKENS, records.MOST_TOKENS, web.MOST_TOKENS} == {MOST_TOKENS}
    script = (SCRIPTS / "linkkeys.js").read_text("utf-8")
    assert re.findall(r"\bMOST_TOKENS = (\d+);", script) == [str(MOST_TOKENS)]
    # What one request to a holder takes is another number, and no less.
    [asked] = re.findall(r"\bMOST_TEXTS = (\d+);", (SCRIPTS / "tokenise.js").read_text("utf-8"))
    assert MOST_TOKENS <= int(asked) <= wire.MOST_ELEMENTS


def test_one_name_alone_is_never_too_much():
    """Aliases are left out until the rest fits, and the longest name that there can be fits without any."""
    halves = normalise.MOST_HALVES
    formal = sorted((len(forms) for forms in FORMAL.values()), reverse=True)
    first, last = 1 + halves + sum(formal[: 1 + halves]), 1 + halves
    takes = {
        "names": {"F": first, "L": last, "W3": first + last, "N1": 1, "N3": first * last, "N": first * last},
        "rest": {"D": 1, "S": 1, "Y": 1, "Z": 1},
    }
    views = takes["names"] | takes["rest"]
    most = sum(math.prod(views[part] for part in key.split(".")) for key in KEYS)
    assert 200 < most <= MOST_TOKENS


def test_somebody_of_many_names_is_trimmed_and_taken(network, worker):
    card = {
        "name": {
            "legal": "Jerry-Kate-Terry Lee-Kay-Rayy-Abcd",
            "used": "Alex-Chris-Frank Moss-Dell-Bay",
            "other": [f"Kate-Jerry-{one} Weir-Wold-{one}" for one in ("Bert", "Dana", "Elan", "Fern")],
        },
        "birth": "1990-03-15",
        "zip": "90210",
        "ids": {"ssn4": "1234"},
    }
    assert len(inputs(person.person_of(card), epoch=1)) > MOST_TOKENS
    made = [[key, text(secrets.token_bytes(16))] for key, _input in person.card_inputs(card, epoch=1)]
    client = network.client("A")
    network.release(client)
    assert give(worker, {"client": str(client.pk), "tokens": made}).status_code == 204
    assert standing(network) == {client.pk}
