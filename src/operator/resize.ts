/** Resizes: proposals that committees have more or fewer seats, and their submission once operators have approved them. */
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import {
  MAXIMUM_COMMITTEE,
  MINIMUM_COMMITTEE,
  MINIMUM_OPEN_COMMITTEE,
  OPEN_ADMISSION,
  quorumOf,
} from "../statements/quorum.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { when } from "../statements/time.js";
import type { MeshLedger } from "./ledger.js";
import { ProposalFields, type ProposalPlace, type Proposed, formatProposal, submitProposed } from "./proposal.js";
import type { Validators } from "./swarm-signature.js";

export interface ResizeProposal extends ProposalPlace {
  /** Address of the Rotation, checksummed. */
  readonly rotation: string;
  /** Of each committee from the next draw on. */
  readonly seats: bigint;
  /** Seconds since 1970: the ledger takes the statement until then. */
  readonly expiry: bigint;
}

export const RESIZE_KIND = "swarmkeep-resize/1";

export function formatResize(resize: ResizeProposal): string {
  return formatProposal(RESIZE_KIND, { ...resize });
}

/** @throws SwarmkeepError `bad-statement`, naming the field */
export function parseResize(text: string): ResizeProposal {
  const fields = new ProposalFields(text);
  fields.expectKind(RESIZE_KIND);
  return {
    ...fields.place(),
    rotation: fields.address("rotation"),
    seats: fields.count("seats", MAXIMUM_COMMITTEE, MINIMUM_COMMITTEE),
    expiry: fields.time("expiry"),
  };
}

export function proposedResize({ meshId, chainId, rotation, seats, expiry }: ResizeProposal): Proposed {
  const { f, t } = quorumOf(Number(seats));
  return {
    meshId,
    chainId,
    taker: "rotation",
    contract: rotation,
    request: { name: "Resize", values: { seats, expiry } },
    description: [
      `The mesh ${meshId}`,
      `  of        chain ${chainId}, rotation at ${rotation}`,
      `  seats     ${seats} members in committees from the next draw on: ${t} make a signature, ${f} may fail`,
      `  submitted until ${when(Number(expiry))}`,
    ].join("\n"),
  };
}

/**
 * The ledger takes a size that is allowed; where it is more than the candidates, no committee could be drawn any more.
 * @throws SwarmkeepError `bad-seats`, `no-rotation`
 */
export async function expectPossible({ contracts }: MeshLedger, seats: number): Promise<void> {
  const { admission, epochSeconds } = await contracts.anchor.parameters();
  if (epochSeconds === 0n) {
    throw new SwarmkeepError("the committee of this mesh stays as it is: it was founded without epochs", {
      kind: "usage",
      code: "no-rotation",
      advice: "A mesh whose committees change is founded with epochSeconds above 0.",
    });
  }
  const least = Number(admission) === OPEN_ADMISSION ? MINIMUM_OPEN_COMMITTEE : MINIMUM_COMMITTEE;
  const candidates = await weightedCandidates(contracts, seats);
  if (seats >= least && seats <= candidates) return;
  const tooFew = `this mesh has committees of at least ${least}${least > MINIMUM_COMMITTEE ? ", since admission is open" : ""}`;
  throw new SwarmkeepError(
    `no committee of ${seats} seats: ${seats < least ? tooFew : `there are ${candidates} candidates that can be drawn`}`,
    {
      kind: "usage",
      code: "bad-seats",
      advice: `Take ${least} to ${MAXIMUM_COMMITTEE}, and no more than there are candidates; \`swarmkeep mesh admit\` brings more.`,
      details: { seats, candidates },
    },
  );
}

/** Candidates that the next draw could take, no more than `enough` of them counted. */
async function weightedCandidates({ registry, rotation }: MeshLedger["contracts"], enough: number): Promise<number> {
  const count = Number(await registry.candidateCount());
  let found = 0;
  for (let from = 0; from < count && found < enough; from += MAXIMUM_COMMITTEE) {
    const ranks = Array.from({ length: Math.min(MAXIMUM_COMMITTEE, count - from) }, (_, i) => from + i);
    const weights = await Promise.all(ranks.map((rank) => rotation.currentWeightOf(rank)));
    found += weights.filter(({ weight }) => weight > 0n).length;
  }
  return found;
}

/** Gathers the swarm's signature and submits the resize, if there are still as many candidates. */
export async function submitResize(
  ledger: MeshLedger,
  validators: Validators,
  sender: TransactionSender,
  resize: ResizeProposal,
): Promise<Receipt> {
  await expectPossible(ledger, Number(resize.seats));
  return submitProposed(ledger, validators, sender, proposedResize(resize), {
    method: "resize",
    values: [resize.seats, resize.expiry],
    action: "resize the committee",
  });
}
