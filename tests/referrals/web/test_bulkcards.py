"""Cards of a sealed file as the hub takes them: whose each key is, and each card by itself. What the browser makes
of the file stands in tests/browser/test_bulk_cards.py."""

import secrets
import uuid

import pytest
from django.urls import reverse

from agencies.models import KeyWrap, MemberKey, VaultKey
from referrals import actions, queries
from referrals.models import ContactCard
from tests.referrals.test_cards import begin, body, entries, envelope, send, text

KEY = "0a" * 16


def hand_key(world, letter, role, version=1):
    with world.acting(letter, role) as actor:
        member, _made = MemberKey.objects.get_or_create(
            agency_id=actor.agency_id,
            user_id=actor.user_id,
            ended_at=None,
            defaults={"public_key": secrets.token_bytes(32)},
        )
        KeyWrap.objects.create(
            agency_id=actor.agency_id, version=version, member=member, sender=member, wrapped=b"w", tag=b"t"
        )


@pytest.fixture
def lead(world):
    begin(world, "A", holders=("caseworker",))
    hand_key(world, "A", "data_lead")
    return world.browser("A", "data_lead")


def whose(browser, *keys):
    return send(browser, "cards_whose", {"keys": list(keys)})


def test_each_key_is_answered_in_its_place(world, lead):
    one = world.client("A", "KH-2214")
    two = world.client("A", source_key=KEY)
    send(world.browser("A"), "card_save", body(two))
    asked = [{"source": KEY, "code": ""}, {"source": "0b" * 16}, {"code": " kh-2214 "}, {"code": "KH-1"}]
    assert whose(lead, *asked).json() == {
        "clients": [
            {"client": str(two.pk), "revision": 1},
            None,
            {"client": str(one.pk), "revision": 0},
            None,
        ]
    }


def test_a_code_is_not_asked_for_among_source_keys_nor_the_other_way(world, lead):
    world.client("A", "KH-2214", source_key=KEY)
    assert whose(lead, {"source": "KH-2214"}, {"code": KEY}).json() == {"clients": [None, None]}


def test_another_agencys_a_closed_and_no_client_are_answered_and_entered_alike(world, lead):
    world.client("B", "KH-1", source_key=KEY)
    closed = world.client("A", "KH-2", source_key="0c" * 16)
    with world.acting("A", "supervisor"):
        actions.restrict_client(client=closed, openers=[])
    answers = {
        whose(lead, {"source": source}, {"code": code}).content
        for source, code in ((KEY, "KH-1"), ("0c" * 16, "KH-2"), ("0d" * 16, "KH-3"))
    }
    assert answers == {b'{"clients": [null, null]}'}
    said = {(one.rows, one.target_id, one.why) for one in entries(world, "A", "card.matched")}
    assert said == {(2, "", "")}
    # Sabotage: whoever the record is open to is told.
    hand_key(world, "A", "supervisor")
    assert whose(world.browser("A", "supervisor"), {"code": "KH-2"}).json()["clients"] != [None]


def test_200_keys_are_one_question(world, lead, django_assert_max_num_queries):
    for number in range(30):
        world.client("A", f"KH-{number}")
    keys = [{"code": f"KH-{number}"} for number in range(200)]
    whose(lead, *keys)
    with django_assert_max_num_queries(14):
        answer = whose(lead, *keys).json()["clients"]
    assert [bool(one) for one in answer] == [number < 30 for number in range(200)]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"keys": 3},
        {"keys": ["KH-1"]},
        {"keys": [{}]},
        {"keys": [{"source": KEY, "code": "KH-1"}]},
        {"keys": [{"source": 3}]},
        {"keys": [{"code": " "}]},
        {"keys": [{"code": "x" * 201}]},
        {"keys": [{"code": ["KH-1"]}]},
        {"keys": [{"code": "KH-1"}] * 201},
    ],
    ids=range(10),
)
def test_what_names_no_client_is_refused_in_words(lead, said):
    answer = send(lead, "cards_whose", said)
    assert answer.status_code == 400 and answer.json()["detail"].endswith(".")


def test_each_card_is_kept_or_not_by_itself(world, lead):
    kept, stands, newer = (world.client("A") for _ in range(3))
    closed, foreign = world.client("A"), world.client("B")
    with world.acting("A", "supervisor"):
        actions.restrict_client(client=closed, openers=[])
    send(world.browser("A"), "card_save", body(stands))
    cards = [
        body(kept),
        body(stands),
        body(stands, revision=1),
        body(newer, key_version=2, sealed=text(envelope(2))),
        body(newer, sealed="nothing"),
        body(closed),
        body(foreign),
        body(uuid.uuid4()),
    ]
    one, two, three, *refused, gone, abroad, missing = send(lead, "cards_save_many", {"cards": cards}).json()[
        "cards"
    ]
    assert (one, two, three) == ({"revision": 1}, {"moved": 1}, {"revision": 2})
    assert [list(each) for each in refused] == [["refused"], ["refused"]]
    assert all(each["refused"].endswith(".") for each in refused)
    assert gone == abroad == missing == {"gone": True}
    with world.acting("A", "data_lead"):
        found = dict(queries.cards().values_list("client_id", "revision"))
        assert found == {kept.pk: 1, stands.pk: 2}
        assert queries.card_of(kept).saved_by == world.person("A", "data_lead")
    assert len(entries(world, "A", "contactcard.created")) == 2


@pytest.mark.parametrize(
    "said", [{}, {"cards": {}}, {"cards": [{}]}, {"cards": [{"client": "x"}]}], ids=range(4)
)
def test_a_batch_that_says_nothing_is_refused(lead, said):
    assert send(lead, "cards_save_many", said).status_code == 400


def test_more_than_200_cards_at_once_are_refused(world, lead):
    client = world.client("A")
    assert send(lead, "cards_save_many", {"cards": [body(client)] * 201}).status_code == 400
    with world.acting("A", "data_lead"):
        assert not ContactCard.objects.exists()


@pytest.mark.parametrize(
    ("role", "status"),
    [("data_lead", 200), ("supervisor", 200), ("caseworker", 404), ("hotline", 404), ("partner_viewer", 404)],
)
def test_who_keeps_the_keys_brings_cards_in(world, role, status):
    begin(world, "A", holders=())
    hand_key(world, "A", role)
    browser = world.browser("A", role)
    client = world.client("A", "KH-1")
    assert browser.get(reverse("referrals:cards_in")).status_code == status
    assert whose(browser, {"code": "KH-1"}).status_code == status
    assert send(browser, "cards_save_many", {"cards": [body(client)]}).status_code == status
    with world.acting("A", "supervisor"):
        assert ContactCard.objects.count() == (status == 200)


def test_without_the_newest_key_nobody_brings_cards_in(world, lead):
    client = world.client("A")
    other = world.browser("A", "supervisor")
    assert send(other, "cards_save_many", {"cards": [body(client)]}).status_code == 404
    begin(world, "A", version=2, holders=())
    late = body(client, key_version=2, sealed=text(envelope(2)))
    assert send(lead, "cards_save_many", {"cards": [late]}).status_code == 404
    hand_key(world, "A", "data_lead", version=2)
    assert send(lead, "cards_save_many", {"cards": [late]}).json() == {"cards": [{"revision": 1}]}


def test_the_page_says_what_is_missing_before_a_file_can_be_chosen(world):
    page = reverse("referrals:cards_in")
    browser = world.browser("A", "supervisor")
    assert 'data-closed="nobody"' in browser.get(page).content.decode()
    begin(world, "A", holders=())
    assert 'data-closed="nokey"' in browser.get(page).content.decode()
    hand_key(world, "A", "supervisor")
    said = browser.get(page).content.decode()
    assert 'data-closed="locked"' in said and 'name="' not in said.split("sealed_file")[1][:300]
    with world.acting("A", "supervisor"):
        assert VaultKey.objects.count() == 1
