// What the pages show of contact cards: a name before each code, and the client's header. Opened in memory, gone on
// lock and when the page is left. The card's form stands in cardform.js, the search over all cards in cardsearch.js.

import { displayName } from "./card.js";
import "./cardform.js";
import "./cardsearch.js";
import { Shut } from "./box.js";
import { day } from "./day.js";
import { whenChanged } from "./session.js";
import { isOtherKey, openCards } from "./store.js";

let vault = null;
let turn = 0;

function places() {
  return [...document.querySelectorAll("[data-card]")];
}

// Names

function name(place, row) {
  if (place.querySelector(":scope > [data-card-name]")) return;
  const shown = row?.card && displayName(row.card);
  const broken = row?.error && !isOtherKey(row.error) && document.getElementById("card-broken")?.content.cloneNode(true);
  if (!shown && !broken) return;
  const label = document.createElement("span");
  label.dataset.cardName = "";
  label.append(broken || shown);
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

function put(key, ...content) {
  const place = field(key);
  place.replaceChildren(...content.filter(Boolean));
  const row = place.closest("[data-card-row]");
  if (row) row.hidden = !place.hasChildNodes();
}

function show(state) {
  header.classList.toggle("card--locked", !["open", "none", "nobody"].includes(state));
  header.dataset.cardState = state;
  for (const one of header.querySelectorAll("[data-when]"))
    one.hidden = !one.dataset.when.split(" ").includes(state);
}

function word(name) {
  return header.querySelector("[data-card-words]").content.querySelector(`[data-word="${name}"]`)?.textContent ?? name;
}

function safety(is, unknown) {
  return word({ true: "safe", false: "unsafe" }[is] ?? unknown);
}

function inWords({ card, savedAt }) {
  const { voicemail, number, times } = card.phone ?? {};
  const { name, phone, relation } = card.emergency ?? {};
  const { used, legal, other } = card.name ?? {};
  const known = (one, separator) => one.filter(Boolean).join(separator);
  put("pronouns", card.pronouns);
  put("alert", card.alert);
  put("phone", known([number, times], ". "));
  put("voicemail", (number || voicemail !== undefined) && safety(voicemail, "leave-none"));
  put("code_word", card.code_word);
  put("language", known([card.language, card.interpreter], ", "));
  put("legal", used && legal);
  put("other", known(other ?? [], ", "));
  put("birth", card.birth && day(card.birth));
  put("address", card.address);
  put("mail", card.address && safety(card.address_safe, "send-none"));
  put("emergency", known([name, relation, phone], ", "));
  const ids = [card.ids?.ssn4 && word("ssn4").replace("{n}", card.ids.ssn4), ...(card.ids?.other ?? [])];
  put("ids", known(ids, ", "));
  put("kept", word("kept").replace("{day}", day(savedAt * 1000)));
  const facts = [...header.querySelectorAll("[data-card-facts] [data-card-row]")];
  header.querySelector("[data-card-empty]").hidden = facts.some((row) => !row.hidden);
}

/** Those whose cards this reader may open by name, as links; of the rest only that they are there. */
async function relate(card, mine) {
  const relations = (card.relations ?? []).filter((one) => typeof one?.client === "string");
  if (!relations.length) return;
  const found = await openCards(vault, [...new Set(relations.map((one) => one.client))]).catch(() => new Map());
  if (mine !== turn) return;
  const lines = relations.map(({ client, kind }) => {
    const line = document.createElement("span");
    line.className = "card__related";
    const theirs = found.get(client)?.card;
    const who = document.createElement(theirs ? "a" : "span");
    if (theirs) who.href = header.dataset.url.replace("00000000-0000-0000-0000-000000000000", client);
    who.textContent = theirs ? displayName(theirs) || word("nameless") : word("closed");
    line.append(who, kind ? ` (${word(kind)})` : "");
    return line;
  });
  put("related", ...lines);
  header.querySelector("[data-card-empty]").hidden = true;
}

function wipeHeader() {
  if (!header) return;
  for (const { dataset } of header.querySelectorAll("[data-card-field]")) put(dataset.cardField);
  field("name").textContent = header.dataset.code;
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
  inWords(row);
  relate(row.card, turn);
}

// The list's line: why a name is missing

function say(troubles) {
  for (const one of document.querySelectorAll("[data-card-trouble]"))
    one.hidden = !troubles.has(one.dataset.cardTrouble);
}

function trouble(row) {
  return isOtherKey(row.error) ? "newer" : "broken";
}


// Both

function wipe() {
  turn++;
  places().forEach(unname);
  say(new Set());
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
  for (const place of all) name(place, found.get(place.dataset.card));
  say(new Set([failed && "offline", ...[...found.values()].filter((row) => row.error).map(trouble)]));
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
