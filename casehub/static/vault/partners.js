// The page of the partners' hand-over keys: each one's code, to be compared by telephone, and what stands pinned in
// the book. Codes are worked out here from the keys; every word comes from the page.

import { fromBase64url, toBase64url } from "./box.js";
import { codeOf } from "./keys.js";
import { wordFor } from "./open.js";
import { Refused, opened, post, readState, whenChanged, whose } from "./session.js";

const page = document.getElementById("partners");
const one = (selector) => page.querySelector(selector);
const rows = [...page.querySelectorAll("[data-partner]")];
let turn = 0;

function say(name) {
  for (const words of page.querySelectorAll("[data-partners-says]"))
    words.hidden = words.dataset.partnersSays !== name;
}

function show(name) {
  page.dataset.state = name;
  for (const part of page.querySelectorAll("[data-partners-when]"))
    part.hidden = !part.dataset.partnersWhen.split(" ").includes(name);
}

function code(agency, publicText) {
  return codeOf({ kind: "handover", agency, holder: "agency", publicKey: fromBase64url(publicText) });
}

function stateNow(state, vault) {
  if (state.state !== "in") return state.state;
  return vault?.version === state.version ? "open" : "locked";
}

// "pinned", "changed" since it was compared, "new": only the book can tell.
async function showRow(row, pins) {
  const { partner, public: publicText } = row.dataset;
  const pin = pins?.[partner];
  const is = !pins ? "unknown" : !pin ? "new" : pin.public === publicText ? "pinned" : "changed";
  row.dataset.is = is;
  for (const part of row.querySelectorAll("[data-is-when]"))
    part.hidden = !part.dataset.isWhen.split(" ").includes(is);
  row.querySelector("[data-code]").textContent = await code(partner, publicText);
  if (row.querySelector("[data-heard]")) row.querySelector("[data-heard]").checked = false;
}

async function look() {
  const mine = ++turn;
  const [state, vault] = [await readState(), await opened()];
  const name = stateNow(state, vault);
  let pins = null;
  if (name === "open") {
    pins = (await vault.openBook({ serial: state.book.serial }, fromBase64url(state.book.sealed))).partners;
    // Our own code is read out only for the key whose private half is ours.
    const publicKey = fromBase64url(state.handover.public);
    (await vault.openHandoverKey({ publicKey }, fromBase64url(state.handover.sealed))).fill(0);
    one("[data-own-code]").textContent = await code(whose.agency, state.handover.public);
    one("[data-own-unlisted]").hidden = page.dataset.listed === state.handover.public;
  }
  await Promise.all(rows.map((row) => showRow(row, pins)));
  if (mine === turn) show(name);
}

async function change(row, changed, drop) {
  say("working");
  try {
    const [state, vault] = [await readState(), await opened()];
    if (stateNow(state, vault) !== "open") throw new Refused(409, { error: "moved" });
    const book = await vault.openBook({ serial: state.book.serial }, fromBase64url(state.book.sealed));
    book.partners = changed({ ...book.partners });
    const serial = state.book.serial + 1;
    const sealed = toBase64url(await vault.sealBook({ serial }, book));
    await post("/vault/partner/", {
      partner: Number(row.dataset.partner),
      drop,
      version: vault.version,
      book: { serial, sealed },
    });
    say("done");
  } catch (error) {
    say(error instanceof Refused && error.status === 409 ? "moved" : wordFor(error));
  }
  await again();
}

function pin(row) {
  const heard = row.querySelector("[data-heard]");
  if (!heard.checked) return heard.focus();
  // Exactly the key whose code stands on the page: what the hub says now may be another one.
  const { partner, public: publicText } = row.dataset;
  const pinned = { public: publicText, by: whose.user, at: new Date().toISOString().slice(0, 10) };
  return change(row, (partners) => ({ ...partners, [partner]: pinned }), false);
}

function unpin(row) {
  const gone = row.dataset.partner;
  return change(
    row,
    (partners) => Object.fromEntries(Object.entries(partners).filter(([agency]) => agency !== gone)),
    true,
  );
}

function again() {
  return look().catch((error) => {
    show("broken");
    say(wordFor(error));
  });
}

for (const row of rows) {
  row.querySelector("[data-pin]")?.addEventListener("click", () => pin(row));
  row.querySelector("[data-unpin]")?.addEventListener("click", () => unpin(row));
}
whenChanged(again);
