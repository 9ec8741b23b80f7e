"""The vault's own laws, in Chromium under the hub's policy: what opens, what never does, what a merge may not lose.

No hub and no database: what the hub does with the boxes belongs to the tests of its doors.
"""

import base64
import hmac
import json
import re
import statistics
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.browser.chromium import chromium
from tests.browser.vault_site import STATIC, Sabotage, checks_page
from tests.browser.vault_vectors import VECTORS

pytestmark = pytest.mark.browser
SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
AGENCY = "6f1d3c5a-0b7e-4a52-9c11-2f8e4d6a7b01"
CHECKS = {
    "vectors": json.loads(VECTORS.read_text()),
    "rfc9180": None,
    "mutations": 10_000,
    "costs": None,
    "wraps": None,
    "streams": None,
    "merges": 2_000,
    "searches": None,
}


@pytest.fixture(scope="module")
def browser():
    """One for all: nothing here leaves a trace in it."""
    with chromium() as opened:
        yield opened


@contextmanager
def checks(browser, sabotage: Sabotage | None = None) -> Iterator[object]:
    with checks_page(browser, "vault_core.js", sabotage) as page:
        yield page
        assert not page.evaluate("refused")


@pytest.fixture(scope="module")
def page(browser):
    with checks(browser) as opened:
        yield opened


def ask(page, name: str, given: object) -> list[str]:
    """What is wrong, in words; what a check could not go on after is wrong, too."""
    script = (
        "async ([name, given]) => { try { return await checks[name](given) } catch (e) { return [`${e}`] } }"
    )
    return page.evaluate(script, [name, given])


@pytest.mark.parametrize("name", CHECKS)
def test_the_vault_keeps_its_laws(page, name):
    assert ask(page, name, CHECKS[name]) == []


@pytest.mark.parametrize(
    ("name", "file", "guard", "sabotaged"),
    [
        ("vectors", "box.js", "LEAST_PADDED = 512", "LEAST_PADDED = 256"),
        ("vectors", "keys.js", '.normalize("NFKC")', ""),
        ("mutations", "box.js", "joined(name, head, ...parts)", "joined(name, head)"),
        ("mutations", "box.js", "joined(name, head, ...parts)", "joined(name, head, ...parts.slice(0, 3))"),
        ("mutations", "keys.js", "agency: this.agency, version", 'agency: "", version'),
        ("costs", "keys.js", "FLOOR = { memory: 19_456, passes: 2", "FLOOR = { memory: 8, passes: 1"),
        ("costs", "keys.js", 'throw new Shut("pair")', ""),
        ("wraps", "keys.js", 'throw new Shut("tag")', ""),
        ("wraps", "keys.js", "await checkTag(key, tag, [...parts, sender, receiver.publicKey, sealed]);", ""),
        ("vectors", "keys.js", "[...parts, sender, receiver.publicKey, sealed]", "[...parts, sealed]"),
        ("wraps", "keys.js", "await take(false)", "await take(true)"),
        ("streams", "keys.js", "if (end > bytes.length)", "if (false)"),
        ("merges", "card.js", '[["phone"], ["emergency"], ["address", "address_safe"]]', "[]"),
        ("merges", "card.js", "conflicts.push({ path, base, mine, theirs })", ""),
        ("searches", "card.js", r".replace(/\p{M}+/gu, " + '"")', ""),
    ],
)
def test_a_guard_that_is_taken_out_is_missed(browser, name, file, guard, sabotaged):
    with checks(browser, {file: [(guard, sabotaged)]}) as page:
        assert ask(page, name, 300 if isinstance(CHECKS[name], int) else CHECKS[name])


FORBIDDEN = (
    r"\beval\b|\bFunction\(|WebAssembly|\bimport\(|\bfetch\(|XMLHttpRequest|Worker\(|indexedDB|Storage\b"
)


@pytest.mark.parametrize(
    "file",
    [
        "vendor/vault/crypto.js",
        "vendor/vault/ristretto.js",
        "vault/box.js",
        "vault/keys.js",
        "vault/card.js",
        "vault/oprf.js",
        "vault/holders.js",
        "vault/linkdata.js",
        "vault/linkkeys.js",
        "vault/normalise.js",
    ],
)
def test_a_module_computes_and_does_nothing_else(file):
    assert re.findall(FORBIDDEN, (STATIC / file).read_text()) == []


def test_the_pattern_finds_what_it_forbids():
    for line in (
        "eval(x)",
        "new Function(x)",
        'import("x")',
        "fetch(x)",
        "new Worker(x)",
        "sessionStorage.x",
    ):
        assert re.search(FORBIDDEN, line)


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def joined(*parts: str | bytes) -> bytes:
    encoded = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(len(part).to_bytes(4) + part for part in encoded)


def test_another_library_opens_what_the_browser_sealed_and_the_other_way(page):
    secret = X25519PrivateKey.generate()
    public = secret.public_key().public_bytes_raw()
    own = X25519PrivateKey.generate()
    ours = own.public_key().public_bytes_raw()
    where = {"sender": AGENCY, "receiver": AGENCY, "disclosure": AGENCY, "dataClass": "contact"}
    info = joined("casehub hand-over", AGENCY, AGENCY, AGENCY, "contact", public)
    sealed = page.evaluate(
        """async ([where, key, fields, own]) => {
        const {fromBase64url, toBase64url} = vault.box;
        const sender = await vault.keys.pairOf(fromBase64url(own));
        const given = {sender, receiver: fromBase64url(key), fields};
        const {sealed, tag} = await vault.keys.sealHandover(where, given);
        return {sealed: toBase64url(sealed), tag: toBase64url(tag)};
        }""",
        [where, text(public), {"name": "Rosalía"}, text(own.private_bytes_raw())],
    )
    shared = HKDF(SHA256(), 32, None, b"casehub hand-over tag").derive(secret.exchange(own.public_key()))

    def tag(box: bytes) -> bytes:
        parts = ("casehub hand-over", AGENCY, AGENCY, AGENCY, "contact", ours, public, box)
        return hmac.digest(shared, joined(*parts), "sha256")

    assert raw(sealed["tag"]) == tag(raw(sealed["sealed"]))
    padded = SUITE.decrypt(raw(sealed["sealed"]), secret, info)
    assert len(padded) == 512
    assert json.loads(padded[4 : 4 + int.from_bytes(padded[:4])]) == {"name": "Rosalía"}
    back = SUITE.encrypt(padded, X25519PublicKey.from_public_bytes(public), info)
    opened = page.evaluate(
        """async ([where, key, given]) => {
        const bytes = Object.entries(given).map(([name, one]) => [name, vault.box.fromBase64url(one)]);
        const receiver = await vault.keys.pairOf(vault.box.fromBase64url(key));
        return vault.keys.openHandover(where, {...Object.fromEntries(bytes), receiver});
        }""",
        [
            where,
            text(secret.private_bytes_raw()),
            {"sealed": text(back), "tag": text(tag(back)), "sender": text(ours)},
        ],
    )
    assert opened == {"name": "Rosalía"}


CREATE = """async (prf) => {
    const made = await navigator.credentials.create({publicKey: {
        challenge: vault.box.random(32), rp: {id: "localhost", name: "casehub"},
        user: {id: vault.box.random(16), name: "w", displayName: "w"},
        pubKeyCredParams: [{type: "public-key", alg: -7}, {type: "public-key", alg: -257}],
        authenticatorSelection: {residentKey: "required", userVerification: "required"},
        extensions: prf ? {prf: {}} : {},
    }});
    return vault.box.toBase64url(new Uint8Array(made.rawId));
}"""
PRF = """async ([asked, salt, wait]) => {
    const credentialIds = asked.map((id) => ({
        id: vault.box.fromBase64url(id), salt: new Uint8Array(32).fill(salt)}));
    const signal = wait ? AbortSignal.timeout(wait) : undefined;
    try {
        const got = await vault.keys.prfOf({credentialIds, rpId: "localhost", signal});
        const opens = await vault.keys.passkeyKey(got.output);
        const output = vault.box.toBase64url(got.output);
        return {id: vault.box.toBase64url(got.id), output, extractable: opens.extractable};
    } catch (error) {
        return error.name;
    }
}"""


@contextmanager
def passkeys(page, **changed: object) -> Iterator[object]:
    """A device of its own with user verification, as DevTools offers it."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "hasPrf": True,
        "automaticPresenceSimulation": True,
    }
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options | changed})

    def presence(on: bool) -> None:
        given = {"authenticatorId": made["authenticatorId"], "enabled": on}
        devtools.send("WebAuthn.setAutomaticPresenceSimulation", given)

    try:
        yield presence
    finally:
        devtools.send("WebAuthn.removeVirtualAuthenticator", made)
        devtools.send("WebAuthn.disable")
        devtools.detach()


def test_a_passkey_gives_the_same_bytes_for_the_same_salt_only(page):
    with passkeys(page) as presence:
        first, second = page.evaluate(CREATE, True), page.evaluate(CREATE, True)
        one = page.evaluate(PRF, [[first], 1, 0])
        assert one["id"] == first
        assert len(raw(one["output"])) == 32
        assert not one["extractable"]
        assert page.evaluate(PRF, [[first], 1, 0]) == one
        others = page.evaluate(PRF, [[first], 2, 0]), page.evaluate(PRF, [[second], 1, 0])
        assert len({one["output"], *(other["output"] for other in others)}) == 3
        presence(False)
        assert page.evaluate(PRF, [[first], 1, 300]) == "Cancelled"
    assert page.evaluate(PRF, [[], 1, 0]) == "NoPasskey"


def test_a_passkey_without_the_secret_says_so(page):
    with passkeys(page, hasPrf=False):
        made = page.evaluate(CREATE, False)
        assert page.evaluate(PRF, [[made], 1, 0]) == "NoPasskey"


def test_times(page):
    """Printed for whoever looks (-s); the bench writes them down."""
    found = page.evaluate("() => times(5000, 3)")
    middle = {name: round(statistics.median(all), 2) for name, all in found.items() if name != "bytes"}
    print(f"5,000 cards, {found['bytes'] / 2**20:.1f} MiB, in ms: {middle}")  # noqa: T201
    assert all(value > 0 for value in middle.values())
