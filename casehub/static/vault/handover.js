// Handing a client's details over, and opening what was handed to us. Chosen fields leave this page only sealed to a
// key that stands compared in the book, and only what such a key sealed is opened, into this page's memory. How it is
// sealed: keys.js.

import { Shut, fromBase64url, toBase64url } from "./box.js";
import { fieldAt, withField } from "./card.js";
import { openHandover, pairOf, sealHandover } from "./keys.js";
import { askToOpen, wordFor } from "./open.js";
import { Refused, opened, post, readState, whenChanged, whose } from "./session.js";
import { openCards } from "./store.js";

/** The partners' keys that were compared, by agency: {public}. Throws Shut. */
async function pinsIn(vault, { book }) {
  return (await vault.openBook({ serial: book.serial }, fromBase64url(book.sealed))).partners ?? {};
}

/** A hand-over pair of our agency's. `kept`: {public, sealed} as the hub has it. Throws Shut. */
async function pairIn(vault, kept) {
  const bytes = await vault.openHandoverKey({ publicKey: fromBase64url(kept.public) }, fromBase64url(kept.sealed));
  try {
    return await pairOf(bytes);
  } finally {
    bytes.fill(0);
  }
}

/** What sealing rests on: {pair, pins}, our agency's pair and the partners' keys that were compared. Throws Shut. */
export async function ourSide(vault) {
  const state = await readState();
  return { pair: await pairIn(vault, state.handover), pins: await pinsIn(vault, state) };
}

const isNothing = (value) => value === undefined || value === "" || (Array.isArray(value) && !value.length);

// The address and whether mail is safe there are only true together.
const WITH = { address: ["address_safe"] };

/** Of the card exactly these fields, as the card has them. */
export function only(card, paths) {
  const all = paths.flatMap((path) => [path, ...(WITH[path] ?? [])]);
  return all.reduce((out, path) => {
    const value = fieldAt(card, path.split("."));
    return isNothing(value) ? out : withField(out, path.split("."), value);
  }, { v: 1 });
}

/**
 * Seals parts [{dataClass, fields}] for an agency: {receiver_key, sender_key, parts} as the hub takes them. `listed`
 * is the key that the hub says the receiver has; {pair, pins} as ourSide() gives them. Throws Shut if the key is not
 * the one that was compared.
 */
export async function sealFor(receiver, listed, { pair, pins }, parts) {
  const pinned = pins[receiver]?.public;
  if (!pinned || pinned !== listed) throw new Shut("pin");
  const publicKey = fromBase64url(pinned);
  const all = parts.map(async ({ dataClass, fields }) => {
    const id = crypto.randomUUID();
    const where = { sender: whose.agency, receiver, disclosure: id, dataClass };
    const { sealed, tag } = await sealHandover(where, { sender: pair, receiver: publicKey, fields });
    return { id, data_class: dataClass, sealed: toBase64url(sealed), tag: toBase64url(tag) };
  });
  return { receiver_key: pinned, sender_key: toBase64url(pair.publicKey), parts: await Promise.all(all) };
}

// The sender's page

function sending(form) {
  const { client } = form.dataset;
  const boxes = [...form.querySelectorAll("[data-path]")];
  const grounds = [...form.querySelectorAll("[data-receiver]")];
  const until = form.querySelector("[data-until]");
  let [vault, card, pins, turn] = [null, null, {}, 0];

  function show(state) {
    form.dataset.state = state;
    for (const part of form.querySelectorAll("[data-when]"))
      part.hidden = !part.dataset.when.split(" ").includes(state);
  }

  function say(name, words = "") {
    for (const part of form.querySelectorAll("[data-says]")) part.hidden = part.dataset.says !== name;
    form.querySelector("[data-refused]").textContent = words;
  }

  const chosenGround = () => grounds.find((each) => each.checked);

  function offerGrounds() {
    let can = 0;
    for (const radio of grounds) {
      const pin = pins[radio.dataset.receiver]?.public;
      const is = !pin ? "new" : pin === radio.dataset.public ? "pinned" : "changed";
      radio.disabled = is !== "pinned";
      if (radio.disabled) radio.checked = false;
      else can += 1;
      for (const words of radio.parentElement.querySelectorAll("[data-is]")) words.hidden = words.dataset.is !== is;
    }
    return can;
  }

  function offerFields() {
    const ground = chosenGround();
    const allowed = ground?.dataset.classes.split(" ") ?? [];
    for (const box of boxes) {
      const empty = Object.keys(only(card, [box.dataset.path])).length < 2;
      const forbidden = Boolean(ground) && !allowed.includes(box.dataset.class);
      box.disabled = empty || !ground || forbidden;
      if (box.disabled) box.checked = false;
      box.parentElement.querySelector("[data-empty]").hidden = !empty;
      box.parentElement.querySelector("[data-not-allowed]").hidden = empty || !forbidden;
    }
  }

  function choose() {
    until.max = until.value = chosenGround().dataset.last;
    offerFields();
  }

  async function open() {
    const mine = ++turn;
    const [row, found] = [(await openCards(vault, [client])).get(client), await pinsIn(vault, await readState())];
    if (mine !== turn) return;
    if (row?.error) return show("broken");
    if (!row) return show("none");
    [card, pins] = [row.card, found];
    const can = offerGrounds();
    const asked = grounds.find((each) => each.value === form.dataset.asked && !each.disabled);
    if (asked && !chosenGround()) {
      asked.checked = true;
      choose();
    } else offerFields();
    show(can ? "open" : grounds.length ? "nopins" : "norelease");
  }

  function chosen() {
    const classes = new Map();
    for (const box of boxes.filter((one) => one.checked && !one.disabled)) {
      const paths = classes.get(box.dataset.class) ?? [];
      classes.set(box.dataset.class, [...paths, box.dataset.path]);
    }
    return [...classes].map(([dataClass, paths]) => ({ dataClass, fields: only(card, paths) }));
  }

  async function send() {
    const radio = chosenGround();
    const parts = chosen();
    if (!radio) return say("whom");
    if (!parts.length) return say("what");
    if (!until.value) return say("until");
    const button = form.querySelector("[type=submit]");
    button.setAttribute("aria-disabled", "true");
    say("working");
    try {
      // Asked anew: somebody may have taken a pin out while this page stood open.
      const ours = await ourSide(vault);
      pins = ours.pins;
      const sealed = await sealFor(radio.dataset.receiver, radio.dataset.public, ours, parts);
      const offer = form.querySelector("[data-offer]")?.value || null;
      await post(form.dataset.to, {
        client,
        [radio.dataset.kind]: radio.value,
        ends_on: until.value,
        offer,
        ...sealed,
      });
      location.assign(form.dataset.after);
    } catch (error) {
      if (error instanceof Shut) {
        offerGrounds();
        offerFields();
        say("pin");
      } else if (error instanceof Refused && error.body?.detail) say("refused", error.body.detail);
      else say("failed");
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (vault && card && !form.querySelector("[aria-disabled]")) send();
  });
  for (const radio of grounds) radio.addEventListener("change", choose);
  return (now) => {
    vault = now;
    if (vault) return open().catch((error) => show(error instanceof Shut ? "broken" : "offline"));
    turn++;
    card = null;
    for (const box of boxes) [box.checked, box.disabled] = [false, true];
    return show(form.dataset.closed);
  };
}

// The receiver's page

/**
 * Why nothing of a row {sender, senderKey, listed} is opened, by name; "" if it names the sender's compared key. What
 * the hub lists now chooses between words only.
 */
function doubtOf({ sender, senderKey, listed }, pins) {
  const pinned = pins[sender]?.public;
  if (!pinned) return "uncompared";
  if (pinned === senderKey) return "";
  return pinned === listed ? "older" : "changed";
}

function words(page, path, value) {
  if (path === "phone" || path === "emergency") {
    const { number, times, voicemail, name, phone, relation } = value;
    const voice = { true: page.dataset.voiceSafe, false: page.dataset.voiceUnsafe }[voicemail];
    return [number, times, voice, name, phone, relation].filter(Boolean).join(". ");
  }
  if (typeof value === "boolean") return value ? page.dataset.mailSafe : page.dataset.mailUnsafe;
  return Array.isArray(value) ? value.join(", ") : String(value);
}

function reading(page) {
  const labels = JSON.parse(page.dataset.labels);
  const rows = [...page.querySelectorAll("[data-disclosure]")];
  let vault = null;

  function say(row, name) {
    for (const part of row.querySelectorAll("[data-says]")) part.hidden = part.dataset.says !== name;
  }

  function shut(row) {
    row.querySelector("[data-fields]").replaceChildren();
    row.querySelector("[data-says=proven]").hidden = true;
    row.querySelector("[data-open]").hidden = false;
    row.querySelector("[data-close]").hidden = true;
  }

  /** The agency's pair for that key, this version's or an older one's that is still kept. */
  function pairFor(publicText, { handovers }) {
    const kept = handovers.find((each) => each.public === publicText);
    if (!kept) throw new Shut("hand-over key");
    return pairIn(vault, kept);
  }

  async function fieldsOf(row, state, pins) {
    const { disclosure, sender, to } = row.dataset;
    const { data_class: dataClass, receiver_key: key, sealed, tag } = await post(to);
    const where = { sender, receiver: whose.agency, disclosure, dataClass };
    return openHandover(where, {
      sealed: fromBase64url(sealed),
      tag: fromBase64url(tag),
      sender: fromBase64url(pins[sender].public),
      receiver: await pairFor(key, state),
    });
  }

  function wordOf(error) {
    if (error instanceof Refused && error.status === 404) return "over";
    if (error instanceof Shut && error.why === "tag") return "forged";
    return wordFor(error) === "failed" ? "failed" : "shut";
  }

  async function open(row) {
    vault ??= (await opened()) ?? (await askToOpen());
    if (!vault) return;
    say(row, "working");
    try {
      const state = await readState();
      const pins = await pinsIn(vault, state);
      // Before it is asked for: both ledgers would say that it was opened.
      const doubt = doubtOf(row.dataset, pins);
      if (doubt) return say(row, doubt);
      const fields = await fieldsOf(row, state, pins);
      if (!vault) return say(row, ""); // locked meanwhile
      const found = Object.entries(labels).flatMap(([path, label]) => {
        const value = fieldAt(fields, path.split("."));
        if (isNothing(value)) return [];
        const [term, text] = [document.createElement("dt"), document.createElement("dd")];
        [term.textContent, text.textContent] = [label, words(page, path, value)];
        return [term, text];
      });
      row.querySelector("[data-fields]").replaceChildren(...found);
      row.querySelector("[data-open]").hidden = true;
      row.querySelector("[data-close]").hidden = false;
      row.querySelector("[data-close]").focus();
      say(row, "proven");
    } catch (error) {
      say(row, wordOf(error));
    }
  }

  for (const row of rows) {
    row.querySelector("[data-open]").addEventListener("click", () => open(row));
    row.querySelector("[data-close]").addEventListener("click", () => {
      shut(row);
      row.querySelector("[data-open]").focus();
    });
  }
  return (now) => {
    vault = now;
    if (!vault) rows.forEach(shut);
  };
}

const parts = [
  ...[...document.querySelectorAll("form[data-hand-over]")].map(sending),
  ...[...document.querySelectorAll("[data-handed-to-us]")].map(reading),
];
whenChanged((vault) => parts.forEach((part) => part(vault)));
window.addEventListener("pagehide", () => parts.forEach((part) => part(null)));
