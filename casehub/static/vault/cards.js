// What the pages show of contact cards: a name before each code, and the client's header. Opened in memory, gone on
// lock and when the page is left. The card's form stands in cardform.js, the search over all cards in cardsearch.js.

import { displayName } from "./card.js";
import "./cardform.js";
import "./cardsearch.js";
import { Shut } from "./box.js";
import { whenChanged } from "./session.js";
import { isOtherKey, openCards } from "./store.js";

let vault = null;
let turn = 0;

function places() {
  return [...document.querySelectorAll("[data-card]")];
}

// Names

function name(place, card) {
  if (place.querySelector(":scope > [data-card-name]")) return;
  const shown = card && displayName(card);
  if (!shown) return;
  const label = document.createElement("span");
  label.dataset.cardName = "";
  label.textContent = shown;
  place.prepend(label, " ");
}

function unname(place) {
  const label = place.querySelector(":scope > [data-card-name]");
  if (!label) return;
  label.nextSibling?.remove();
  label.remove();
}

// The client's header

const header = document.querySelector("[data-card-header]");

function field(key) {
  return header.querySelector(`[data-card-field="${key}"]`);
}

function put(key, text) {
  const place = field(key);
  place.textContent = text ?? "";
  const row = place.closest("[data-card-row]");
  if (row) row.hidden = !text;
}

function show(state) {
  header.classList.toggle("card--locked", !["open", "none", "nobody"].includes(state));
  header.dataset.cardState = state;
  for (const one of header.querySelectorAll("[data-when]"))
    one.hidden = !one.dataset.when.split(" ").includes(state);
}

function inWords(card) {
  const { voicemail, number, times } = card.phone ?? {};
  const voice = { true: header.dataset.voiceSafe, false: header.dataset.voiceUnsafe }[voicemail];
  put("pronouns", card.pronouns);
  put("alert", card.alert);
  put("phone", [number, times].filter(Boolean).join(". "));
  put("voicemail", number || voice ? (voice ?? header.dataset.voiceUnknown) : "");
  put("code_word", card.code_word);
  put("language", [card.language, card.interpreter].filter(Boolean).join(", "));
  const facts = header.querySelector("[data-card-facts]");
  facts.hidden = [...facts.querySelectorAll("[data-card-row]")].every((row) => row.hidden);
}

function wipeHeader() {
  if (!header) return;
  for (const key of ["pronouns", "alert", "phone", "voicemail", "code_word", "language"]) put(key, "");
  field("name").textContent = header.dataset.code;
  field("code").textContent = "";
}

function showHeader(row, failed) {
  const has = "hasCard" in header.dataset;
  if (!vault) return show(header.dataset.closed);
  if (failed) return show(failed instanceof Shut ? "broken" : "offline");
  if (!row) return show(has ? "broken" : "none");
  if (row.error) return show(isOtherKey(row.error) ? "newer" : "broken");
  wipeHeader();
  field("name").textContent = displayName(row.card) || header.dataset.code;
  if (displayName(row.card)) field("code").textContent = header.dataset.code;
  show("open");
  inWords(row.card);
}

// Both

function wipe() {
  turn++;
  places().forEach(unname);
  wipeHeader();
}

async function look() {
  const mine = ++turn;
  const all = places();
  const clients = new Set(all.map((place) => place.dataset.card));
  if (header) clients.add(header.dataset.client);
  if (!vault) return header && showHeader();
  if (!clients.size) return;
  let [found, failed] = [new Map(), null];
  try {
    found = await openCards(vault, [...clients]);
  } catch (error) {
    failed = error;
  }
  // Locked, or asked again, while the hub was answering.
  if (mine !== turn) return;
  for (const place of all) name(place, found.get(place.dataset.card)?.card);
  if (header) showHeader(found.get(header.dataset.client), failed);
}

whenChanged((now) => {
  vault = now;
  wipe();
  look();
});
document.addEventListener("htmx:afterSettle", look);
window.addEventListener("pagehide", wipe);
window.addEventListener("online", look);
