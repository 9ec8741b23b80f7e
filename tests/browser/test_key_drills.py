"""What must hold when people leave, lose their keys or are cut off: the key renewed over five thousand cards while the
browser is killed, a leaver who kept everything, two editors of one card, a kit after all is lost, and the file of
keys at the tool. In real browsers, the attacker in Python.
"""

import base64
import json
import logging
import time
import uuid

import pytest

from agencies import vault
from agencies.models import KeyWrap, Opener, VaultKey
from referrals import queries
from referrals.agency_side import Refused, vaultbox
from referrals.agency_side.vaultfile import VaultFile
from referrals.models import Client, ContactCard
from tests.attacks import postgres
from tests.browser.chromium import Heard
from tests.browser.places import signed_in
from tests.browser.test_vault_keys import PHRASE, Seat, seat
from tests.browser.whole import chromium_on_disk

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CARDS, KILLS = 5_000, 3
# The keys that lie open in this tab's memory, as text; only where the vault was opened on this very page.
KEYS_HERE = """async () => {
    const {heldHere} = await import("/static/vault/session.js");
    const {toBase64url} = await import("/static/vault/box.js");
    return heldHere().keys.map(({version, key}) => ({version, key: toBase64url(key)}));
}"""
SEAL_ALL = """async ([clients, savedAt]) => {
    const {opened} = await import("/static/vault/session.js");
    const {toBase64url} = await import("/static/vault/box.js");
    const vault = await opened();
    return Promise.all(clients.map(async (client, nth) => {
        const card = {v: 1, name: {used: `Wren Number${nth}`}, birth: "1990-01-02"};
        return toBase64url(await vault.sealCard({client, revision: 1, savedAt}, card));
    }));
}"""
READ_ALL = """async () => {
    const {allCards} = await import("/static/vault/store.js");
    const {opened} = await import("/static/vault/session.js");
    return (await allCards(await opened())).map((row) => [row.client, row.version, row.card ?? String(row.error)]);
}"""
EDIT = """async ([client, words]) => {
    const {openCards, saveCard} = await import("/static/vault/store.js");
    const {opened} = await import("/static/vault/session.js");
    const vault = await opened();
    for (;;) {
        const row = (await openCards(vault, [client])).get(client);
        try {
            return await saveCard(vault, {client, revision: row.revision}, {...row.card, alert: words});
        } catch (error) {
            if (error.name !== "Moved") throw error;
        }
    }
}"""


@pytest.fixture(autouse=True)
def quiet(own_inbox):
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def bytes_of(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def many_cards(world, page, count):
    """Clients with a card each, sealed by the page under the key that is open on it; their ids."""
    with world.acting("A") as actor:
        clients = [Client(id=uuid.uuid4(), agency_id=actor.agency_id) for _ in range(count)]
        Client.objects.bulk_create(clients)
        vault.make_subject_keys(actor.agency_id, [one.pk for one in clients])
    saved_at = int(time.time())
    for some in range(0, count, 1000):
        batch = clients[some : some + 1000]
        boxes = page.evaluate(SEAL_ALL, [[str(one.pk) for one in batch], saved_at])
        with world.acting("A"):
            ContactCard.objects.bulk_create(
                ContactCard(
                    agency_id=actor.agency_id,
                    client=client,
                    sealed_e2e=vault.seal(
                        bytes_of(box),
                        agency=actor.agency_id,
                        place=ContactCard.PLACE,
                        row=client.pk,
                        subject=client.pk,
                    ),
                    key_version=1,
                    revision=1,
                    saved_at=saved_at,
                )
                for client, box in zip(batch, boxes, strict=True)
            )
    return [str(one.pk) for one in clients]


def under(world, version):
    """How many cards stand under this version of the key."""
    with world.acting("A"):
        return ContactCard.objects.filter(key_version=version).count()


def destroyed(world, version):
    """Whether the version is gone, with its book and hand-over key: the browser asks for that after the last card."""
    with world.acting("A"):
        return VaultKey.objects.filter(version=version).exclude(destroyed_at=None).exists()


def let_in(keeper, new, phrase=PHRASE):
    """The newcomer's key, asked for, compared, let in and opened."""
    code = new.ask(phrase)
    keeper.go()
    row = keeper.page.locator("[data-keys-people] li", has_text=code)
    row.locator("[data-heard]").check()
    row.locator("[data-admit]").click()
    keeper.type_phrase()  # the pair is gone with the page
    keeper.says("done")
    new.go()
    new.open(phrase)
    new.press("[data-vault-confirm]")
    new.state("open")


def open_again(one, phrase=PHRASE):
    one.press("[data-vault-lock]:visible")
    one.state("locked")
    one.open(phrase)
    one.state("open")


def test_five_thousand_cards_are_sealed_anew_though_the_browser_is_killed_three_times(
    lasting_world, live_server, tmp_path
):
    """A colleague goes on writing all the while. Nothing is lost, and in the end the old key is gone."""
    world = lasting_world
    with chromium_on_disk(tmp_path / "lead", tmp_path / "writer") as (leads, writers):
        sessions = {
            role: signed_in(world, role).cookies["sessionid"].value for role in ("data_lead", "supervisor")
        }

        def sit_down(chromium, role):
            """That person's browser, after a start."""
            context = chromium.begin()
            context.set_default_timeout(20_000)
            context.add_cookies([{"name": "sessionid", "value": sessions[role], "url": live_server.url}])
            return Seat(context.new_page(), live_server.url, None, None)

        writer, lead = sit_down(writers, "supervisor"), sit_down(leads, "data_lead")
        writer.begin()
        clients = many_cards(world, writer.page, CARDS)
        let_in(writer, lead)
        # Only the browser that is killed seals anew: the writer's is kept from it.
        writer.page.route("**/cards/older/", lambda route: route.abort())
        lead.press("[data-keys-do=rotate]")
        lead.says("done")
        open_again(writer)
        edited, killed_at, end = {}, [], time.monotonic() + 240
        for kill in range(1, KILLS + 1):
            while under(world, 1) > CARDS * (KILLS + 1 - kill) // (KILLS + 1):
                assert time.monotonic() < end, "nothing is sealed anew"
                client = clients[len(edited) * 37 % CARDS]
                edited[client] = f"changed {len(edited)}"
                writer.page.evaluate(EDIT, [client, edited[client]])
            leads.kill()
            killed_at.append(under(world, 1))
            lead = sit_down(leads, "data_lead")
            lead.go()
            lead.open()
            lead.state("open")
        assert all(0 < left < CARDS for left in killed_at), killed_at
        while under(world, 1):
            assert time.monotonic() < end
            time.sleep(0.2)
        with world.acting("A"):
            while VaultKey.objects.get(version=1).destroyed_at is None:
                assert time.monotonic() < end
                time.sleep(0.2)
            old = VaultKey.objects.get(version=1)
            assert bytes(old.book_sealed) == bytes(old.handover_sealed) == b""
            assert set(KeyWrap.objects.values_list("version", flat=True)) == {2}
        # A newcomer to this tab has the new key alone.
        open_again(writer)
        read = {client: (version, card) for client, version, card in writer.page.evaluate(READ_ALL)}
        assert read.keys() == set(clients) and {version for version, _card in read.values()} == {2}
        assert {client: read[client][1]["alert"] for client in edited} == edited and len(edited) > KILLS
        assert {read[client][1]["name"]["used"] for client in clients} == {
            f"Wren Number{nth}" for nth in range(1000)
        }


def opens(what, *, keys, where, box):
    """Whether one of the keys opens the box for the place, under any version that it could say it is of."""
    for key in keys:
        for version in (1, 2):
            forged = box[:1] + version.to_bytes(4, "big") + box[5:]
            for one in (box, forged):
                try:
                    vaultbox.open_box(what, key, {**where, "version": version}, one)
                    return True
                except vaultbox.Shut:
                    continue
    return False


def everything(world):
    """What a copy of all of the vault's tables says, cards out of the hub's own cover too."""
    with world.acting("A", "supervisor"):
        return {
            "wraps": [
                {"version": one.version, "to": f"kit {one.member.kit_number}" if one.member.kit_number else str(one.member_id),
                 "sealed": bytes(one.wrapped), "tag": bytes(one.tag), "sender": bytes(one.sender.public_key)}
                for one in KeyWrap.objects.select_related("member", "sender")
            ],
            "openers": [(one.member, bytes(one.private_sealed)) for one in Opener.objects.select_related("member")],
            "books": [(one.book_serial, bytes(one.book_sealed)) for one in VaultKey.objects.exclude(book_sealed=b"")],
            "handovers": [
                (bytes(one.handover_public), bytes(one.handover_sealed))
                for one in VaultKey.objects.exclude(handover_sealed=b"")
            ],
            "cards": [
                ({"client": str(one.client_id), "revision": one.revision, "saved_at": one.saved_at},
                 queries.sealed_card(one))
                for one in queries.cards()
            ],
        }  # fmt: skip


def test_who_left_opens_nothing_that_was_sealed_since(lasting_world, live_server, browser, tmp_path):
    """Not with the private key, the old key, the tab's box and its half, and a copy of every table."""
    world = lasting_world
    with (
        seat(browser, live_server, world, "supervisor") as keeper,
        seat(browser, live_server, world, "caseworker") as leaver,
    ):
        keeper.begin()
        (client, other) = many_cards(world, keeper.page, 2)
        let_in(keeper, leaver, "a phrase of the leaver")
        agency, user = str(world.agency("A").pk), str(leaver.user.pk)
        # What they take along.
        (kept,) = leaver.page.evaluate(KEYS_HERE)
        old_key = bytes_of(kept["key"])
        half = bytes_of(leaver.page.evaluate("document.documentElement.dataset.vaultHalf"))
        stored = leaver.page.evaluate("({...sessionStorage})")
        with leaver.page.expect_download() as waiting:
            leaver.press("a[href='/vault/file/']")
        file = tmp_path / "vault.json"
        waiting.value.save_as(file)
        said = json.loads(file.read_text())
        (opener,) = said["openers"]
        passphrase = vaultbox.passphrase_key(
            "a phrase of the leaver", salt=bytes_of(opener["salt"]), memory=opener["memory"], passes=opener["passes"]
        )  # fmt: skip
        where = {"agency": agency, "user": user, "public_key": bytes_of(said["me"]["public"])}
        private = vaultbox.open_opener(passphrase, where, bytes_of(opener["sealed"]))
        copied = everything(world)
        # They go.
        keeper.go()
        keeper.page.locator("[data-keys-people] li", has_text="caseworker").locator("[data-goes]").check()
        keeper.press("[data-keys-do=rotate]")
        keeper.type_phrase()
        keeper.says("done")
        while not destroyed(world, 1):
            time.sleep(0.1)
        keeper.page.evaluate(EDIT, [client, "moved house"])
        now = everything(world)

        keys = {"old": old_key, "private": private, "passphrase": passphrase, "half": half}
        tab = vaultbox.open_json(
            "tab", half, {"agency": agency, "user": user}, bytes_of(stored["casehub-vault"])
        )
        keys |= {f"tab {one['version']}": bytes_of(one["key"]) for one in tab["keys"]}

        def opened(tables):
            """What of the tables opens, by any key."""
            found = set()
            for wrap in tables["wraps"]:
                for to in {wrap["to"], said["me"]["id"]}:
                    try:
                        place = {"agency": agency, "version": wrap["version"], "to": to}
                        vaultbox.unwrap(
                            place,
                            sealed=wrap["sealed"],
                            tag=wrap["tag"],
                            sender=wrap["sender"],
                            receiver=private,
                        )
                        found.add("wrap")
                    except vaultbox.Shut:
                        continue
            for what, rows in (
                ("card", tables["cards"]),
                ("book", [({"serial": serial}, box) for serial, box in tables["books"]]),
                ("handover_key", [({"public_key": public}, box) for public, box in tables["handovers"]]),
                ("opener", [
                    ({"user": str(member.user_id), "public_key": bytes(member.public_key)}, box)
                    for member, box in tables["openers"]
                ]),
            ):  # fmt: skip
                assert rows
                for place, box in rows:
                    if opens(what, keys=keys.values(), where={**place, "agency": agency}, box=box):
                        found.add(what)
            return found

        # The keys are real: they open all that they had.
        assert opened(copied) == {"wrap", "card", "book", "handover_key", "opener"}
        assert opened(now) == set()
        assert {row["client"] for row, _box in now["cards"]} == {client, other}
        # Nor does their browser, its box put back, at a session that the hub still takes.
        leaver.go(f"/clients/{client}/")
        leaver.page.evaluate(
            "kept => Object.entries(kept).forEach(([name, text]) => sessionStorage.setItem(name, text))",
            stored,
        )
        leaver.go(f"/clients/{client}/")
        leaver.page.wait_for_timeout(1000)
        assert "Wren" not in leaver.page.content() and "moved house" not in leaver.page.content()
        leaver.go()
        leaver.state("none")


def test_the_file_of_keys_opens_at_the_tool_by_passphrase_and_by_the_kit(
    lasting_world, live_server, browser, tmp_path
):
    world = lasting_world
    with (
        seat(browser, live_server, world, "supervisor") as keeper,
        seat(browser, live_server, world, "data_lead") as lead,
    ):
        words = keeper.begin()
        (client,) = many_cards(world, keeper.page, 1)
        let_in(keeper, lead, "a phrase of the lead")
        for one, phrase in ((keeper, PHRASE), (lead, "a phrase of the lead")):
            with one.page.expect_download() as waiting:
                one.press("a[href='/vault/file/']")
            file = tmp_path / f"{phrase[:5]}.json"
            waiting.value.save_as(file)
            # The kit's words know nobody, so a code is read to who types them.
            with world.acting("A", "supervisor"):
                row = queries.cards().get()
                place = {"client": client, "revision": row.revision, "saved_at": row.saved_at}
                box = queries.sealed_card(row)
            for vault_of in (
                VaultFile(file).open_with_passphrase(phrase),
                VaultFile(file).open_with_kit(words, sender_code=keeper.code()),
            ):
                assert vault_of.open("card", place, box)["name"]["used"] == "Wren Number0"
            for wrong in (f"{phrase}!", PHRASE if one is lead else "a phrase of the lead"):
                with pytest.raises(Refused):
                    VaultFile(file).open_with_passphrase(wrong)
            with pytest.raises(Refused):
                VaultFile(file).open_with_kit(
                    words.replace(words.split()[3], "zoo", 1), sender_code=keeper.code()
                )


def days_ago(days):
    """The kit's use, as if it had been so long ago; past the ledger's guards, as no role of the hub can."""
    connection = postgres.superuser()
    with connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE agencies_ledgerentry SET at = now() - %s * interval '1 day' WHERE verb = 'kit.used'",
            [days],
        )
        assert cursor.rowcount == 1
    connection.close()


def test_when_nobody_can_open_the_kit_does_and_everybody_sees_it_for_thirty_days(
    lasting_world, live_server, browser
):
    world, told = lasting_world, "used the recovery kit"
    with (
        seat(browser, live_server, world, "supervisor") as keeper,
        seat(browser, live_server, world, "data_lead") as lead,
        seat(browser, live_server, world, "caseworker") as worker,
    ):
        words = keeper.begin()
        (client,) = many_cards(world, keeper.page, 1)
        for one in (lead, worker):
            let_in(keeper, one, "a phrase of their own")
        # Every device is gone, and every phrase forgotten.
        for one in (keeper, lead, worker):
            one.go()
            one.press("[data-vault-lock]:visible")
            one.state("locked")
        keeper.open("what was it again")
        keeper.page.locator("[data-vault-says=wrong]:visible").wait_for()
        keeper.page.keyboard.press("Escape")
        keeper.press("summary:has-text('recovery kit')")
        keeper.page.fill("#kit-typed", words)
        keeper.press("[data-keys-form=usekit] [type=submit]")
        keeper.phrase("a new phrase altogether")
        keeper.state("open")
        assert keeper.page.evaluate(READ_ALL) == [
            [client, 1, {"v": 1, "name": {"used": "Wren Number0"}, "birth": "1990-01-02"}]
        ]
        # The others are let in anew, and all are told: the one who did it too.
        for days, shown in ((29, True), (31, False)):
            days_ago(days)
            for one in (keeper, lead, worker):
                one.go()
                notes = one.page.locator("main .note--danger:visible").all_inner_texts()
                assert any(told in note for note in notes) is shown, (days, notes)
        # In what happened to the keys it stays.
        assert told in keeper.page.locator("main details").last.text_content().lower()


def test_a_lost_passkey_leaves_the_passphrase(lasting_world, live_server, browser):
    from tests.browser.test_passkeys import Computer

    world = lasting_world
    me = world.person("A", "supervisor")
    heard = Heard(live_server.url)
    context = heard.listen(browser.new_context())
    context.set_default_timeout(15_000)
    keys = Computer(context.new_page(), live_server.url, heard)
    keys.sign_in(me)
    keys.add_passkey()
    here = Seat(keys.page, live_server.url, heard, me)
    here.go()
    here.press("[data-keys-do=begin]")
    here.press("[data-keys-passkey]")
    here.paper()
    here.state("open")
    here.press("[data-keys-do=opener]")  # by the passkey, which is asked for at once
    here.phrase("the other way to open")
    here.says("done")
    open_by_hand = "[data-keys-when]:visible [data-vault-open]"
    here.press("[data-vault-lock]:visible")
    here.state("locked")
    (there,) = keys.kept()
    name = {"authenticatorId": keys.device, "credentialId": there["credentialId"]}
    keys.tools.send("WebAuthn.removeCredential", name)
    here.press(open_by_hand)
    here.press("#vault [data-vault-passkey]")
    here.page.locator("#vault .note:visible").wait_for()
    here.type_phrase("the other way to open")
    here.state("open")
    # The lost one is removed, and opens nothing if it is found.
    lost = here.page.locator("[data-keys-openers] li", has_text="Work laptop")
    lost.get_by_role("button").click()
    lost.wait_for(state="detached")
    keys.tools.send("WebAuthn.addCredential", {"authenticatorId": keys.device, "credential": there})
    here.press("[data-vault-lock]:visible")
    here.state("locked")
    here.press(open_by_hand)
    here.page.locator("#vault-passphrase:visible").wait_for()
    assert not here.page.locator("#vault [data-vault-passkey]").is_visible()
    context.close()
