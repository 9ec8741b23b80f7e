// Cards to and from the hub: asked for as streams, opened in this page's memory, sealed and sent.
// Nothing here touches the page; how a box is sealed stands in keys.js, two people's changes in card.js.

import { Shut, toBase64url } from "./box.js";
import { Refused, post, watermark } from "./session.js";

const AT_ONCE = 200;

/** Somebody else saved the card first. */
export class Moved extends Error {
  name = "Moved";
}

// Throws nothing for one card: a row that was put back to an older state is as broken as one that does not open.
function seen(row) {
  if (row.error) return row;
  try {
    watermark(row.client, row.revision);
    return row;
  } catch (error) {
    return { client: row.client, revision: row.revision, error };
  }
}

/**
 * The cards of these clients, by client: {client, revision, savedAt, version, card} or, for one that does not open,
 * {client, revision, error}. Clients without a card are left out. Throws Refused, and Shut for a stream cut off.
 */
export async function openCards(vault, clients) {
  const found = new Map();
  for (let i = 0; i < clients.length; i += AT_ONCE) {
    const asked = clients.slice(i, i + AT_ONCE);
    const rows = await vault.openMany(await post("/cards/open/", { clients: asked }));
    for (const row of rows) if (asked.includes(row.client)) found.set(row.client, seen(row));
  }
  return found;
}

/** All cards of the agency that this person may open, those that do not open among them with `error`. */
export async function allCards(vault) {
  return (await vault.openMany(await post("/cards/all/"))).map(seen);
}

/** A card sealed for the revision after `revision`, as the hub takes it. */
export async function sealed(vault, { client, revision }, card) {
  const savedAt = Math.floor(Date.now() / 1000);
  const box = await vault.sealCard({ client, revision: revision + 1, savedAt }, card);
  return { client, revision, saved_at: savedAt, key_version: vault.version, sealed: toBase64url(box) };
}

/** Saves the card and gives its new revision. Throws Moved if another save came first; Refused. */
export async function saveCard(vault, where, card) {
  try {
    const answer = await post("/cards/save/", await sealed(vault, where, card));
    watermark(where.client, answer.revision);
    return answer.revision;
  } catch (error) {
    if (error instanceof Refused && error.status === 409) throw new Moved();
    throw error;
  }
}

/** Whether the card is sealed with a key that this person was not given (yet). */
export function isOtherKey(error) {
  return error instanceof Shut && error.why === "version";
}
