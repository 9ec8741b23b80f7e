// The page on which people begin the vault, ask, let each other in, renew the key and use the kit. Every word comes
// from the page; what is sealed and how stands in keys.js, who is trusted when opening in session.js.

import { fromBase64url, random, toBase64url } from "./box.js";
import { day } from "./day.js";
import {
  NEW_COST,
  codeOf,
  kitBytes,
  kitPrivateKey,
  kitWords,
  newKit,
  newPrivateKey,
  newVaultKey,
  openVault,
  pairOf,
  passkeyKey,
  passphraseKey,
  prfOf,
  proveKit,
  sealOpener,
  sealTrust,
  unwrap,
  wrap,
} from "./keys.js";
import { askToOpen, stands, wordFor } from "./open.js";
import { catchUp, fileToo } from "./reseal.js";
import { Refused, heldHere, keep, keepTrust, opened, post, readState, whenChanged, whose } from "./session.js";

const LEAST_PASSPHRASE = 12;
const TYPED_BACK = 3;
const LOOK_MS = 10_000;
const page = document.getElementById("card-keys");
const keeps = page.dataset.keeps === "yes";
const passkeys = JSON.parse(page.dataset.passkeys);
const all = (selector) => [...page.querySelectorAll(selector)];
const one = (selector) => page.querySelector(selector);
let state = null;

/** Someone turned back. */
class Stopped extends Error {}

/** The words are those of another kit. */
class OtherKit extends Error {}

// The page

function say(name) {
  for (const words of all("[data-keys-says]")) words.hidden = words.dataset.keysSays !== name;
}

function panel(name) {
  for (const part of all("[data-keys-panel]")) part.hidden = part.dataset.keysPanel !== name;
  if (name !== "main") one(`[data-keys-panel=${name}] h2`).focus();
}

function code(user, publicText) {
  return codeOf({ kind: "member", agency: whose.agency, holder: user, publicKey: fromBase64url(publicText) });
}

function stateNow(vault) {
  if (state.state === "nothing") return keeps ? "nothing-keeps" : "nothing";
  if (state.state !== "in") return state.state;
  if (vault?.version === state.version) return "open";
  return state.me.trust ? "locked" : "unconfirmed";
}

async function show() {
  state = await readState();
  const vault = await opened();
  const name = stateNow(vault);
  page.dataset.state = name;
  stands(state.state);
  for (const part of all("[data-keys-when]")) part.hidden = !part.dataset.keysWhen.split(" ").includes(name);
  one("[data-keys-own]").hidden = !state.me;
  if (state.me) one("[data-keys-code]").textContent = await code(state.user, state.me.public);
  showOpeners();
  if (name === "open") await showPeople(vault);
  page.hidden = false;
}

function row(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

function showOpeners() {
  const titles = new Map(passkeys.map(({ id, title }) => [id, title]));
  const rows = (state.me?.openers ?? []).map((opener) => {
    const item = row("keys-opener");
    item.querySelector(`[data-kind=${opener.kind}]`).hidden = false;
    item.querySelector("[data-title]").textContent = titles.get(opener.credential) ?? "";
    item.querySelector("[data-since]").textContent = day(opener.made_at);
    item.querySelector("[data-remove]").addEventListener("click", () =>
      act(() => post("/vault/opener/remove/", { opener: opener.id })),
    );
    return item;
  });
  one("[data-keys-openers]").replaceChildren(...rows);
}

function bookOf(vault) {
  return vault.openBook({ serial: state.book.serial }, fromBase64url(state.book.sealed));
}

// Who holds a key is what the book says; the hub only adds names, and who waits.
async function showPeople(vault) {
  const book = await bookOf(vault);
  const rows = [];
  let left = false;
  for (const member of state.members) {
    const known = book.members[member.id];
    if (!known && !member.waits) continue;
    const item = row("keys-person");
    const put = (name, text) => (item.querySelector(`[data-${name}]`).textContent = text);
    put("name", member.name);
    put("code", await code(known?.user ?? member.user, known?.public ?? member.public));
    item.querySelector("[data-waits]").hidden = !member.waits;
    item.querySelector("[data-gone]").hidden = member.may_open;
    item.querySelector("[data-for-waiting]").hidden = !(member.waits && keeps);
    item.querySelector("[data-for-holder]").hidden = member.waits || !keeps || member.user === state.user;
    const goes = item.querySelector("[data-goes]");
    [goes.value, goes.checked, goes.disabled] = [member.id, !member.may_open, !member.may_open];
    left ||= !member.may_open && !member.waits;
    item.querySelector("[data-admit]").addEventListener("click", () => {
      if (item.querySelector("[data-heard]").checked) act(() => admit(member));
      else item.querySelector("[data-heard]").focus();
    });
    item
      .querySelector("[data-refuse]")
      .addEventListener("click", () => act(() => post("/vault/refuse/", { member: member.id })));
    rows.push(item);
  }
  one("[data-keys-people]").replaceChildren(...rows);
  one("[data-keys-left]").hidden = !left;
  // What the places and tabs said when the page came: over, once nobody waits any more.
  const waits = state.members.some((member) => member.waits);
  for (const words of document.querySelectorAll("[data-waiting]")) words.hidden = !waits;
}

/** Does it, and says how it went: by the name it gives, or "done". */
async function act(doing) {
  say("working");
  try {
    const said = await doing();
    say(typeof said === "string" ? said : "done");
  } catch (error) {
    say(wordOf(error));
  }
  panel("main");
  await show();
}

function wordOf(error) {
  if (error instanceof Stopped) return "";
  if (error instanceof OtherKit) return "words";
  if (!(error instanceof Refused)) return wordFor(error);
  if (error.body?.error === "confirm") return ""; // they turned back
  if (error.body?.error === "last") return "last";
  return ["moved", "begun", "has_key", "no_key"].includes(error.body?.error) ? "moved" : "failed";
}

// Pieces of the acts

function stopped(signal) {
  return new Promise((_, reject) => {
    const stop = () => reject(new Stopped());
    for (const button of all("[data-keys-back]")) button.addEventListener("click", stop, { signal });
  });
}

/** Waits for one of the page's steps, or throws Stopped. `step(resolve, signal)` sets its listeners. */
async function step(name, listen) {
  const over = new AbortController();
  panel(name);
  say("");
  try {
    return await Promise.race([new Promise((resolve) => listen(resolve, over.signal)), stopped(over.signal)]);
  } finally {
    over.abort();
  }
}

async function byPassphrase(text) {
  const salt = random(16);
  const { memory, passes } = NEW_COST;
  const key = await passphraseKey(text, { salt, memory, passes });
  return { key, opener: { kind: "passphrase", salt: toBase64url(salt), memory, passes } };
}

async function byPasskey() {
  const asked = passkeys.map(({ id }) => ({ id: fromBase64url(id), salt: random(32) }));
  const { id, output } = await prfOf({ credentialIds: asked, rpId: location.hostname });
  const credential = toBase64url(id);
  const { salt } = asked.find((each) => toBase64url(each.id) === credential);
  return { key: await passkeyKey(output), opener: { kind: "passkey", credential, salt: toBase64url(salt) } };
}

/** Asks for a passphrase or passkey and seals the private key under it, as the hub takes openers. */
async function newOpener(privateBytes, publicKey) {
  const form = one("[data-keys-form=opener]");
  const [first, again] = form.querySelectorAll("input");
  const { key, opener } = await step("opener", (resolve, signal) => {
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        const [text, same] = [first.value.normalize("NFKC").trim(), first.value === again.value];
        if ([...text].length < LEAST_PASSPHRASE) say("short");
        else if (!same) say("differ");
        else {
          say("working");
          first.value = again.value = "";
          resolve(byPassphrase(text));
        }
      },
      { signal },
    );
    one("[data-keys-passkey]")?.addEventListener("click", () => resolve(byPasskey()), { signal });
  }).finally(() => (first.value = again.value = ""));
  const sealed = await sealOpener(key, { ...whose, publicKey }, privateBytes);
  return { ...opener, sealed: toBase64url(sealed) };
}

/** Shows the kit's words until they are on paper and three were typed back. */
async function onPaper(words) {
  const list = one("[data-keys-words]");
  const form = one("[data-keys-form=back]");
  const inputs = [...form.querySelectorAll("input")];
  try {
    for (;;) {
      list.replaceChildren(
        ...words.map((word) => Object.assign(document.createElement("li"), { textContent: word })),
      );
      await step("words", (resolve, signal) =>
        one("[data-keys-written]").addEventListener("click", resolve, { signal }),
      );
      list.replaceChildren();
      const asked = new Set();
      while (asked.size < TYPED_BACK) asked.add(random(1)[0] % words.length);
      const nth = [...asked].sort((a, b) => a - b);
      all("[data-keys-nth]").forEach((place, i) => (place.textContent = nth[i] + 1));
      const right = await step("back", (resolve, signal) => {
        form.addEventListener(
          "submit",
          (event) => {
            event.preventDefault();
            if (nth.every((at, i) => inputs[i].value.trim().toLowerCase() === words[at])) resolve(true);
            else say("words");
          },
          { signal },
        );
        one("[data-keys-again]").addEventListener("click", () => resolve(false), { signal });
      });
      for (const input of inputs) input.value = "";
      if (right) return;
    }
  } finally {
    list.replaceChildren();
    for (const input of inputs) input.value = "";
  }
}

/** A new kit on paper: {id, number, public} as the hub takes it. */
async function kitOnPaper(number) {
  const bytes = newKit();
  await onPaper(kitWords(bytes).split(" "));
  const { publicKey } = await pairOf(await kitPrivateKey(bytes, whose.agency));
  bytes.fill(0);
  return { id: crypto.randomUUID(), number, public: toBase64url(publicKey) };
}

/** A new key of one's own and its opener: {id, pair, body}. */
async function newMember() {
  const privateBytes = newPrivateKey();
  try {
    const pair = await pairOf(privateBytes);
    const opener = await newOpener(privateBytes, pair.publicKey);
    const member = { id: crypto.randomUUID(), public: toBase64url(pair.publicKey) };
    return { id: member.id, pair, body: { member, openers: [opener] } };
  } finally {
    privateBytes.fill(0);
  }
}

/** Wraps for each receiver {to, public} of each key. */
async function wraps(sender, keys, receivers) {
  const each = receivers.flatMap(({ to, public: text }) =>
    keys.map(async ({ version, key }) => {
      const where = { agency: whose.agency, version, to };
      const { sealed, tag } = await wrap(where, { vaultKey: key, sender, receiver: fromBase64url(text) });
      return { version, to, sealed: toBase64url(sealed), tag: toBase64url(tag) };
    }),
  );
  return Promise.all(each);
}

async function sealedBook(vault, serial, book) {
  return { serial, sealed: toBase64url(await vault.sealBook({ serial }, book)) };
}

async function newHandover(vault) {
  const bytes = newPrivateKey();
  const { publicKey } = await pairOf(bytes);
  const sealed = await vault.sealHandoverKey({ publicKey }, bytes);
  bytes.fill(0);
  return { public: toBase64url(publicKey), sealed: toBase64url(sealed) };
}

/** The member's own key on this page, the open vault and its book as they stand now. Throws Stopped. */
async function inHand() {
  if (!heldHere() && !(await askToOpen())) throw new Stopped();
  state = await readState();
  const held = heldHere();
  const vault = await opened();
  if (!held || vault.version !== state.version) throw new Stopped();
  return { held, vault, book: await bookOf(vault) };
}

// The acts

async function begin() {
  const me = await newMember();
  const kit = await kitOnPaper(1);
  say("working");
  const keys = [{ version: 1, key: newVaultKey() }];
  const vault = await openVault({ agency: whose.agency, keys });
  const members = { [me.id]: { user: whose.user, public: me.body.member.public } };
  const book = { v: 1, members, kit: { number: 1, public: kit.public }, partners: {} };
  const trust = await sealTrust(me.pair, { ...whose, serial: 1 }, { v: 1, version: 1, members });
  const receivers = [
    { to: me.id, public: me.body.member.public },
    { to: "kit 1", public: kit.public },
  ];
  await post("/vault/begin/", {
    ...me.body,
    kit,
    trust: { serial: 1, sealed: toBase64url(trust) },
    wraps: await wraps(me.pair, keys, receivers),
    book: await sealedBook(vault, 1, book),
    handover: await newHandover(vault),
  });
  await keep(keys, { id: me.id, pair: me.pair });
  return "begun";
}

async function ask() {
  const me = await newMember();
  await post("/vault/ask/", me.body);
  return ""; // what to do now stands where the key waits
}

async function admit(member) {
  const { held, vault, book } = await inHand();
  // Exactly the key whose code was heard: what the hub says now may be another one.
  book.members[member.id] = { user: member.user, public: member.public };
  await post("/vault/admit/", {
    member: member.id,
    version: vault.version,
    wraps: await wraps(held.pair, held.keys, [{ to: member.id, public: member.public }]),
    book: await sealedBook(vault, state.book.serial + 1, book),
  });
  await keepTrust(state, held.pair, { version: vault.version, members: book.members });
}

async function rotate() {
  const ticked = new Set(all("[data-goes]:checked").map((box) => box.value));
  const { held, vault, book } = await inHand();
  const living = new Map(state.members.filter((each) => !each.waits).map((each) => [each.id, each]));
  // From the book, never from the hub's list: it can leave someone out here, and add nobody.
  const stay = Object.entries(book.members).filter(
    ([id]) => living.has(id) && living.get(id).may_open && !ticked.has(id),
  );
  const members = Object.fromEntries(stay);
  const gone = [...living.keys()].filter((id) => id in book.members && !(id in members));
  const version = vault.version + 1;
  const keys = [...held.keys.map(({ version: v, key }) => ({ version: v, key: key.slice() }))];
  keys.push({ version, key: newVaultKey() });
  const next = await openVault({ agency: whose.agency, keys });
  const receivers = stay.map(([to, { public: text }]) => ({ to, public: text }));
  if (book.kit) receivers.push({ to: `kit ${book.kit.number}`, public: book.kit.public });
  await post("/vault/rotate/", {
    from: vault.version,
    book_serial: state.book.serial,
    gone,
    wraps: await wraps(held.pair, keys, receivers),
    book: await sealedBook(next, 1, { ...book, members }),
    handover: await newHandover(next),
  });
  await keepTrust(state, held.pair, { version, members });
  await keep(keys, { id: held.id, pair: held.pair });
}

async function anotherKit() {
  await inHand();
  const kit = await kitOnPaper((state.kit?.number ?? 0) + 1);
  const { held, vault, book } = await inHand();
  book.kit = { number: kit.number, public: kit.public };
  await post("/vault/kit/", {
    kit,
    version: vault.version,
    wraps: await wraps(held.pair, held.keys, [{ to: `kit ${kit.number}`, public: kit.public }]),
    book: await sealedBook(vault, state.book.serial + 1, book),
  });
  return "kitmade";
}

async function useKit(typed) {
  const privateBytes = await kitPrivateKey(kitBytes(typed), whose.agency);
  const kit = await pairOf(privateBytes);
  privateBytes.fill(0);
  state = await readState();
  if (toBase64url(kit.publicKey) !== state.kit?.public) throw new OtherKit();
  const to = `kit ${state.kit.number}`;
  const opening = state.kit_wraps.map(async ({ version, sealed, tag, sender }) => {
    const given = { sealed: fromBase64url(sealed), tag: fromBase64url(tag), sender: fromBase64url(sender) };
    return { version, key: await unwrap({ agency: whose.agency, version, to }, { ...given, receiver: kit }) };
  });
  const keys = await Promise.all(opening);
  const vault = await openVault({ agency: whose.agency, keys });
  const book = await bookOf(vault);
  const me = await newMember();
  say("working");
  // An earlier key of the same person is over.
  const others = Object.entries(book.members).filter(([, { user }]) => user !== whose.user);
  const members = { ...Object.fromEntries(others), [me.id]: { user: whose.user, public: me.body.member.public } };
  const made = {
    member: me.body.member,
    wraps: await wraps(me.pair, keys, [{ to: me.id, public: me.body.member.public }]),
    book: await sealedBook(vault, state.book.serial + 1, { ...book, members }),
  };
  // A choice of passphrase takes its time; a challenge is answered within minutes.
  const challenge = fromBase64url((await readState()).kit_challenge);
  const proof = await proveKit({ agency: whose.agency, number: state.kit.number }, { kit, challenge, ...made });
  const facts = { kit_number: state.kit.number, version: vault.version, proof: toBase64url(proof) };
  await post("/vault/kit/use/", { ...me.body, ...made, ...facts });
  state = await readState();
  await keepTrust(state, me.pair, { version: vault.version, members });
  await keep(keys, { id: me.id, pair: me.pair });
  return "kitused";
}

async function dropKey() {
  await post("/vault/drop/", { member: state.me.id });
  return "dropped";
}

function addOpener() {
  return new Promise((resolve, reject) => {
    let lent = false;
    const borrow = async (privateBytes, { me }) => {
      lent = true;
      document.getElementById("vault").close();
      try {
        const opener = await newOpener(privateBytes, fromBase64url(me.public));
        await post("/vault/opener/", { opener });
        resolve();
      } catch (error) {
        reject(error);
        throw error;
      }
    };
    askToOpen(borrow).then(() => lent || reject(new Stopped()));
  });
}

const ACTS = {
  begin,
  ask,
  rotate,
  kit: anotherKit,
  opener: addOpener,
  drop: dropKey,
};

page.addEventListener("click", (event) => {
  const name = event.target.closest("[data-keys-do]")?.dataset.keysDo;
  if (name) act(ACTS[name]);
});
one("[data-keys-form=usekit]")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const field = event.target.querySelector("textarea");
  const typed = field.value;
  field.value = "";
  try {
    kitBytes(typed);
  } catch {
    say("words");
    field.focus();
    return;
  }
  act(() => useKit(typed));
});
// Somebody lets in or turns away: seen without a reload, while the page is looked at.
setInterval(async () => {
  if (page.dataset.state !== "waiting" || document.hidden || one("[data-keys-panel=main]").hidden) return;
  // By nobody's act, so the session's idle time runs on, as for the parts of pages that fetch themselves.
  const headers = { "HX-Request": "true" };
  const answer = await fetch("/vault/", { headers, redirect: "manual", cache: "no-store" }).catch(() => null);
  if (!answer?.ok || (await answer.json()).state === state.state) return;
  say("");
  await show();
}, LOOK_MS);
whenChanged(async (vault) => {
  if (one("[data-keys-panel=main]").hidden) return;
  await show();
  if (page.dataset.state !== "open") return;
  let halted = false;
  one("[data-keys-stopped]").hidden = true;
  await catchUp(vault, ({ left, stopped: stops }) => {
    halted = stops;
    one("[data-keys-progress]").hidden = !left || stops;
    one("[data-keys-left-cards]").textContent = left;
    one("[data-keys-stopped]").hidden = !stops;
  });
  if (halted) return;
  // A renewal before there was any card leaves nothing to seal anew.
  if (state.versions.filter((each) => !each.destroyed).length < 2) return;
  await fileToo(vault);
  const { left } = await post("/vault/finish/");
  one("[data-keys-others]").hidden = !left;
  one("[data-keys-others-cards]").textContent = left;
});
