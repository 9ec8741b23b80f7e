"""Passkeys as the second step: each answer once, none but the right one, and a shared computer's only where and
while it counts. The browser's half stands in tests/browser/test_passkeys.py."""

import json
import re
import threading
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agencies import actions, affairs
from agencies.models import LedgerEntry, Membership, SpentChallenge, WorkstationKey
from agencies.roles import MAY_USE_A_WORKSTATION, ROLES, Permission
from casehub import passkeys, signin
from tests.casehub.device import Device
from tests.casehub.test_signin import CODE, code_of, give_password, signed_in
from tests.world import PASSWORD

ADD, COMPUTER, COMPUTERS = "/account/2fa/passkeys/add/", "/account/2fa/computer/", "/agency/computers/"
AGAIN = "/account/2fa/passkeys/confirm/"
REFUSED = b"That passkey was not accepted"


@pytest.fixture(autouse=True)
def _no_earlier_tries():
    cache.clear()


def browser_of(world=None, letter="A", role="caseworker"):
    """A browser at the hub's name; signed in just now, if it is somebody's."""
    browser = Client(SERVER_NAME="localhost")
    if world:
        browser.force_login(
            world.person(letter, role), backend="allauth.account.auth_backends.AuthenticationBackend"
        )
        prove_now(browser, world.person(letter, role))
    return browser


def prove_now(browser, user):
    session = browser.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time(), "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


def add_passkey(browser, device, name="Work laptop", where=ADD, **lies):
    options = browser.get(where).context["options"]
    return browser.post(where, {"name": name, "credential": device.make(options, **lies)})


@pytest.fixture
def owner(world):
    """Someone whose only factor is a passkey, and the device."""
    device = Device()
    user = world.person("A", second_factor=False)
    assert add_passkey(browser_of(world), device).status_code == 302
    return user, device


def ask(browser, user):
    """Password given; what the second step asks of a passkey."""
    give_password(browser, user.email)
    return browser.get(CODE).context["options"]


def try_passkey(user, device, **lies):
    browser = browser_of()
    answer = browser.post(CODE, {"credential": device.answer(ask(browser, user), **lies)})
    return browser, answer


# One's own


def test_a_passkey_is_made_as_the_vault_and_the_rules_want_it(world):
    world.person("A", second_factor=False)
    asked = json.loads(browser_of(world).get(ADD).context["options"])["publicKey"]
    assert asked["rp"]["id"] == "localhost"
    assert asked["extensions"]["prf"] == {}
    assert asked["authenticatorSelection"]["residentKey"] == "preferred"
    assert asked["authenticatorSelection"]["userVerification"] == "required"


def test_a_passkey_is_a_second_factor_and_lets_its_owner_in(owner):
    user, device = owner
    browser, answer = try_passkey(user, device)
    assert answer.status_code == 302 and signed_in(browser)
    assert browser.get("/day/").status_code == 200
    assert [(one.title, one.credential_id) for one in signin.passkeys_of(user)] == [
        ("Work laptop", device.id)
    ]


def test_who_came_from_the_cards_keys_goes_back_there(world):
    """Over the recovery codes, where the passkey is the first factor; else at once."""
    cards = "/agency/card-keys/"
    world.person("A", second_factor=False)
    browser = browser_of(world)
    assert f'action="{ADD}?for=cards"' in browser.get(f"{ADD}?for=cards").content.decode()
    codes = add_passkey(browser, Device(), where=f"{ADD}?for=cards").url
    assert f'href="{cards}">I have kept them' in browser.get(codes).content.decode()
    assert add_passkey(browser, Device(), where=f"{ADD}?for=cards").url == cards
    assert add_passkey(browser, Device()).url != cards
    assert f'href="{cards}">I have kept them' not in browser.get(codes.partition("?")[0]).content.decode()


def test_only_public_parts_of_an_answer_are_kept(owner):
    user, _device = owner
    kept = Authenticator.objects.get(user=user, type="webauthn").data
    assert "secret" not in json.dumps(kept)
    assert kept["credential"]["clientExtensionResults"] == {
        "credProps": {"rk": True},
        "prf": {"enabled": True},
    }


LIES = {
    "without PIN or finger": {"verified": False},
    "from another origin": {"origin": "https://localhost"},
    "from another port": {"origin": "http://localhost:81"},
    "from a subdomain": {"origin": "http://evil.localhost"},
    "to another challenge": {"challenge": "A" * 43},
}


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
def test_an_answer_that_is_not_right_adds_nothing_and_lets_nobody_in(world, owner, lies):
    user, device = owner
    browser, answer = try_passkey(user, device, **lies)
    assert not signed_in(browser) and REFUSED in answer.content
    add_passkey(browser_of(world), Device(), **lies)
    assert len(signin.passkeys_of(user)) == 1


def test_another_devices_answer_is_refused(owner):
    user, device = owner
    for wrong in (try_passkey(user, Device()), try_passkey(user, device, by=Device())):
        assert not signed_in(wrong[0]) and REFUSED in wrong[1].content
    elsewhere = Device(host="other.example", id=device.id, key=device.key)
    assert not signed_in(try_passkey(user, elsewhere)[0])


def test_another_persons_passkey_is_refused(world, owner):
    _user, device = owner
    other = world.person("B", second_factor=False)
    add_passkey(browser_of(world, "B"), Device())
    assert not signed_in(try_passkey(other, device)[0])
    # Nor can it be taken in under another account.
    assert REFUSED in add_passkey(browser_of(world, "B"), device).content


@pytest.mark.parametrize(
    "sent", ["", "nonsense", "[]", "null", "7", '"x"', "{}", '{"id": 1, "rawId": 2}', '{"response": {}}']
)
def test_nonsense_is_refused_politely(world, owner, sent):
    user, _device = owner
    browser = browser_of()
    ask(browser, user)
    assert browser.post(CODE, {"credential": sent}).status_code == 200 and not signed_in(browser)
    assert browser_of(world).post(ADD, {"credential": sent}).status_code == 200


def test_torn_answers_are_refused_politely(owner):
    """Each part of a real answer, cut short or changed."""
    user, device = owner
    for part in ("clientDataJSON", "authenticatorData", "signature"):
        for damage in (lambda text: text[:9], lambda text: text[:-4] + "____", lambda text: None):
            cache.clear()
            Authenticator.objects.filter(user=user).update(data=fresh(user))
            browser = browser_of()
            said = json.loads(device.answer(ask(browser, user)))
            said["response"][part] = damage(said["response"][part])
            answer = browser.post(CODE, {"credential": json.dumps(said)})
            assert answer.status_code == 200 and not signed_in(browser), part


def fresh(user):
    """The passkey's data, with no wrong tries counted."""
    data = Authenticator.objects.get(user=user, type="webauthn").data
    data.pop("wrong", None)
    return data


def test_an_answer_is_taken_once(owner):
    user, device = owner
    browser = browser_of()
    said = device.answer(ask(browser, user))
    browser.post(CODE, {"credential": said})
    assert signed_in(browser)
    again = browser_of()
    ask(again, user)
    assert REFUSED in again.post(CODE, {"credential": said}).content
    assert not signed_in(again)


def test_a_challenge_is_spent_even_if_the_session_remembers_it(owner):
    """Two requests read the session before either has written it: the database lets one through."""
    user, device = owner
    browser = browser_of()
    said = device.answer(ask(browser, user))
    kept = dict(browser.session.items())
    browser.post(CODE, {"credential": said})
    twin = browser_of()
    ask(twin, user)
    session = twin.session
    session["mfa.webauthn.state"] = kept["mfa.webauthn.state"]
    session.save()
    assert REFUSED in twin.post(CODE, {"credential": said}).content
    # Sabotage: without the entry it would have been let in.
    SpentChallenge.objects.all().delete()
    session = twin.session
    session["mfa.webauthn.state"] = kept["mfa.webauthn.state"]
    session.save()
    twin.post(CODE, {"credential": said})
    assert signed_in(twin)


@pytest.mark.slow
def test_of_twenty_sends_at_once_of_one_answer_one_signs_in(lasting_world):
    device, user = Device(), lasting_world.person("A", second_factor=False)
    add_passkey(browser_of(lasting_world), device)
    first = browser_of()
    said = device.answer(ask(first, user))
    won, start = [], threading.Barrier(20)

    def send():
        browser = browser_of()
        browser.cookies = first.cookies.copy()
        browser.raise_request_exception = False
        start.wait()
        try:
            answer = browser.post(CODE, {"credential": said})
            won.append(answer.status_code == 302 and "_auth_user_id" in browser.session)
        except Exception as error:  # whoever comes last may find the session gone
            won.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), won.count(True)) == (20, 1), won


def test_a_device_that_counts_must_count_on(world):
    device, user = Device(count=5), world.person("A", second_factor=False)
    add_passkey(browser_of(world), device)
    assert signed_in(try_passkey(user, device)[0])
    device.count -= 1  # a copy of it would not know
    assert not signed_in(try_passkey(user, device)[0])
    device.count += 5
    assert signed_in(try_passkey(user, device)[0])


def test_a_removed_passkey_opens_nothing(world, owner):
    user, device = owner
    browser, _answer = try_passkey(user, device)
    open_page = browser_of()
    said = device.answer(ask(open_page, user))
    passkey = signin.passkeys_of(user)[0].id
    prove_now(browser, user)
    browser.post(reverse("mfa_remove_webauthn", args=[passkey]))
    assert signin.passkeys_of(user) == [] and not Authenticator.objects.filter(user=user).exists()
    open_page.post(CODE, {"credential": said})
    assert not signed_in(open_page)
    assert browser.get("/day/")["Location"] == reverse("mfa_activate_totp")


@pytest.mark.parametrize("act", ["mfa_edit_webauthn", "mfa_remove_webauthn"])
def test_nobody_touches_anothers_passkey(world, owner, act):
    user, _device = owner
    url = reverse(act, args=[signin.passkeys_of(user)[0].id])
    stranger = browser_of(world, "B")
    assert (stranger.get(url).status_code, stranger.post(url, {"name": "mine"}).status_code) == (404, 404)
    assert [one.title for one in signin.passkeys_of(user)] == ["Work laptop"]


def test_a_passkey_is_renamed(owner):
    user, device = owner
    browser, _answer = try_passkey(user, device)
    browser.post(reverse("mfa_edit_webauthn", args=[signin.passkeys_of(user)[0].id]), {"name": "Key ring"})
    assert [one.title for one in signin.passkeys_of(user)] == ["Key ring"]


def test_making_naming_and_removing_ask_who_it_is(owner):
    user, device = owner
    browser, _answer = try_passkey(user, device)
    session = browser.session
    session["account_authentication_methods"] = []
    session.save()
    passkey = signin.passkeys_of(user)[0].id
    for url in (ADD, *(reverse(f"mfa_{act}_webauthn", args=[passkey]) for act in ("edit", "remove"))):
        assert browser.get(url)["Location"].startswith(reverse("account_reauthenticate"))


def test_a_passkey_confirms_who_it_is_and_gives_the_session_a_new_key(owner):
    user, device = owner
    browser, _answer = try_passkey(user, device)
    session = browser.session
    session["account_authentication_methods"] = []
    session.save()
    options = browser.get(AGAIN).context["options"]
    before = browser.session.session_key
    assert REFUSED in browser.post(AGAIN, {"credential": Device().answer(options)}).content
    options = browser.get(AGAIN).context["options"]
    answer = browser.post(f"{AGAIN}?next={ADD}", {"credential": device.answer(options)})
    assert answer["Location"] == ADD and browser.session.session_key != before
    assert browser.get(ADD).status_code == 200
    stale = browser_of()
    stale.cookies["sessionid"] = before
    assert stale.get("/keys/").status_code == 302


def test_the_second_step_offers_what_the_person_has(world, owner):
    user, _device = owner
    browser = browser_of()
    give_password(browser, user.email)
    page = browser.get(CODE).content
    assert b"Use a passkey" in page and b"recovery codes" in page and b"authenticator app" not in page
    both = world.person("B")
    browser = browser_of()
    give_password(browser, both.email)
    page = browser.get(CODE).content
    assert b"Use a passkey" not in page and b"authenticator app" in page
    add_passkey(browser_of(world, "B"), Device())
    page = browser.get(CODE).content
    assert b"Use a passkey" in page and b"authenticator app" in page
    assert browser.post(CODE, {"code": code_of(both)}).status_code == 302 and signed_in(browser)


def test_recovery_codes_work_beside_a_passkey_once_and_rest_after_ten_wrong_ones(owner):
    user, device = owner
    spare = RecoveryCodes.activate(user).generate_codes()
    found = []
    for _try in range(2):
        browser = browser_of()
        give_password(browser, user.email)
        browser.post(CODE, {"code": spare[0]})
        found.append(signed_in(browser))
    assert found == [True, False]
    for _try in range(signin.WRONG_CODES):
        browser.post(CODE, {"code": "00000000"})
    assert b"Too many wrong codes" in browser.post(CODE, {"code": spare[1]}).content
    assert b"Too many wrong codes" in try_passkey(user, device)[1].content


def test_wrong_passkeys_count_as_wrong_tries(owner):
    user, device = owner
    for _try in range(signin.WRONG_CODES):
        try_passkey(user, device, by=Device())
    browser, answer = try_passkey(user, device)
    assert b"Too many wrong codes" in answer.content and not signed_in(browser)


def test_at_a_bare_number_the_page_says_where_passkeys_work(world):
    world.person("A", second_factor=False)
    browser = browser_of(world)
    at_number = browser.get(ADD, SERVER_NAME="127.0.0.1").content
    assert b"<strong>localhost</strong>" in at_number and b"data-passkey" not in at_number
    assert b"data-passkey" in browser.get(ADD).content


# A shared computer's


def add_computer(world, device, letter="A", title="Hotline desk", **lies):
    lead = browser_of(world, letter, "data_lead")
    options = lead.get(COMPUTERS).context["options"]
    answer = lead.post(COMPUTERS, {"act": "add", "title": title, "credential": device.make(options, **lies)})
    return lead, answer


@pytest.fixture
def desk(world):
    """The passkey of agency A's shared computer."""
    device = Device()
    assert add_computer(world, device)[1].status_code == 302
    return device


def sit_down(user, device, **lies):
    """Password, then the computer's passkey. The browser and what it was answered; None if it was not asked."""
    browser = browser_of()
    answer = give_password(browser, user.email)
    if not answer["Location"].startswith(COMPUTER):
        return browser, None
    options = browser.get(COMPUTER).context["options"]
    return browser, browser.post(COMPUTER, {"credential": device.answer(options, **lies), "next": "/"})


def opens(browser):
    return browser.get("/day/").status_code == 200


def test_a_computers_passkey_is_asked_for_as_its_own(world, desk):
    lead = browser_of(world, "A", "data_lead")
    asked = json.loads(lead.get(COMPUTERS).context["options"])["publicKey"]
    selection = asked["authenticatorSelection"]
    assert (selection["authenticatorAttachment"], selection["userVerification"]) == ("platform", "required")
    assert "extensions" not in asked, "no key to a vault comes of it"
    assert len(asked["excludeCredentials"]) == 1


def test_a_caseworker_without_a_phone_works_at_the_shared_computer(world, desk):
    user = world.person("A", second_factor=False)
    browser, answer = sit_down(user, desk)
    assert answer.status_code == 302 and opens(browser)
    # The same person elsewhere, with the password alone, is shown the same two ways and no page.
    elsewhere = browser_of()
    give_password(elsewhere, user.email)
    assert elsewhere.get("/day/")["Location"] == COMPUTER and not opens(elsewhere)


def test_a_volunteer_may_use_it_and_needs_not(world, desk):
    user = world.person("A", "hotline", second_factor=False)
    browser, answer = sit_down(user, desk)
    assert answer.status_code == 302 and browser.session["workstation"]["agency"] == world.agency("A").pk
    assert browser.get("/contacts/new/").status_code == 200
    without = browser_of()
    give_password(without, user.email)
    assert b"Go on without it" in without.get(COMPUTER).content
    assert without.get("/contacts/new/").status_code == 200


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
def test_a_wrong_answer_of_a_computer_opens_nothing(world, desk, lies):
    browser, answer = sit_down(world.person("A", second_factor=False), desk, **lies)
    assert REFUSED in answer.content and not opens(browser)
    add_computer(world, Device(), **lies)
    with world.acting("A", "data_lead"):
        assert affairs.workstations().count() == 1


def test_a_computer_that_nobody_added_opens_nothing(world, desk):
    user = world.person("A", second_factor=False)
    browser, answer = sit_down(user, Device())
    assert REFUSED in answer.content and not opens(browser)
    for sent in ("", "[]", "{}", "null"):
        assert browser.post(COMPUTER, {"credential": sent}).status_code == 200
    browser, answer = sit_down(user, desk, by=Device())
    assert REFUSED in answer.content and not opens(browser)


def test_a_computers_answer_is_taken_once(world, desk):
    user = world.person("A", second_factor=False)
    browser = browser_of()
    give_password(browser, user.email)
    said = desk.answer(browser.get(COMPUTER).context["options"])
    state = browser.session[passkeys.COMPUTERS_STATE]
    assert browser.post(COMPUTER, {"credential": said}).status_code == 302
    twin = browser_of()
    give_password(twin, user.email)
    twin.get(COMPUTER)
    session = twin.session
    session[passkeys.COMPUTERS_STATE] = state
    session.save()
    assert REFUSED in twin.post(COMPUTER, {"credential": said}).content and not opens(twin)


@pytest.mark.parametrize("role", [name for name in ROLES if name not in MAY_USE_A_WORKSTATION])
def test_other_roles_need_a_factor_of_their_own(world, desk, role):
    letter = "HUB" if ROLES[role].at_hub_office else "A"
    user = world.person(letter, role, second_factor=False)
    if role == "data_lead":  # the one who added the desk has one
        Authenticator.objects.filter(user=user).delete()
    browser, answer = sit_down(user, desk)
    assert answer is None and browser.get(COMPUTER).status_code == 404


def test_a_role_beside_that_may_not_ends_it_at_the_next_request(world, desk):
    user = world.person("A", second_factor=False)
    browser, _answer = sit_down(user, desk)
    assert opens(browser)
    actions.grant_role(user, world.agency("A"), "supervisor")
    assert browser.get("/day/")["Location"] == reverse("mfa_activate_totp")


def test_the_roles_that_may_use_it_take_nothing_out_and_keep_nothing():
    """The list in roles.py: nobody on it exports, imports, closes records, lets people in or runs an agency."""
    keeping = {
        *(
            Permission.CLIENT_RESTRICT,
            Permission.DATA_IMPORT,
            Permission.REPORT_EXPORT,
            Permission.GRANT_REPORT,
        ),
        *(
            Permission.REPORT_RELEASE,
            Permission.LEDGER_READ,
            Permission.AGENCY_MANAGE,
            Permission.MEMBER_INVITE,
        ),
        *(Permission.NETWORK_MANAGE, Permission.HUB_OPERATE),
    }
    for name in MAY_USE_A_WORKSTATION:
        assert not ROLES[name].grants & keeping


def test_another_agencys_member_gains_nothing(world, desk):
    stranger = world.person("B", second_factor=False)
    browser, answer = sit_down(stranger, desk)
    assert answer is None and browser.get(COMPUTER).status_code == 404
    # Even at an agency that has computers of its own.
    add_computer(world, Device(), "B")
    browser, answer = sit_down(stranger, desk)
    assert REFUSED in answer.content and not opens(browser)


def test_it_counts_at_that_agency_only(world, desk):
    user = world.person("A", second_factor=False)
    actions.grant_role(user, world.agency("B"), "caseworker")
    browser, _answer = sit_down(user, desk)
    assert opens(browser)
    browser.post(reverse("choose_agency"), {"agency": world.agency("B").pk})
    assert not opens(browser)
    browser.post(reverse("choose_agency"), {"agency": world.agency("A").pk})
    assert opens(browser)


def test_whoever_has_a_factor_of_their_own_uses_that(world, desk):
    browser, answer = sit_down(world.person("A"), desk)
    assert answer is None and not signed_in(browser)


def test_it_ends_with_the_key_the_role_and_the_session(world, desk):
    user = world.person("A", second_factor=False)
    browser, _answer = sit_down(user, desk)
    with world.acting("A", "data_lead"):
        key = affairs.workstations().get()
    lead = browser_of(world, "A", "data_lead")
    assert lead.post(COMPUTERS, {"act": "remove", "computer": key.pk}).status_code == 302
    assert browser.get("/day/")["Location"] == reverse("mfa_activate_totp")
    assert browser.get(COMPUTER).status_code == 404
    with world.acting("A", "data_lead"):  # back again, for the other two
        WorkstationKey.objects.update(removed_at=None)
    assert opens(browser)
    browser.post("/account/logout/")
    give_password(browser, user.email)
    assert not opens(browser)
    browser, _answer = sit_down(user, desk)
    actions.end_role(user, world.agency("A"), "caseworker")
    assert browser.get("/day/").status_code == 404


def test_the_door_asks_at_each_request(world, desk, monkeypatch):
    """Sabotage: a session that says it stands on a computer is believed by nobody but the table."""
    user = world.person("A", second_factor=False)
    browser, _answer = sit_down(user, desk)
    session = browser.session
    for claim in ({"key": "0" * 32, "agency": world.agency("A").pk}, {**session["workstation"], "agency": 0}):
        session["workstation"] = claim
        session.save()
        assert not opens(browser)
    monkeypatch.setattr("agencies.doors.stands_on_workstation", lambda actor, session: True)
    assert opens(browser)


def test_a_token_proves_no_computer(world, desk):
    user = world.person("A", second_factor=False)
    browser, _answer = sit_down(user, desk)
    assert browser.get("/api/v1/clients/").status_code == 200
    with world.acting("A"):
        _token, secret = actions.make_api_token(title="A script")
    assert Client().get("/api/v1/clients/", HTTP_AUTHORIZATION=f"Token {secret}").status_code == 404


def test_a_password_alone_makes_no_factor_where_a_computer_was_the_second_one(world, desk):
    """Else whoever learns the password could set up an app at home, and come in for good."""
    user = world.person("A", second_factor=False)
    browser, _answer = sit_down(user, desk)
    elsewhere = browser_of()
    give_password(elsewhere, user.email)
    prove_now(elsewhere, user)
    for url in (ADD, reverse("mfa_activate_totp")):
        assert browser.get(url).status_code in (200, 302)
        for answer in (elsewhere.get(url), elsewhere.post(url, {"code": "000000"})):
            assert answer.status_code == 403 and b"at the shared computer" in answer.content
    prove_now(browser, user)
    assert add_passkey(browser, Device()).status_code == 302
    Authenticator.objects.filter(user=user).delete()
    lead = browser_of(world, "A", "data_lead")
    lead.post(reverse("people"), {"act": "second_step_off", "user": user.pk})
    assert elsewhere.get(ADD).status_code == 200


def test_a_computer_stands_in_the_ledger(world, desk):
    user = world.person("A", second_factor=False)
    for _again in range(3):
        sit_down(user, desk)
    sit_down(world.person("A", "hotline", second_factor=False), desk)
    with world.acting("A", "data_lead"):
        key = affairs.workstations().get()
        affairs.remove_workstation(key.pk)
        told = (
            LedgerEntry.objects.filter(target_id=str(key.pk)).order_by("id").values_list("verb", "user__name")
        )
        assert list(told) == [
            ("workstation.added", "data_lead of A"),
            ("workstation.used", "caseworker of A"),
            ("workstation.used", "hotline of A"),
            ("workstation.removed", "data_lead of A"),
        ]
        key.refresh_from_db()
        assert key.last_used_on == timezone.localdate()
    assert Membership.objects.get(user=user).workstation_since is not None


def test_adding_and_removing_ask_who_it_is(world, desk):
    lead = browser_of(world, "A", "data_lead")
    options = lead.get(COMPUTERS).context["options"]
    session = lead.session
    session["account_authentication_methods"] = []
    session.save()
    again, device = reverse("account_reauthenticate"), Device()
    sent = {"act": "add", "title": "Front office", "credential": device.make(options)}
    asked = lead.post(COMPUTERS, sent)
    assert asked["Location"].startswith(again)
    # After the password the same request goes on, with the challenge it answered.
    lead.post(asked["Location"], {"password": PASSWORD})
    with world.acting("A", "data_lead"):
        assert {one.title for one in affairs.workstations()} == {"Hotline desk", "Front office"}
        key = affairs.workstations().first()
    session = lead.session
    session["account_authentication_methods"] = []
    session.save()
    assert lead.post(COMPUTERS, {"act": "remove", "computer": key.pk})["Location"].startswith(again)


@pytest.mark.parametrize("role", ["caseworker", "supervisor", "hotline", "coordinator"])
def test_only_a_data_lead_adds_computers(world, desk, role):
    browser = browser_of(world, "HUB" if role == "coordinator" else "A", role)
    assert browser.get(COMPUTERS).status_code == 404
    assert browser.post(COMPUTERS, {"act": "add"}).status_code == 404


def test_no_agency_removes_anothers_computer(world, desk):
    with world.acting("A", "data_lead"):
        key = affairs.workstations().get()
    lead = browser_of(world, "B", "data_lead")
    assert lead.post(COMPUTERS, {"act": "remove", "computer": key.pk}).status_code == 404
    assert lead.post(COMPUTERS, {"act": "remove", "computer": "x"}).status_code == 404
    with world.acting("A", "data_lead"):
        assert affairs.workstations().count() == 1


def test_the_same_computer_is_not_added_twice(world, desk):
    _lead, answer = add_computer(world, desk)
    assert REFUSED in answer.content


def test_nobody_is_led_astray_after_the_step(world, desk):
    user = world.person("A", second_factor=False)
    browser = browser_of()
    give_password(browser, user.email)
    options = browser.get(COMPUTER).context["options"]
    sent = {"credential": desk.answer(options), "next": "https://elsewhere.example/"}
    assert browser.post(COMPUTER, sent)["Location"] == "/"


def test_the_page_of_a_person_without_a_computer_is_as_absent_as_any(world):
    gone = browser_of(world).get("/account/2fa/no-such-page/")
    there = browser_of(world).get(COMPUTER)
    assert (there.status_code, strip(there.content)) == (404, strip(gone.content))


def strip(body):
    return re.sub(rb"(value=\"|X-CSRFToken\": \")[\w-]{64}", b"", body)
