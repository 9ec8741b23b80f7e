// Seals older cards anew under the newest key, in the background. Each batch is whole by itself, so it may be stopped
// anywhere; cards that somebody saved meanwhile are left for the next round.

import { toBase64url } from "./box.js";
import { Refused, post } from "./session.js";

const AT_ONCE = 200;
const hearers = new Set();
let last = null;

/** Up to `limit` cards under an older key, after the client: {client, revision, savedAt, version, card or error}. */
export async function older(vault, limit = AT_ONCE, after = null) {
  return vault.openMany(await post("/cards/older/", { after, limit }));
}

async function again(vault, { client, revision, savedAt, card }) {
  // The content is as old as it was; only the revision goes on.
  const sealed = await vault.sealCard({ client, revision: revision + 1, savedAt }, card);
  return { client, revision, saved_at: savedAt, sealed: toBase64url(sealed) };
}

function tell(said) {
  for (const hear of hearers) hear(said);
}

async function round(vault) {
  let [after, done, left] = [null, 0, 0];
  try {
    for (;;) {
      const rows = await older(vault, AT_ONCE, after);
      if (!rows.length) break;
      after = rows.at(-1).client;
      const cards = await Promise.all(rows.filter((row) => row.card).map((row) => again(vault, row)));
      if (!cards.length) continue;
      const answer = await post("/cards/reseal/", { cards });
      done += answer.done;
      left = answer.left;
      tell({ done, left, stopped: false });
    }
    if (done && !left) {
      await fileToo(vault);
      await post("/vault/finish/");
    }
  } catch (error) {
    // A page that is left, a hub that refuses, a lock: the next open page goes on.
    if (!(error instanceof Refused || error instanceof TypeError)) throw error;
    // With a newer key meanwhile, the round of that one says how it ends.
    if (last?.vault === vault) tell({ done, left, stopped: true });
  }
}

/** The key holders' file under the newest key, so that the older one may go. Throws Refused. */
export async function fileToo(vault) {
  const { sealAgain } = await import("./network.js");
  await sealAgain(vault);
}

/**
 * Seals every older card anew, then asks the hub to destroy what no card needs any more. Whoever asks while it runs for
 * the same vault waits with it. `progress({done, left, stopped})` hears how far it is; `left` counts also what does not
 * open, `stopped` says that the hub refused a batch or could not be reached.
 */
export function catchUp(vault, progress = null) {
  if (progress) hearers.add(progress);
  if (last?.vault !== vault) {
    const turn = { vault };
    turn.done = Promise.resolve(last?.done.catch(() => {}))
      .then(() => round(vault))
      .finally(() => {
        if (last === turn) last = null;
        if (!last) hearers.clear();
      });
    last = turn;
  }
  return last.done;
}

