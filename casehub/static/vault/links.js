// The own client's card beside a question whether two records are one person. Only what was compared is shown, in
// this page's memory; nothing of it is sent.

import { displayName } from "./card.js";
import { day } from "./day.js";
import { whenChanged } from "./session.js";
import { isOtherKey, openCards } from "./store.js";

const place = document.querySelector("[data-own-card]");
let turn = 0;

function put(key, text) {
  place.querySelector(`[data-own="${key}"]`).textContent = text || place.dataset.none;
}

function show(state) {
  place.dataset.state = state;
  for (const one of place.querySelectorAll("[data-when]"))
    one.hidden = !one.dataset.when.split(" ").includes(state);
}

function wipe() {
  turn++;
  for (const one of place.querySelectorAll("[data-own]")) one.textContent = "";
}

function fill(card) {
  const { used, legal, other } = card.name ?? {};
  put("name", displayName(card));
  put("legal", used && legal);
  put("other", Array.isArray(other) ? other.filter(Boolean).join(", ") : "");
  put("birth", card.birth && day(card.birth));
  put("ssn4", card.ids?.ssn4);
  put("zip", card.zip);
}

async function look(vault) {
  const mine = ++turn;
  if (!vault) return show(place.dataset.closed);
  try {
    const row = (await openCards(vault, [place.dataset.client])).get(place.dataset.client);
    // Locked, or asked again, while the hub was answering.
    if (mine !== turn) return;
    if (!row) return show("none");
    if (row.error) return show(isOtherKey(row.error) ? "nokey" : "broken");
    fill(row.card);
    show("open");
  } catch {
    if (mine === turn) show("offline");
  }
}

if (place) {
  whenChanged((vault) => {
    wipe();
    look(vault);
  });
  window.addEventListener("pagehide", wipe);
}
