// What session.js must hold against a hub and other tabs that do as they like; for test_vault_session.py. The hub is
// this file's own fetch. Each law that is broken is named.

import { Shut, fromBase64url, random, toBase64url } from "/static/vault/box.js";
import { codeOf, newPrivateKey, openVault, pairOf, passphraseKey, sealOpener, sealTab, sealTrust, wrap } from "/static/vault/keys.js";

const root = document.documentElement;
const [agency, user, PHRASE] = ["7", "3", "seven green kettles sing"];
const half = random(32);
Object.assign(root.dataset, { vaultAgency: agency, vaultUser: user, vaultHalf: toBase64url(half), vaultState: "/vault/" });
const session = await import("/static/vault/session.js");
const BOX = "casehub-vault";
const cost = { salt: random(16), memory: 19_456, passes: 2 };
const privateBytes = newPrivateKey();
const opener = await passphraseKey(PHRASE, cost);
const me = await pairOf(privateBytes.slice());
const giver = await pairOf(newPrivateKey());
const stranger = await pairOf(newPrivateKey());
const [mine, theirs] = [crypto.randomUUID(), crypto.randomUUID()];
const text = (pair) => toBase64url(pair.publicKey);
const members = { [mine]: { user, public: text(me) }, [theirs]: { user: "4", public: text(giver) } };
const keys = [1, 2].map((version) => ({ version, key: random(32) }));
const copy = (some) => some.map(({ version, key }) => ({ version, key: key.slice() }));

async function wrapped(sender, versions) {
  const each = keys.filter(({ version }) => versions.includes(version)).map(async ({ version, key }) => {
    const made = await wrap({ agency, version, to: mine }, { vaultKey: key, sender, receiver: me.publicKey });
    return { version, to: mine, sender: text(sender), sealed: toBase64url(made.sealed), tag: toBase64url(made.tag) };
  });
  return Promise.all(each);
}

/** What /vault/ says, with `lies` for a hub that does not say what is. */
async function state({ version = 2, sender = giver, wraps, trust = { version, members }, book = members } = {}) {
  const held = copy(keys.filter((one) => one.version <= version));
  const vault = await openVault({ agency, keys: held });
  const sealedTrust = trust && (await sealTrust(me, { agency, user, serial: 1 }, { v: 1, ...trust }));
  return {
    state: "in",
    version,
    members: Object.entries(members).map(([id, one]) => ({ id, name: `of ${one.user}`, ...one })),
    book: { serial: 1, sealed: toBase64url(await vault.sealBook({ serial: 1 }, { v: 1, members: book })) },
    me: {
      id: mine,
      public: text(me),
      trust: trust && { serial: 1, sealed: toBase64url(sealedTrust) },
      openers: [
        {
          kind: "passphrase",
          salt: toBase64url(cost.salt),
          memory: cost.memory,
          passes: cost.passes,
          sealed: toBase64url(await sealOpener(opener, { agency, user, publicKey: me.publicKey }, privateBytes)),
        },
      ],
      wraps: wraps ?? (await wrapped(sender, [1, 2].filter((one) => one <= version))),
    },
  };
}

let asked = [];
function hub(said, acts = {}) {
  asked = [];
  window.fetch = async (path, options = {}) => {
    asked.push([path, options.body ?? ""]);
    const [status, body] = path === "/vault/" ? [200, said] : (acts[path]?.() ?? [200, { done: true }]);
    return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
  };
}

async function opening(said, use = null) {
  hub(said);
  try {
    await session.openWithPassphrase(PHRASE, use);
    return "open";
  } catch (error) {
    return error.why ? `${error.name} ${error.why}` : error.state ? `${error.name} ${error.state}` : error.name;
  } finally {
    session.lock();
  }
}

const said = (channel) => new Promise((resolve) => (channel.onmessage = ({ data }) => resolve(data)));
const soon = () => new Promise((resolve) => setTimeout(resolve, 60));

const LAWS = {
  async "opens what fits together"() {
    return (await opening(await state())) === "open";
  },
  async "no key is believed from a stranger"() {
    const lie = await state({ sender: stranger });
    return (await opening(lie)) === "NotConfirmed";
  },
  async "a stranger is believed once the code was compared, and shown with the right code"() {
    hub(await state({ trust: null }));
    const found = await session.openWithPassphrase(PHRASE).catch((error) => error);
    const code = await codeOf({ kind: "member", agency, holder: "4", publicKey: giver.publicKey });
    const right = found.people?.length === 1 && found.people[0].code === code && !(await session.opened());
    const open = right && (await found.accept());
    session.lock();
    return Boolean(open);
  },
  async "a key older than one that was seen is refused"() {
    return (await opening(await state({ version: 1, trust: { version: 2, members } }))) === "Shut older key";
  },
  async "without the newest key nothing opens"() {
    return (await opening(await state({ wraps: await wrapped(giver, [1]) }))) === "Newer";
  },
  async "who waits is told so"() {
    return (await opening(await state({ wraps: [] }))) === "NoKey waiting";
  },
  async "who has no key is told so"() {
    return (await opening({ ...(await state()), me: null, state: "none" })) === "NoKey none";
  },
  async "a book that does not name the reader is refused"() {
    const { [mine]: _, ...others } = members;
    return (await opening(await state({ book: others }))) === "Shut book";
  },
  async "whom the book names is noted, so that the next key is believed only from them"() {
    const noted = async (trust) => {
      hub(await state({ trust }));
      const going = session.openWithPassphrase(PHRASE).catch((error) => error);
      const result = await going;
      if (result.accept) await result.accept();
      session.lock();
      return asked.filter(([path]) => path === "/vault/trust/").length;
    };
    return (await noted(null)) === 1 && (await noted({ version: 2, members })) === 0;
  },
  async "another passphrase opens nothing"() {
    hub(await state());
    const error = await session.openWithPassphrase("another").catch((one) => one);
    return error.name === "Wrong" && !(await session.opened());
  },
  async "the private key is wiped once it was used"() {
    let held = null;
    await opening(await state(), async (bytes) => (held = bytes));
    return held.every((byte) => byte === 0);
  },
  async "what lies in the tab opens with the session's half only"() {
    await session.keep(copy(keys), null);
    const box = sessionStorage.getItem(BOX);
    const plain = keys.some(({ key }) => box.includes(toBase64url(key)));
    session.lock();
    return !plain && fromBase64url(box).length > 500;
  },
  async "locking wipes the keys, the tab, and tells the others"() {
    const channel = new BroadcastChannel(BOX);
    const given = copy(keys);
    await session.keep(given, null);
    session.watermark(mine, 1);
    await soon();
    const heard = said(channel);
    session.lock();
    const told = (await Promise.race([heard, soon()]))?.locked === true;
    channel.close();
    const left = Object.keys(sessionStorage).filter((name) => name.startsWith(BOX));
    return told && !left.length && given.every(({ key }) => key.every((byte) => !byte)) && !(await session.opened());
  },
  async "another tab's lock is this one's"() {
    await session.keep(copy(keys), null);
    const channel = new BroadcastChannel(BOX);
    channel.postMessage({ locked: true });
    await soon();
    channel.close();
    return !sessionStorage.getItem(BOX) && !(await session.opened());
  },
  async "the session's own lock is the vault's"() {
    await session.keep(copy(keys), null);
    const form = document.body.appendChild(document.createElement("form"));
    form.id = "lock";
    form.addEventListener("submit", (event) => event.preventDefault());
    form.requestSubmit();
    form.remove();
    return !sessionStorage.getItem(BOX);
  },
  async "an open tab lends its box, a locked one nothing"() {
    const channel = new BroadcastChannel(BOX);
    const lent = async () => {
      const heard = said(channel);
      channel.postMessage({ ask: true });
      return (await Promise.race([heard, soon()]))?.box;
    };
    await session.keep(copy(keys), null);
    const box = await lent();
    const right = box === sessionStorage.getItem(BOX);
    session.lock();
    await soon();
    sessionStorage.setItem(BOX, box); // what a lock missed
    const after = await lent();
    sessionStorage.clear();
    channel.close();
    return right && !after;
  },
  async "a page that is left holds no key"() {
    const given = copy(keys);
    await session.keep(given, { id: mine, pair: me });
    window.dispatchEvent(new Event("pagehide"));
    const gone = given.every(({ key }) => key.every((byte) => !byte)) && !session.heldHere();
    sessionStorage.clear();
    return gone;
  },
  async "a card older than one that was seen is refused"() {
    session.watermark(theirs, 5);
    try {
      session.watermark(theirs, 4);
      return false;
    } catch (error) {
      return error instanceof Shut;
    } finally {
      sessionStorage.clear();
    }
  },
  async "what the hub refuses is no answer"() {
    hub(null, { "/x/": () => [409, { error: "moved" }] });
    const error = await session.post("/x/").catch((one) => one);
    return error.name === "Refused" && error.status === 409 && error.body.error === "moved" && asked.length === 1;
  },
  async "an act is sent again only after the person proved who they are, and once"() {
    const act = { "/x/": () => [403, { error: "confirm" }] };
    const count = async (answer) => {
      session.whenUnsure(async () => answer);
      hub(null, act);
      await session.post("/x/", { typed: 1 }).catch(() => null);
      return asked.filter(([, body]) => body === '{"typed":1}').length;
    };
    return (await count(false)) === 1 && (await count(true)) === 2;
  },
};

window.laws = async (names) => {
  const broken = [];
  for (const name of names ?? Object.keys(LAWS)) {
    const held = await LAWS[name]().catch(() => false);
    if (!held) broken.push(name);
  }
  return broken;
};

/** For a tab that starts with a box: whether it is open, and what is left of the box. */
window.boxFor = async (lie) => {
  const own = { agency, user };
  const box = { v: 1, keys: keys.map(({ version, key }) => ({ version, key: toBase64url(key) })), ...lie.says };
  return toBase64url(await sealTab(lie.half ? random(32) : half, { ...own, ...lie.where }, box));
};
window.half = toBase64url(half);
