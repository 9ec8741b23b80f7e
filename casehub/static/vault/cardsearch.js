// Search over all of the agency's cards, and "is it one of these?" while a new client is written down. Cards are asked
// for at the first key and stay in this page's memory; what is typed goes nowhere.

import { displayName, likely, matches, searchText, sortKey } from "./card.js";
import { day } from "./day.js";
import { opened, whenChanged } from "./session.js";
import { allCards } from "./store.js";

const SHOWN = 20;
const PAUSE_MS = 150;
let loading = null;

/** All cards that open, sorted by name, read once on this page: [{client, revision, card, text}]. */
export function everyCard() {
  loading ??= (async () => {
    const vault = await opened();
    if (!vault) return [];
    const rows = (await allCards(vault)).filter((row) => row.card);
    return rows
      .map((row) => ({ ...row, text: searchText(row.card), key: sortKey(row.card) }))
      .sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
  })();
  loading.catch(() => (loading = null));
  return loading;
}

/** The address of a client's page, as the page's own pattern has it. */
function address(section, client) {
  return section.dataset.url.replace("00000000-0000-0000-0000-000000000000", client);
}

function item(section, { client, card }, sub) {
  const row = document.createElement("li");
  const link = document.createElement("a");
  link.className = "go";
  link.href = address(section, client);
  link.textContent = displayName(card) || section.dataset.nameless;
  const aside = document.createElement("span");
  aside.className = "quiet";
  aside.textContent = sub;
  row.append(link, aside);
  return row;
}

// Whoever types on waits for the last answer only.
function paused(work) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, PAUSE_MS);
  };
}

function searching(section) {
  const box = section.querySelector("[data-card-searching]");
  if (!box) return () => {}; // this person has no key
  const input = section.querySelector("input");
  const list = section.querySelector("ul");
  const count = section.querySelector("[aria-live]");
  const { none, one, many, more, failed } = section.dataset;

  async function look() {
    const query = input.value.trim();
    if (!query) return clear();
    try {
      const all = await everyCard();
      if (query !== input.value.trim()) return;
      const found = all.filter((row) => matches(query, row.text));
      list.replaceChildren(...found.slice(0, SHOWN).map((row) => item(section, row, row.card.birth ? day(row.card.birth) : "")));
      const said = found.length === 1 ? one : found.length > SHOWN ? more : many;
      count.textContent = found.length ? said.replace("{n}", found.length).replace("{shown}", SHOWN) : none;
    } catch {
      list.replaceChildren();
      count.textContent = failed;
    }
  }

  function clear() {
    list.replaceChildren();
    count.textContent = "";
  }

  input.addEventListener("input", paused(look));
  return (vault) => {
    box.hidden = !vault;
    if (!vault) input.value = "";
    clear();
  };
}

function wondering(section) {
  const list = section.querySelector("ul");
  const { reasonBirth, reasonPhone, reasonName, reasonInitials } = section.dataset;
  const words = { birth: reasonBirth, phone: reasonPhone, name: reasonName, initials: reasonInitials };
  const form = section.closest("form");
  const typed = (path) => form.querySelector(`[data-field="${path}"]`).value.trim();

  async function look() {
    const card = {
      name: { used: typed("name.used") },
      birth: typed("birth"),
      phone: { number: typed("phone.number") },
    };
    const found = likely(card, await everyCard()).slice(0, SHOWN);
    const rows = found.map((row) => item(section, row, row.reasons.map((reason) => words[reason]).join(", ")));
    list.replaceChildren(...rows);
    section.hidden = !rows.length;
  }

  const soon = paused(() => look().catch(() => (section.hidden = true)));
  for (const path of ["name.used", "birth", "phone.number"])
    form.querySelector(`[data-field="${path}"]`).addEventListener("input", soon);
  return () => {
    list.replaceChildren();
    section.hidden = true;
  };
}

const parts = [
  ...[...document.querySelectorAll("[data-card-search]")].map(searching),
  ...[...document.querySelectorAll("[data-card-alike]")].map(wondering),
];
function tellAll(vault) {
  loading = null;
  for (const part of parts) part(vault);
}
whenChanged(tellAll);
window.addEventListener("pagehide", () => tellAll(null));
