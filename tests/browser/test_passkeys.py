"""Passkeys in a real Chromium with a device that DevTools makes up: made, used, refused, removed, and a shared
computer's. By keyboard alone; what the server refuses is tested in full in tests/casehub/test_passkeys.py."""

import base64
import logging
from contextlib import contextmanager

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.urls import reverse

from agencies import affairs
from agencies.models import Membership
from casehub import signin
from tests.browser.chromium import Heard, faults
from tests.browser.keyboard import Keyboard
from tests.world import PASSWORD

pytestmark = pytest.mark.browser
REFUSED = "That passkey was not accepted"
ADD, INDEX, COMPUTERS = "/account/2fa/passkeys/add/", "/account/2fa/", "/agency/computers/"


@pytest.fixture(autouse=True)
def quiet(own_inbox):
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Computer(Keyboard):
    """A keyboard at a computer that keeps passkeys behind a PIN, which is typed at once and right."""

    def __init__(self, page, home, heard):
        super().__init__(page, home)
        self.heard = heard
        self.tools = page.context.new_cdp_session(page)
        self.tools.send("WebAuthn.enable", {"enableUI": False})
        self.device = self.tools.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                    "hasPrf": True,
                }
            },
        )["authenticatorId"]

    def know_the_pin(self, known):
        self.tools.send("WebAuthn.setUserVerified", {"authenticatorId": self.device, "isUserVerified": known})

    def kept(self):
        return self.tools.send("WebAuthn.getCredentials", {"authenticatorId": self.device})["credentials"]

    def forge(self):
        """Every passkey here by another private key, under the same number."""
        for one in self.kept():
            key = ec.generate_private_key(ec.SECP256R1())
            der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            name = {"authenticatorId": self.device, "credentialId": one["credentialId"]}
            self.tools.send("WebAuthn.removeCredential", name)
            wrong = {**one, "privateKey": base64.b64encode(der).decode(), "signCount": one["signCount"] + 5}
            self.tools.send("WebAuthn.addCredential", {"authenticatorId": self.device, "credential": wrong})

    def give_password(self, user):
        self.go("/account/login/")
        self.fill("Email", user.email)
        self.fill("Password", PASSWORD)
        self.on("Enter")

    def sign_out(self):
        self.page.context.clear_cookies()

    def looks_right(self):
        """No axe violation, nothing sideways, nothing on the console."""
        found = faults(self.page, self.heard, language="en")
        self.page.set_viewport_size({"width": 1280, "height": 800})
        return found == [] or found

    def add_passkey(self, name="Work laptop"):
        self.go(ADD)
        self.fill("What you call it", name)
        self.follow("Make the passkey")


@contextmanager
def seat(browser, live_server):
    heard = Heard(live_server.url)
    context = heard.listen(browser.new_context(viewport={"width": 1280, "height": 800}))
    yield Computer(context.new_page(), live_server.url, heard)
    context.close()
    assert heard.out() == []


def test_a_passkey_is_made_named_used_and_removed_by_keyboard(lasting_world, live_server, browser, settings):
    me = lasting_world.person("A")
    with seat(browser, live_server) as keys:
        keys.sign_in(me)
        keys.go(INDEX)
        keys.follow("Add a passkey")
        assert keys.looks_right() is True
        keys.fill("What you call it", "Work laptop")
        keys.follow("Make the passkey")
        assert keys.path == reverse("mfa_view_recovery_codes") and keys.says(
            "The passkey is yours from now on."
        )
        (kept,) = keys.kept()
        assert kept["isResidentCredential"] is True
        stored = Authenticator.objects.get(user=me, type="webauthn").data["credential"]
        assert stored["clientExtensionResults"] == {"credProps": {"rk": True}, "prf": {"enabled": True}}
        assert base64.b64decode(kept["credentialId"]) == signin.passkeys_of(me)[0].credential_id
        # The next time, both ways stand on the page.
        keys.sign_out()
        keys.give_password(me)
        assert keys.says("Use a passkey") and keys.says("six digits") and keys.looks_right() is True
        keys.follow("Use a passkey")
        assert keys.path == "/day/"
        # Before an act that guards the account.
        settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
        keys.go(ADD)
        settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
        keys.follow("Use a passkey")
        assert keys.looks_right() is True
        keys.follow("Use a passkey")
        assert keys.path == ADD
        # This device has one already, and says so.
        keys.fill("What you call it", "Once more")
        keys.to("Make the passkey")
        keys.press("Enter")
        keys.page.get_by_text("This device has a passkey for this already.").wait_for()
        keys.go(INDEX)
        assert keys.says("Work laptop") and keys.looks_right() is True
        keys.follow("Rename: Work laptop")
        keys.to("What you call it")
        keys.press("Control+a")
        keys.type("Desk")
        keys.on("Enter")
        assert keys.path == INDEX and keys.says("Desk")
        keys.follow("Remove: Desk")
        keys.follow("Remove it")
        assert keys.path == INDEX and keys.says("The passkey is removed.") and not keys.says("Desk")
        keys.sign_out()
        keys.give_password(me)
        assert not keys.says("Use a passkey") and keys.says("six digits")


def test_where_no_passkey_comes_the_page_says_so_and_one_can_try_again(lasting_world, live_server, browser):
    me = lasting_world.person("A")
    with seat(browser, live_server) as keys:
        keys.sign_in(me)
        keys.add_passkey()
        keys.sign_out()
        keys.give_password(me)
        (there,) = keys.kept()
        name = {"authenticatorId": keys.device, "credentialId": there["credentialId"]}
        keys.tools.send("WebAuthn.removeCredential", name)
        keys.to("Use a passkey")
        keys.press("Enter")
        keys.page.locator("[data-passkey-says=failed]").wait_for()
        assert keys.looks_right() is True
        keys.tools.send("WebAuthn.addCredential", {"authenticatorId": keys.device, "credential": there})
        keys.on("Enter")
        assert keys.path == "/day/"


def test_a_device_that_can_not_ask_who_it_is_makes_nothing(lasting_world, live_server, browser):
    me = lasting_world.person("A")
    with seat(browser, live_server) as keys:
        keys.sign_in(me)
        keys.know_the_pin(False)
        keys.go(ADD)
        keys.to("Make the passkey")
        keys.press("Enter")
        keys.page.locator("[data-passkey-says=failed]").wait_for()
    assert signin.passkeys_of(me) == []


def test_wrong_replayed_and_removed_passkeys_are_refused(lasting_world, live_server, browser):
    me, sent = lasting_world.person("A"), []
    with seat(browser, live_server) as keys:
        keys.sign_in(me)
        keys.add_passkey()
        keys.page.on(
            "request",
            lambda one: sent.append(one.post_data) if "credential=" in (one.post_data or "") else None,
        )
        keys.sign_out()
        keys.give_password(me)
        keys.follow("Use a passkey")
        assert keys.path == "/day/" and len(sent) == 1
        used = keys.page.evaluate("body => new URLSearchParams(body).get('credential')", sent[0])
        # The same answer to another challenge.
        keys.sign_out()
        keys.give_password(me)
        replay = """said => { const form = document.querySelector("form[data-passkey]");
            form.elements.credential.value = said; form.submit() }"""
        with keys.page.expect_navigation():
            keys.page.evaluate(replay, used)
        assert keys.says(REFUSED) and keys.looks_right() is True
        # A page opened before the passkey was removed.
        passkeys = Authenticator.objects.filter(user=me, type="webauthn")
        kept = list(passkeys)
        passkeys.delete()
        keys.follow("Use a passkey")
        assert keys.says("Second step") and not keys.says("Use a passkey")
        Authenticator.objects.bulk_create(kept)
        # Another key under the same number.
        keys.forge()
        keys.sign_out()
        keys.give_password(me)
        keys.follow("Use a passkey")
        assert keys.says(REFUSED)
        keys.go("/day/")
        assert keys.path == reverse("mfa_authenticate")


def test_a_shared_computer_stands_in_for_a_phone(lasting_world, live_server, browser):
    """One computer, three people: the lead who adds it, a caseworker and a volunteer without a phone."""
    world = lasting_world
    lead, worker = world.person("A", "data_lead"), world.person("A", second_factor=False)
    volunteer = world.person("A", "hotline", second_factor=False)
    stranger = world.person("B", second_factor=False)
    with seat(browser, live_server) as keys:
        keys.sign_in(lead)
        keys.go(COMPUTERS)
        assert keys.looks_right() is True
        keys.fill("What you call this computer", "Hotline desk")
        keys.follow("Make its passkey")
        assert keys.says("This computer's passkey works from now on.") and keys.says("Hotline desk")
        assert keys.looks_right() is True
        # A caseworker: password, then the computer.
        keys.sign_out()
        keys.give_password(worker)
        assert keys.path.startswith("/account/2fa/computer/") and keys.looks_right() is True
        keys.follow("Use this computer's passkey (PIN)")
        assert keys.path == "/day/"
        # A volunteer: may, and needs not.
        keys.sign_out()
        keys.give_password(volunteer)
        keys.follow("Use this computer's passkey (PIN)")
        assert keys.path == "/contacts/new/"
        keys.sign_out()
        keys.give_password(volunteer)
        keys.follow("Go on without it")
        assert keys.path == "/contacts/new/"
        # Another agency's caseworker, and the lead, are not asked.
        keys.sign_out()
        keys.give_password(stranger)
        assert keys.path == reverse("mfa_activate_totp")
        assert keys.go("/account/2fa/computer/") == 404
        # With the password alone the caseworker sets up no factor elsewhere.
        keys.sign_out()
        keys.give_password(worker)
        assert keys.go(ADD) == 403 and keys.says("Do this at the shared computer")
        assert keys.looks_right() is True
        keys.follow("I am at the computer")
        keys.follow("Use this computer's passkey (PIN)")
        assert keys.path == "/day/"
        # Removed, it opens nothing at the very next request.
        with world.acting("A", "data_lead"):
            affairs.remove_workstation(affairs.workstations().get().pk)
        keys.go("/day/")
        assert keys.path != "/day/"
    assert Membership.objects.filter(workstation_since__isnull=False).count() == 2


def test_at_a_bare_number_the_page_says_where_to_go(lasting_world, live_server, browser):
    session = lasting_world.browser("A", "hotline").cookies["sessionid"].value
    number = live_server.url.replace("localhost", "127.0.0.1")
    lasting_world.person("A", "hotline")
    heard = Heard(number)
    context = heard.listen(browser.new_context())
    context.add_cookies([{"name": "sessionid", "value": session, "url": number}])
    page = context.new_page()
    page.goto(number + INDEX)
    page.goto(number + ADD)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    assert "Passkeys do not work at this address" in page.inner_text("main")
    assert faults(page, heard, language="en") == []
    context.close()
