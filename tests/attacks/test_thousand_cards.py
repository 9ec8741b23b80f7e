"""A thousand people are written on contact cards in a real browser or brought in from a file, changed, searched for,
printed and handed over, at a hub that runs as it runs for real. Afterwards none of them stands in anything that the
hub keeps or says, in anything that the browsers sent, or in what they left on their disks. Each of these places is
then shown to be searched.
"""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from playwright.sync_api import Page

from bench.hub import Hub, thrown_away
from casehub import embedded
from tests.attacks.identities import HOW_MANY, PEOPLE, Identity, Search
from tests.browser.keyboard import code_of
from tests.browser.test_bulk_cards import tool
from tests.browser.test_handover import Desk
from tests.browser.whole import Chromium, Wire, chromium_on_disk
from tests.world import PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.browser]
SLUG = "thousandfold"
TYPED = 10  # by hand, at intake and on the card's own page; the others by the same page's own modules
AT_ONCE = 250
SAVE = """async (rows) => {
    const {saveCard, openCards} = await import("/static/vault/store.js");
    const {opened} = await import("/static/vault/session.js");
    const vault = await opened();
    const left = [...rows];
    const revisions = {};
    const hand = async () => {
        for (let one; (one = left.pop()); )
            revisions[one.client] = await saveCard(vault, {client: one.client, revision: one.revision}, one.card);
    };
    await Promise.all([1, 2, 3, 4].map(hand));
    return revisions;
}"""
READ = """async (clients) => {
    const {openCards} = await import("/static/vault/store.js");
    const {opened} = await import("/static/vault/session.js");
    const rows = [...(await openCards(await opened(), clients)).values()];
    return Object.fromEntries(rows.map((row) => [row.client, row.card ?? String(row.error)]));
}"""
HAND_OVER = """async ([clients, receiver, releases]) => {
    const {openCards} = await import("/static/vault/store.js");
    const {only, ourSide, sealFor} = await import("/static/vault/handover.js");
    const {opened, post} = await import("/static/vault/session.js");
    const vault = await opened();
    const ours = await ourSide(vault);
    const form = document.querySelector("form[data-hand-over]");
    const listed = form.querySelector(`[data-receiver="${receiver}"]`).dataset.public;
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
    const boxes = [...form.querySelectorAll("[data-path]")];
    const cards = await openCards(vault, clients);
    const left = [...clients];
    let done = 0;
    const hand = async () => {
        for (let client; (client = left.pop()); ) {
            const {card} = cards.get(client);
            const parts = new Map();
            for (const {dataset} of boxes) parts.set(dataset.class, [...(parts.get(dataset.class) ?? []), dataset.path]);
            const chosen = [...parts].map(([dataClass, paths]) => ({dataClass, fields: only(card, paths)}));
            const sealed = await sealFor(receiver, listed, ours, chosen.filter((one) => Object.keys(one.fields).length > 1));
            await post(form.dataset.to, {
                client, release: releases[client], ends_on: tomorrow, offer: null, ...sealed,
            });
            done++;
        }
    };
    await Promise.all([1, 2, 3, 4].map(hand));
    return done;
}"""
# What a page of ours never does, done once so that the search is seen to look where it would end up.
BETRAY = """async (words) => {
    const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
    await fetch("/day/?q=" + encodeURIComponent(words.address));
    await fetch("/day/", {method: "POST", headers: {"X-CSRFToken": token}, body: btoa("so " + words.body)});
    await fetch("/day/", {headers: {"X-Planted": words.header}});
    localStorage.setItem("planted", words.storage);
    history.pushState({}, "", "/day/?history");
    document.title = words.title;
}"""

TELL_BROKER = "import sys; from casehub.celery import app; app.send_task('no.such.task', args=[sys.argv[1]])"


@dataclass
class Place:
    """The hub, a browser that reaches it by a wire that keeps all, and what the wire can't see."""

    hub: Hub
    wire: Wire
    chromium: Chromium
    folder: Path
    search: Search
    who: dict[str, str]
    page: Page = None  # type: ignore[assignment]
    receiving: "Place | None" = None
    asked: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    opened: int = 0

    def open(self) -> None:
        """The browser, signed in."""
        context = self.chromium.begin()
        context.set_default_timeout(20_000)
        self.page = context.new_page()

        def hear(request: Any) -> None:
            sent = request.post_data_buffer or b""
            self.asked.append(f"{request.url} {request.headers} {sent.decode('latin-1')}")

        context.on("request", hear)
        self.page.on("websocket", lambda one: self.sockets.append(one.url))
        self.go("/account/login/")
        self.page.get_by_label("Email").fill(self.who["email"])
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        # A code opens once: the second time takes the next one.
        self.page.get_by_label("Code").fill(code_of(self.who["secret"], step=self.opened))
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/day/")
        self.opened += 1

    def close(self) -> None:
        self.chromium.end()

    def go(self, path: str) -> None:
        self.page.goto(f"http://localhost:{self.wire.port}{path}")

    @property
    def desk(self) -> Desk:
        return Desk(self.page, f"http://localhost:{self.wire.port}", None, None)

    @property
    def agency(self) -> Any:
        """As much of it as a desk asks for."""
        return SimpleNamespace(pk=self.who["agency"])

    def intake(self, one: Identity) -> str:
        """The new client's id."""
        page = self.page
        self.go("/clients/new/")
        page.locator("[data-card-begin]").wait_for()
        page.locator("[data-field='name.used']").press_sequentially(one.name)
        page.locator("[data-field='birth']").fill(one.birth.isoformat())
        page.locator("[data-field='phone.number']").press_sequentially(one.phone)
        page.locator("form[data-draft] [type=submit]").click()
        page.wait_for_selector("[data-card-header][data-card-state='open']")
        return page.url.rstrip("/").rpartition("/")[2]

    def type_card(self, client: str, one: Identity) -> None:
        """The rest of the card, on its own page."""
        page, card = self.page, one.card()
        self.go(f"/clients/{client}/card/")
        page.wait_for_selector("form[data-card-form][data-card-state='open']")

        def type_in(path: str, text: str) -> None:
            place = page.locator(f"[data-card-form] [data-field='{path}']")
            place.fill("")
            place.press_sequentially(text)

        type_in("name.used", one.fore)
        type_in("name.legal", one.name)
        page.locator("[data-list='name.other'] [data-add]").click()
        page.locator("[data-list='name.other'] [data-rows] input").last.press_sequentially(
            card["name"]["other"][0]
        )
        type_in("alert", card["alert"])
        type_in("address", one.address)
        type_in("phone.times", card["phone"]["times"])
        for key, text in card["emergency"].items():
            type_in(f"emergency.{key}", text)
        type_in("ids.ssn4", one.ssn4)
        page.locator("[data-card-form] [type=submit]").click()
        page.wait_for_selector("[data-card-header][data-card-state='open']")

    def bring_in(self, some: dict[str, Identity]) -> None:
        """A sheet of the agency's own, by code, sealed by its tool and taken in by the page."""
        house = self.folder.with_name("house")  # is the agency's, and not searched
        house.mkdir()
        with (house / "people.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [("Code", "First name", "Last name", "DOB", "SSN")]
                + [(code, one.fore, one.last, one.birth.isoformat(), one.ssn4) for code, one in some.items()]
            )
        self.go("/agency/card-keys/")
        said = self.page.evaluate("async () => (await fetch('/vault/file/')).text()")
        (self.folder / "vault.json").write_text(said)
        sealed = self.folder / "cards.sealed"
        said = tool(
            "cards", house / "people.csv", sealed, "--code", "Code", "--vault", self.folder / "vault.json"
        )
        assert said.startswith(f"{len(some)} cards sealed"), said
        self.go("/imports/cards/")
        self.page.locator("[data-bulk-state=ready]").wait_for()
        self.page.set_input_files("#sealed_file", sealed)
        self.page.get_by_role("button", name="Bring the cards in").click()
        self.page.locator("[data-bulk-state=done]").wait_for(timeout=60_000)
        assert self.page.locator("[data-bulk-part=n-new]").text_content() == str(len(some))

    def hand_over(self, clients: dict[str, Identity]) -> None:
        """Each of them to the other agency: the first by hand, the others by the same page's own modules; a few are
        opened there."""
        ours, there = self.desk, self.receiving
        assert there is not None
        theirs = there.desk
        theirs.begin()
        ours.partners()
        theirs.partners()
        assert ours.code_of(there.agency) == theirs.own_code()
        ours.pin(there.agency)
        theirs.pin(self.agency)
        first, *others = clients
        releases = json.loads(self.hub.run("-m", "tests.attacks.inside", "releases", SLUG, "othertown"))
        ours.hand_over(SimpleNamespace(pk=first), there.agency)
        self.page.locator("form[data-hand-over][data-state=open]").wait_for()
        assert self.page.evaluate(HAND_OVER, [others, there.who["agency"], releases]) == len(others)
        theirs.inbox()
        for nth in range(3):
            row = there.page.locator("[data-disclosure]").nth(nth)
            row.locator("[data-open]").click()
            row.locator("[data-fields] dd").first.wait_for()
        assert self.search.said(there.page.inner_text("main"))
        there.close()

    def find(self, typed: str) -> str:
        """What the search says, after typing."""
        self.page.locator("#card_search").fill("")
        self.page.locator("#card_count", has_text="fit").wait_for(state="detached")
        self.page.locator("#card_search").press_sequentially(typed)
        self.page.locator("#card_count", has_text="fit").wait_for(timeout=10_000)
        return self.page.locator("[data-card-search] ul").inner_text()

    def printed(self) -> str:
        """The page as it goes to paper; what stands on it."""
        self.page.emulate_media(media="print")
        assert len(self.page.pdf()) > 5_000
        words = self.page.inner_text("body")
        self.page.emulate_media(media="screen")
        return words

    def fails(
        self, status: int, one: Identity, *, action: str = "", token: bool = True, broken: bool = False
    ) -> None:
        """The intake's form, filled and sent to where it fails."""
        page = self.page
        self.go("/clients/new/")
        page.locator("[data-card-begin]").wait_for()
        page.locator("[data-field='name.used']").fill(one.name)
        page.locator("[data-field='phone.number']").fill(one.phone)
        time.sleep(1.2)  # the draft has been sent
        if action:
            page.evaluate("action => { document.querySelector('form[data-draft]').action = action }", action)
        if not token:
            page.evaluate(
                "() => { document.querySelector('form[data-draft] [name=csrfmiddlewaretoken]').value = 'x'.repeat(64) }"
            )
        # An answer without a body is no page to Chromium; the wire keeps all of them.
        with (
            self.broken() if broken else nullcontext(),
            page.expect_response(lambda one: one.request.is_navigation_request()) as waiting,
        ):
            page.locator("form[data-draft] [type=submit]").click()
        assert waiting.value.status == status
        page.wait_for_function("() => !document.querySelector('form[data-draft]')")

    @contextmanager
    def broken(self) -> Iterator[None]:
        """A table is away meanwhile, so that whoever needs it falls."""
        self.hub.ask("ALTER TABLE referrals_client RENAME TO away")
        try:
            yield
        finally:
            self.hub.ask("ALTER TABLE away RENAME TO referrals_client")

    def forget_password(self) -> None:
        """A letter goes out, if the hub writes any."""
        page = self.page
        self.go("/account/password/reset/")
        if (field := page.get_by_label("Email")).count():
            field.fill(self.who["email"])
            page.keyboard.press("Enter")

    def take_in_rubbish(self) -> None:
        """A job with its row, which ends badly."""
        rubbish = self.folder / "rubbish.zip"
        rubbish.write_bytes(b"no bundle")
        self.hub.run("-m", "tests.reliability.inside", "take_in", SLUG, str(rubbish))
        self.wait_for_worker()

    def wait_for_worker(self) -> None:
        """Until the worker has nothing more to do."""
        end = time.monotonic() + 30
        while self.hub.ask("SELECT 1 FROM agencies_job WHERE state IN ('queued', 'running')"):
            assert time.monotonic() < end, "the worker does nothing"
            time.sleep(0.1)
        time.sleep(1)

    # -- what the hub keeps

    def everywhere(self) -> Iterator[Path]:
        """All places on a disk: what the wire saw, the profile, the hub's folder (broker, keys, logs, inbox, job files), a dump
        and a base backup made now."""
        self.hub.ask("CHECKPOINT")
        with closing(redis.Redis.from_url(self.hub.servers().broker_url)) as broker:
            broker.save()
        home = embedded._Home(self.hub.folder)
        programs, _version = embedded._postgres_programs(home)
        for name, program, arguments in (
            ("dump", "pg_dump", ["--file", str(self.folder / "dump"), "casehub"]),
            ("backup", "pg_basebackup", ["--pgdata", str(self.folder / "backup"), "--wal-method=fetch"]),
        ):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            done = subprocess.run(
                [programs / program, "-h", "127.0.0.1", "-p", str(home._postmaster()[1]), "-U", "postgres", *arguments],
                env={**os.environ, "PGPASSWORD": home.secret("postgres")}, capture_output=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr.decode()
        for name in ("dump", "backup", "wire", "profile", "profile there", "vault.json", "cards.sealed"):
            yield self.folder / name
        # The server's own files are those of the backup.
        yield from (one for one in self.hub.folder.iterdir() if one.name != "postgres")


@contextmanager
def running(folder: Path) -> Iterator[Place]:
    """The hub, its web, its worker, the wire and a browser whose profile lies in the folder."""
    captured = folder / "wire"
    captured.mkdir()
    with thrown_away() as hub, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEHUB_EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
        who, other = json.loads(hub.run("-m", "tests.attacks.inside", "prepare", SLUG, "othertown"))
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            port = probe.getsockname()[1]
        # More than a hub ever logs: all of what its programs could.
        web = hub.start(
            "-m", "gunicorn", "casehub.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4",
            "--log-level", "debug", "--capture-output", "--error-logfile", str(hub.folder / "web.log"),
            "--access-logfile", str(hub.folder / "access.log"),
        )  # fmt: skip
        hub.start("-m", "celery", "-A", "casehub", "worker", "--concurrency", "1", "--loglevel", "DEBUG",
                  "--logfile", str(hub.folder / "worker.log"))  # fmt: skip
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=2).close()
                break
            except OSError:
                assert time.monotonic() < end and web.poll() is None, "the pages did not come up"
                time.sleep(0.1)
        with (
            closing(Wire(captured, port)) as wire,
            chromium_on_disk(folder / "profile", folder / "profile there") as (ours, theirs),
        ):
            there = Place(hub, wire, theirs, folder, search := Search(folder), other)
            yield Place(hub, wire, ours, folder, search, who, receiving=there)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with running(tmp_path) as one:
        yield one


def test_a_thousand_people_leave_no_trace(place: Place) -> None:
    began = time.monotonic()

    def told(what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {what}\n")

    there = place.receiving
    assert there is not None
    place.open()
    place.desk.begin()
    told("signed in, vault begun")
    # Entered.
    clients = {place.intake(one): one for one in PEOPLE[:TYPED]}
    for client, one in clients.items():
        place.type_card(client, one)
    told("typed")
    waiting = json.loads(place.hub.run("-m", "tests.attacks.inside", "clients", SLUG, str(HOW_MANY - TYPED)))
    told("clients without a card")
    clients |= dict(zip(waiting, PEOPLE[TYPED:], strict=True))
    by_hand, in_bulk = waiting[: -HOW_MANY // 4], waiting[-HOW_MANY // 4 :]
    rows = [{"client": client, "revision": 0, "card": clients[client].card()} for client in by_hand]
    revisions: dict[str, int] = {}
    for some in range(0, len(rows), AT_ONCE):
        revisions |= place.page.evaluate(SAVE, rows[some : some + AT_ONCE])
    told("saved")
    assert set(revisions.values()) == {1} and len(clients) == HOW_MANY
    place.bring_in({f"T-{waiting.index(client):04}": clients[client] for client in in_bulk})
    told("brought in from a file")
    # Edited, every fifth.
    again = [
        {"client": client, "revision": 1, "card": clients[client].card() | {"pronouns": "she"}}
        for client in waiting[::5]
    ]
    assert set(place.page.evaluate(SAVE, again).values()) == {2}
    told("edited")
    # They are really there: every card opens with the key, and says who it is of.
    for some in range(0, HOW_MANY, AT_ONCE):
        ids = list(clients)[some : some + AT_ONCE]
        said = place.page.evaluate(READ, ids)
        assert {client: said[client]["birth"] for client in ids} == {
            client: clients[client].birth.isoformat() for client in ids
        }
    told("read")
    # Searched for by name, birth date and phone; printed.
    place.go("/clients/")
    for one in PEOPLE[:: HOW_MANY // 9]:
        numbers = [] if one.number >= HOW_MANY * 3 // 4 else [one.phone]  # a file brings no telephones
        for typed in (one.name, one.birth.isoformat(), *numbers):
            assert one.fore in place.find(typed)
    place.page.locator("[data-card-name]").first.wait_for()
    assert place.search.said(place.printed())
    known = next(iter(clients))
    place.go(f"/clients/{known}/")
    place.page.wait_for_selector("[data-card-header][data-card-state='open']")
    assert clients[known].fore in place.printed()
    place.go("/clients/labels/?sheet=letter")
    place.page.locator(".label [data-card-name]").first.wait_for()
    assert place.search.said(place.printed())
    told("searched and printed")
    # Handed over.
    there.open()
    place.hand_over(clients)
    told("handed over")
    # What fails.
    place.fails(400, PEOPLE[20], action="/cards/save/")
    place.fails(403, PEOPLE[21], token=False)
    place.fails(404, PEOPLE[22], action="/nowhere/at/all/")
    place.fails(405, PEOPLE[23], action="/vault/")
    place.fails(500, PEOPLE[24], broken=True)
    place.forget_password()
    place.take_in_rubbish()
    place.page.evaluate("async () => (await import('/static/vault/session.js')).lock()")
    place.close()
    told("errors, mail, job")

    # Nobody is anywhere.
    assert place.sockets == there.sockets == []
    assert place.search.said(*place.asked, *there.asked) == {}
    everywhere = [*place.everywhere()]
    found = place.search.inside(*everywhere)
    assert found == {}, {one.number: places for one, places in list(found.items())[:9]}
    counts = dict(place.hub.ask("SELECT key_version, count(*) FROM referrals_contactcard GROUP BY 1"))
    assert counts == {1: HOW_MANY}
    ((handed,),) = place.hub.ask("SELECT count(DISTINCT handover_id) FROM referrals_disclosure")
    assert handed == HOW_MANY
    sent = place.wire.sent()
    assert (
        sent.count(b"POST /cards/save/ ") >= HOW_MANY * 3 // 4
        and b"POST /cards/save-many/ " in sent
        and sent.count(b"card_sealed=") >= TYPED
    )
    told("searched everywhere")

    # The search bites in each of these places.
    traitors = iter(PEOPLE[100:])
    names = (
        "row",
        "sealed",
        "job",
        "told_broker",
        "log",
        "key",
        "body",
        "address",
        "header",
        "storage",
        "title",
    )
    planted = {name: next(traitors) for name in names}
    hub = place.hub
    hub.ask("UPDATE agencies_agency SET name = %s WHERE slug = %s", planted["row"].name, SLUG)
    in_place_of_a_card = planted["sealed"].name.encode()
    hub.ask(
        "UPDATE referrals_contactcard SET sealed_e2e = %s WHERE client_id = %s", in_place_of_a_card, known
    )
    hub.ask("UPDATE agencies_job SET arguments = %s", json.dumps({"row": planted["job"].phone}))
    hub.run("-c", TELL_BROKER, planted["told_broker"].address)
    (hub.folder / "keys" / "planted").write_text(planted["key"].birth.isoformat())
    with (hub.folder / "worker.log").open("a") as log:
        log.write(f"a careless line about {planted['log'].address}\n")
    place.open()
    place.go("/day/")
    place.page.evaluate(BETRAY, {name: one.name for name, one in planted.items()})
    place.close()
    place.wait_for_worker()
    told("planted")
    found = place.search.inside(*place.everywhere())
    in_requests = place.search.said(*place.asked)
    told("searched everywhere")
    for name, kept in (
        *((name, kept) for name in ("row", "sealed", "job") for kept in ("dump", "backup")),
        ("row", ".down"),
        ("told_broker", "/valkey"),
        ("log", "worker.log"),
        ("key", "/keys/"),
        *((name, ".up") for name in ("body", "address", "header")),
        ("address", "access.log"),
        ("storage", "/profile"),
        ("title", "/profile"),
    ):
        assert any(kept in path for path in found.get(planted[name], ())), (name, kept)
    assert {planted[name] for name in ("body", "address", "header")} <= in_requests.keys()
    assert found.keys() == set(planted.values())
