"""Signing in: password and one-time code, each thing once, strangers learning nothing, ten tries."""

import statistics
import threading
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from axes.models import AccessAttempt
from django.core.cache import cache
from django.db import connections
from django.test import Client as Browser
from django.urls import reverse

from agencies import actions, vault
from agencies.models import User
from casehub import signin
from tests.world import PASSWORD

LOGIN, CODE = "/account/login/", "/account/2fa/authenticate/"


@pytest.fixture(autouse=True)
def _no_earlier_tries():
    cache.clear()


def code_of(user, step=0):
    secret = decrypt(Authenticator.objects.get(user=user, type="totp").data["secret"])
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


def give_password(browser, email, password=PASSWORD, **headers):
    return browser.post(LOGIN, {"login": email, "password": password}, **headers)


def signed_in(browser):
    return "_auth_user_id" in browser.session


def test_password_and_code_let_a_person_in(world):
    user, browser = world.person("A"), Browser()
    response = give_password(browser, user.email)
    assert (response.status_code, response["Location"]) == (302, CODE)
    assert not signed_in(browser)
    assert browser.post(CODE, {"code": code_of(user)}).status_code == 302
    assert signed_in(browser)


@pytest.mark.parametrize("code", ["000000", "", "abc", "12345678"])
def test_a_password_alone_lets_nobody_in(world, code):
    user, browser = world.person("A"), Browser()
    give_password(browser, user.email)
    assert browser.post(CODE, {"code": code}).status_code == 200
    assert not signed_in(browser)
    assert browser.get("/keys/").status_code == 302


def test_a_used_code_is_not_taken_again_while_it_would_still_be_valid(world):
    user, first, second = world.person("A"), Browser(), Browser()
    # The next step's code is valid for a minute and a half: longer than allauth remembers used ones.
    code = code_of(user, step=1)
    for browser in (first, second):
        give_password(browser, user.email)
        browser.post(CODE, {"code": code})
    assert (signed_in(first), signed_in(second)) == (True, False)


def test_an_older_code_is_refused_after_a_newer_one(world):
    user = world.person("A")
    assert signin.use_code(user, code_of(user)) is not None
    assert signin.use_code(user, code_of(user, step=-1)) is None


def test_a_recovery_code_works_once(world):
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    user = world.person("A")
    spare = RecoveryCodes.activate(user).generate_codes()[0]
    found = []
    for _try in range(2):
        browser = Browser()
        give_password(browser, user.email)
        browser.post(CODE, {"code": spare})
        found.append(signed_in(browser))
    assert found == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["totp", "recovery"])
def test_of_fifty_tries_at_once_with_one_code_one_succeeds(lasting_world, kind):
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    user = lasting_world.person("A")
    code = code_of(user) if kind == "totp" else RecoveryCodes.activate(user).generate_codes()[0]
    won = []

    def try_it():
        try:
            # Who comes after the tenth wrong one is told to wait; that is no success either.
            won.append(signin.use_code(user, code) is not None)
        except Exception:
            won.append(False)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=try_it) for _number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), sum(won)) == (50, 1)


def test_codes_rest_after_ten_wrong_ones_and_then_the_right_one_is_refused_too(world):
    user, browser = world.person("A"), Browser()
    give_password(browser, user.email)
    for _try in range(signin.WRONG_CODES):
        browser.post(CODE, {"code": "000000"})
    assert b"Too many wrong codes" in browser.post(CODE, {"code": code_of(user)}).content
    assert not signed_in(browser)
    factor = Authenticator.objects.get(user=user, type="totp")
    factor.data["rests_until"] = time.time() - 1
    factor.save()
    browser.post(CODE, {"code": code_of(user)})
    assert signed_in(browser)


def test_secrets_of_factors_are_sealed(world):
    world.agency("HUB")
    user = world.person("A")
    kept = Authenticator.objects.get(user=user, type="totp").data["secret"]
    secret = decrypt(kept)
    assert secret not in kept and kept.startswith(f"{signin.keeper_of_factors().pk}:")
    agency, box = kept.split(":")
    with pytest.raises(vault.VaultError):
        decrypt(f"{agency}:{box[:-8]}AAAAAAA=")


def test_known_and_unknown_addresses_get_the_same_answer(world):
    world.person("A")
    bodies = []
    for email in ("caseworker@a.example", "nobody01@a.example"):
        browser = Browser()
        browser.get(LOGIN)
        response = give_password(browser, email, "a wrong passphrase")
        body = response.content.decode().replace(email, "ADDRESS")
        bodies.append((response.status_code, hide_token(body)))
    assert bodies[0] == bodies[1]


def hide_token(body):
    import re

    return re.sub(r"(csrfmiddlewaretoken\" value=\"|X-CSRFToken\": \")[^\"]+", "", body)


@pytest.mark.slow
def test_known_and_unknown_addresses_take_the_same_time(world, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    settings.AXES_FAILURE_LIMIT = 10_000
    settings.ACCOUNT_RATE_LIMITS = False
    user = world.person("A")
    user.set_password(PASSWORD)
    user.save()
    taken = {"caseworker@a.example": [], "nobody01@a.example": []}
    for _round in range(60):
        for email, times in taken.items():
            began = time.perf_counter()
            give_password(Browser(), email, "a wrong passphrase")
            times.append(time.perf_counter() - began)
    known, unknown = (statistics.median(times) for times in taken.values())
    assert abs(known - unknown) <= 0.020


@pytest.mark.parametrize("email", ["caseworker@a.example", "Caseworker@A.example ", "nobody01@a.example"])
def test_ten_wrong_passwords_lock_the_name_from_that_address_only(world, email):
    user, browser = world.person("A"), Browser(REMOTE_ADDR="192.0.2.7")
    for number in range(1, 11):
        response = give_password(browser, email, "a wrong passphrase")
        assert response.status_code == (200 if number < 10 else 429)
    assert b"Too many tries" in response.content and b"quarter of an hour" in response.content
    assert give_password(browser, email.strip().lower()).status_code == 429
    if email.strip().lower() == user.email:
        elsewhere = Browser(REMOTE_ADDR="192.0.2.8")
        assert give_password(elsewhere, user.email)["Location"] == CODE
    other = world.person("B")
    assert give_password(browser, other.email)["Location"] == CODE


def test_the_lock_is_the_guards_doing(world, settings):
    """Sabotage: without django-axes the eleventh try is an answer like any other."""
    settings.AXES_ENABLED = False
    world.person("A")
    browser = Browser()
    for _try in range(11):
        response = give_password(browser, "caseworker@a.example", "a wrong passphrase")
    assert response.status_code == 200


def test_tries_are_kept_without_passwords(world, caplog):
    caplog.set_level("DEBUG")
    world.person("A")
    give_password(Browser(), "caseworker@a.example", "an almost right passphrase")
    attempt = AccessAttempt.objects.get()
    assert attempt.failures_since_start == 1
    written = f"{attempt.post_data}{attempt.get_data}{caplog.text}"
    assert "almost right" not in written and "caseworker@a.example" not in caplog.text


def test_nobody_signs_up(db):
    response = Browser().get("/account/signup/")
    assert b"by invitation" in response.content
    Browser().post("/account/signup/", {"email": "x@x.example", "password1": PASSWORD, "password2": PASSWORD})
    assert not User.objects.exists()


def test_the_key_of_the_session_changes_at_sign_in_and_at_step_up(world):
    user, browser = world.person("A"), Browser()
    browser.get(LOGIN)
    give_password(browser, user.email)
    half = browser.session.session_key
    browser.post(CODE, {"code": code_of(user)})
    whole = browser.session.session_key
    assert half != whole
    for url, proof in (
        (reverse("account_reauthenticate"), {"password": PASSWORD}),
        (reverse("mfa_reauthenticate"), {"code": code_of(user, step=1)}),
    ):
        before = browser.session.session_key
        assert browser.post(url, proof).status_code == 302
        assert signed_in(browser) and browser.session.session_key != before
        stale = Browser()
        stale.cookies["sessionid"] = before
        assert stale.get("/keys/").status_code == 302


# Invitations


def invited(world, letter="A", role="caseworker", email="new@a.example"):
    return actions.invite(agency=world.agency(letter), email=email, name="Wren Alder", role=role, by=None)[1]


def test_an_invitation_leads_to_a_password_and_then_to_the_second_step(world):
    url = reverse("join", args=[invited(world)])
    browser = Browser()
    assert b"Wren Alder" in browser.get(url).content
    for bad in ({"password": "short", "again": "short"}, {"password": PASSWORD, "again": PASSWORD + "x"}):
        assert browser.post(url, bad).status_code == 200
    assert not User.objects.filter(email="new@a.example").exists()
    response = browser.post(url, {"password": PASSWORD, "again": PASSWORD})
    assert response["Location"] == reverse("mfa_activate_totp")
    assert signed_in(browser)
    page = browser.get(reverse("mfa_activate_totp"))
    assert page.status_code == 200
    secret = page.context["form"].secret
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    assert browser.post(reverse("mfa_activate_totp"), {"code": "000000"}).status_code == 200
    response = browser.post(reverse("mfa_activate_totp"), {"code": code})
    assert response["Location"] == reverse("mfa_view_recovery_codes")
    assert browser.get(response["Location"]).status_code == 200


def test_an_invitation_works_once_and_not_after_its_end(world):
    token = invited(world)
    url = reverse("join", args=[token])
    Browser().post(url, {"password": PASSWORD, "again": PASSWORD})
    used = Browser().get(url)
    wrong = Browser().get(reverse("join", args=["x" * 43]))
    assert (used.status_code, used.content) == (404, wrong.content)
    late = invited(world, email="late@a.example")
    actions.open_invitation(late).__class__.objects.update(expires_at="2020-01-01T00:00Z")
    assert Browser().get(reverse("join", args=[late])).content == wrong.content


def test_a_write_only_role_needs_no_second_step(world):
    response = Browser().post(
        reverse("join", args=[invited(world, role="hotline")]), {"password": PASSWORD, "again": PASSWORD}
    )
    assert response["Location"] == "/"


@pytest.mark.parametrize(("inviting", "may_set"), [("A", True), ("B", False)])
def test_only_a_persons_own_agency_lets_them_choose_a_new_password(world, inviting, may_set):
    user = world.person("A")
    token = invited(world, inviting, role="supervisor", email=user.email)
    new = "quite another passphrase"
    response = Browser().post(reverse("join", args=[token]), {"password": new, "again": new})
    user.refresh_from_db()
    assert user.check_password(new) is may_set
    # In both cases the second factor is still asked.
    if may_set:
        assert response["Location"] == CODE
    else:
        assert response.status_code == 200
        assert Browser().post(reverse("join", args=[token]), {"password": PASSWORD})["Location"] == CODE


def test_a_person_at_rest_is_not_invited_back(world):
    user = world.person("A")
    User.objects.filter(pk=user.pk).update(is_active=False)
    token = invited(world, email=user.email)
    Browser().post(reverse("join", args=[token]), {"password": PASSWORD, "again": PASSWORD})
    user.refresh_from_db()
    assert not user.is_active


def test_a_role_that_needs_a_second_factor_sees_nothing_without_one(world):
    browser = Browser()
    user = world.person("A", "data_lead", second_factor=False)
    browser.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = browser.get(reverse("agency"))
    assert response["Location"] == reverse("mfa_activate_totp")
