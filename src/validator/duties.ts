/** What other members were seen to do of what they owed, besides votes and probes (docs/protocol.md, section 15.3). */
import { ZeroAddress } from "ethers";

import type { Office, Projection } from "../ledger/projection.js";
import { PATH } from "../protocol/api.js";
import type { Participation } from "../protocol/participation.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { Peers } from "./peers.js";

/** Requests to take part in an Ed25519 signature. */
const SIGNING: readonly string[] = [PATH.frostCommit, PATH.frostSign];

/** Peers of which it is counted who answers when asked to sign. */
export function countedPeers(peers: Peers, participation: Participation): Peers {
  return {
    ...peers,
    async post(seat, path, body, signal, maximumAnswerBytes) {
      try {
        const answer = await peers.post(seat, path, body, signal, maximumAnswerBytes);
        if (SIGNING.includes(path)) participation.count("signature", seat, true);
        return answer;
      } catch (error) {
        if (SIGNING.includes(path) && isOwed(error, signal)) participation.count("signature", seat, false);
        throw error;
      }
    },
  };
}

/** Not from who was asked in vain because others were faster, nor from who is a block behind and is asked again. */
function isOwed(error: unknown, signal: AbortSignal | undefined): boolean {
  if (error instanceof SwarmkeepError && error.code === "statement-unknown") return false;
  const reason: unknown = signal?.aborted === true ? signal.reason : undefined;
  return reason === undefined || (reason instanceof DOMException && reason.name === "TimeoutError");
}

/** As KeyCeremony.sol counts the kinds. */
const RESHARING = 1n;

/**
 * Counts what the ceremony that put a committee into office asked of its members: a dealing from those who were to deal, and the
 * acknowledgements that came. One that is missing says nothing, since the ceremony does not wait for the last ones.
 */
export function countCeremony(participation: Participation, projection: Projection, office: Office): void {
  const events = projection.ceremonies.get(office.ceremony) ?? [];
  const activated = events.findLast(({ name }) => name === "Activated");
  const before = projection.takeoverOf(office)?.before;
  // Office that went back to those before came with no ceremony.
  if (activated?.name !== "Activated" || (before !== undefined && before.ceremony >= office.ceremony)) return;
  const seatsOf = (wanted: "Dealt" | "Acknowledged"): Set<number> =>
    new Set(
      events.flatMap(({ name, args }) => {
        if (name !== wanted || !("attempt" in args) || args.attempt !== activated.args.attempt) return [];
        return Number("dealer" in args ? args.dealer : "receiver" in args ? args.receiver : 0n);
      }),
    );
  const [started] = events;
  const isResharing = started?.name === "CeremonyStarted" && started.args.kind === RESHARING;
  const dealers = (isResharing ? before?.committee : office.committee) ?? [];
  const [dealt, acknowledged] = [seatsOf("Dealt"), seatsOf("Acknowledged")];
  for (const [i, account] of office.committee.entries()) {
    if (account === ZeroAddress) continue;
    const dealer = dealers.findIndex((one) => one.toLowerCase() === account.toLowerCase()) + 1;
    if (dealer > 0) participation.count("ceremony", i + 1, dealt.has(dealer));
    if (acknowledged.has(i + 1)) participation.count("ceremony", i + 1, true);
  }
}
