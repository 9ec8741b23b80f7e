// Seals older cards anew under the newest key, in the background. Each batch is whole by itself, so it may be stopped
// anywhere; cards that somebody saved meanwhile are left for the next round.

import { toBase64url } from "./box.js";
import { Refused, post } from "./session.js";

const AT_ONCE = 200;
let running = false;

/** Up to `limit` cards under an older key, after the client: {client, revision, savedAt, version, card or error}. */
export async function older(vault, limit = AT_ONCE, after = null) {
  return vault.openMany(await post("/cards/older/", { after, limit }));
}

async function again(vault, { client, revision, savedAt, card }) {
  // The content is as old as it was; only the revision goes on.
  const sealed = await vault.sealCard({ client, revision: revision + 1, savedAt }, card);
  return { client, revision, saved_at: savedAt, sealed: toBase64url(sealed) };
}

/**
 * Seals every older card anew. `progress({done, left})` hears how far it is; `left` counts also what does not open.
 * Then asks the hub to destroy what no card needs any more. Does nothing while it runs already.
 */
export async function catchUp(vault, progress = () => {}) {
  if (running) return;
  running = true;
  try {
    let [after, done, left] = [null, 0, 0];
    for (;;) {
      const rows = await older(vault, AT_ONCE, after);
      if (!rows.length) break;
      after = rows.at(-1).client;
      const cards = await Promise.all(rows.filter((row) => row.card).map((row) => again(vault, row)));
      if (!cards.length) continue;
      const answer = await post("/cards/reseal/", { cards });
      done += answer.done;
      left = answer.left;
      progress({ done, left });
    }
    if (done && !left) await post("/vault/finish/");
  } catch (error) {
    // A page that is left, a hub without the route, a lock: the next open page goes on.
    if (!(error instanceof Refused || error instanceof TypeError)) throw error;
  } finally {
    running = false;
  }
}

